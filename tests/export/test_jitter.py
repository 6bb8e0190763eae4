from hypothesis import given
from hypothesis import strategies as st

from firstlight.export.jitter import shortened


@given(st.floats(0.0, 1e6), st.floats(0.0, 1.0))
def test_a_wait_is_shortened_by_no_more_than_its_share(wait_s: float, most_ratio: float) -> None:
    least_s = wait_s * (1 - most_ratio)
    assert least_s <= shortened(wait_s, most_ratio) <= wait_s or wait_s - least_s < 1e-9


def test_two_do_not_wait_for_the_same_time() -> None:
    waits_s = {shortened(1.0) for _ in range(20)}
    assert len(waits_s) > 1
    assert all(0.5 <= wait_s <= 1.0 for wait_s in waits_s)
