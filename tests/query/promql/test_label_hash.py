import pytest

from firstlight.query.promql.label_hash import hash_ratio, xxhash64


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"", 0xEF46DB3751D8E999), (b"a", 0xD24EC4F1A98C6E5B), (b"abc", 0x44BC2CF5AD770999)],
)
def test_hashes_are_those_of_xxhash(data: bytes, value: int) -> None:
    assert xxhash64(data) == value


def test_label_sets_spread_over_all_ratios() -> None:
    ratios = [hash_ratio((("__name__", "m"), ("i", str(n) * 20))) for n in range(200)]
    assert 0 <= min(ratios) < 0.1
    assert 0.9 < max(ratios) <= 1
    assert 70 < sum(ratio < 0.5 for ratio in ratios) < 130
