import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.codecs.openmetrics import Family, Sample, encode
from firstlight.codecs.openmetrics_read import decode
from firstlight.codecs.prometheus_families import families
from firstlight.errors import DecodeError
from tests.codecs.test_openmetrics import FAMILIES, TEXT
from tests.codecs.test_prometheus_families import readings


def test_what_we_write_comes_back() -> None:
    assert decode(TEXT.encode()) == FAMILIES


@given(st.lists(readings, max_size=6))
def test_whatever_comes_we_write_what_the_rules_allow(made: list) -> None:
    found = families(made)
    assert encode(decode(encode(found))) == encode(found)


def test_metrics_without_metadata_are_unknown() -> None:
    assert decode(b'a 1\nb{x="y\\z"} NaN 1e3\n# EOF')[0] == Family("a", "unknown", (Sample(1.0),))
    assert decode(b'b{x="y\\\\\\n\\z"} 2 -0.5\n# EOF\n')[0].samples == (
        Sample(2.0, (("x", "y\\\n\\z"),), time_ns=-500_000_000),
    )


GOOD = [
    "# HELP a \n# UNIT a \n",
    "# HELP a help\n# TYPE a counter\na_total 1\n",
    "# TYPE a histogram\n" + 'a_bucket{le="-1.0"} 0\na_bucket{le="1e-4"} 1\na_bucket{le="+Inf"} 3\n',
    '# TYPE a gaugehistogram\na_bucket{le="-1"} 1\na_bucket{le="+Inf"} 3 # {} 4 123\na_gcount 3\na_gsum -5\n',
    '# TYPE a gauge\na{b="1"} 1 0\na{b="1"} 2 0\na{b="2"} 1 -1\n',
    '# TYPE a stateset\na{a="x"} 0\na{a="y"} 1.0\n',
    '# TYPE a summary\na_count 1\na_sum 2\na{quantile="1"} NaN\n',
    "# TYPE a_s gauge\n# UNIT a_s s\na_s -Inf\n",
]
BAD = [
    "a 1\n\n",
    " a 1\n",
    "a  1\n",
    "a 1 \n",
    "a 0x1\n",
    "a 1_0\n",
    "a 1 NaN\n",
    "a{b=1} 1\n",
    'a{b="1",} 1\n',
    'a{b="1",b="2"} 1\n',
    "# FOO a b\n",
    "#a\n",
    "# HELP a\n",
    "# TYPE a untyped\n",
    "# TYPE a gauge\n# TYPE a gauge\n",
    "a 1\n# HELP a x\n",
    "# TYPE a counter\n# TYPE a_created gauge\n",
    "a 1\nb 1\na 2\n",
    "# UNIT a s\n",
    "# TYPE a_s info\n# UNIT a_s s\n",
    "# TYPE a counter\na_total -1\n",
    "# TYPE a counter\na_total NaN\n",
    "# TYPE a counter\na 1\n# TYPE a counter\n",
    '# TYPE a gauge\na 1 # {b="c"} 1\n',
    "# TYPE a info\na_info 2\n",
    "# TYPE a stateset\na 1\n",
    "# TYPE a summary\na 1\n",
    '# TYPE a summary\na{quantile="1.1"} 1\n',
    '# TYPE a histogram\na_bucket{le="1"} 1\n',
    '# TYPE a histogram\na_bucket{le="2"} 1\na_bucket{le="1"} 1\na_bucket{le="+Inf"} 1\n',
    '# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\n',
    '# TYPE a histogram\na_bucket{le="+Inf"} 1.5\n',
    '# TYPE a histogram\na_bucket{le="+INF"} 1\n',
    '# TYPE a histogram\na_bucket{le="+Inf"} 1\na_sum 1\n',
    '# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 2\na_sum 1\n',
    '# TYPE a histogram\na_bucket{le="-1"} 1\na_bucket{le="+Inf"} 2\na_count 2\na_sum 1\n',
    '# TYPE a histogram\na_count 1\na_sum 1\na_bucket{le="+Inf"} 1\n',
    "# TYPE a gauge\na 1 2\na 1 1\n",
    "# TYPE a gauge\na 1\na 1\n",
    '# TYPE a gauge\na{b="1"} 1\na{b="2"} 1\na{b="1"} 1\n',
    f'# TYPE a counter\na_total 1 # {{a="{"x" * 128}"}} 1\n',
]


@pytest.mark.parametrize("text", GOOD)
def test_good_text_is_read(text: str) -> None:
    assert decode(f"{text}# EOF\n".encode())


@pytest.mark.parametrize("text", BAD)
def test_bad_text_is_refused(text: str) -> None:
    with pytest.raises(DecodeError, match=r"OpenMetrics, line \d"):
        decode(f"{text}# EOF\n".encode())


@pytest.mark.parametrize("data", [b"", b"a 1\n", b"# EOF\n\n", b"# EOF\na 1\n", b"# EOFa", b"a\xff 1\n# EOF\n"])
def test_the_end_must_be_the_end(data: bytes) -> None:
    with pytest.raises(DecodeError, match="OpenMetrics, line"):
        decode(data)
