import pytest

from firstlight.codecs.prometheus_escaping import unescaped


@pytest.mark.parametrize(
    ("escaped", "meant"),
    [
        ("plain", "plain"),
        ("a_2e_b", "a_2e_b"),
        ("U__a_2e_b", "a.b"),
        ("U__a__b", "a_b"),
        ("U__a_1F600_", "a\U0001f600"),
        ("U___2e_", "."),
        ("U__a_zz_", "U__a_zz_"),
        ("U__a_d800_", "U__a_d800_"),
        ("U__a_110000_", "U__a_110000_"),
        ("U__a_", "U__a_"),
        ("U__", ""),
    ],
)
def test_an_escaped_name_is_read(escaped, meant):
    assert unescaped(escaped) == meant
