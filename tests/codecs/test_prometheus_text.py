import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from firstlight.codecs.prometheus_text import Family, Sample, decode, encode, encode_parts, format_value, legal_name
from firstlight.errors import DecodeError, UsageError

GOLDEN_FAMILIES = [
    Family(
        "http_requests_total",
        (
            Sample(1027.0, (("method", "post"), ("code", "200"))),
            Sample(3.0, (("method", "post"), ("code", "400")), time_ms=1395066363000),
        ),
        "counter",
        "Requests so far.\nBackslash \\ stays.",
    ),
    Family("room", (Sample(0.1 + 0.2, (("path", 'C:\\DIR\n"x"'),)), Sample(float("-inf"))), "gauge", "Kälte"),
    Family(
        "wait_seconds",
        (
            Sample(2.0, (("le", "0.5"),), "_bucket"),
            Sample(3.0, (("le", "+Inf"),), "_bucket"),
            Sample(4.5, (), "_sum"),
            Sample(3.0, (), "_count"),
        ),
        "histogram",
    ),
]
GOLDEN_TEXT = """\
# HELP http_requests_total Requests so far.\\nBackslash \\\\ stays.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027
http_requests_total{method="post",code="400"} 3 1395066363000
# HELP room Kälte
# TYPE room gauge
room{path="C:\\\\DIR\\n\\"x\\""} 0.30000000000000004
room -Inf
# TYPE wait_seconds histogram
wait_seconds_bucket{le="0.5"} 2
wait_seconds_bucket{le="+Inf"} 3
wait_seconds_sum 4.5
wait_seconds_count 3
"""

metric_names = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,8}", fullmatch=True).filter(
    lambda name: not name.endswith(("_bucket", "_sum", "_count"))
)
labels = st.dictionaries(
    st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,5}", fullmatch=True), st.text(st.characters(exclude_categories=["Cs"]))
).map(lambda pairs: tuple(pairs.items()))
samples = st.builds(Sample, st.floats(), labels, st.just(""), st.none() | st.integers(-(2**53), 2**53))
families = st.lists(
    st.builds(
        Family,
        metric_names,
        st.lists(samples, max_size=3).map(tuple),
        st.sampled_from(["counter", "gauge", "untyped"]),
        st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: text.strip()),
    ),
    unique_by=lambda family: family.name,
    max_size=4,
)


def bits(value: float) -> bytes:
    return b"nan" if math.isnan(value) else struct.pack("<d", value)


def test_golden_bytes():
    assert encode(GOLDEN_FAMILIES).decode() == GOLDEN_TEXT
    assert decode(GOLDEN_TEXT.encode()) == GOLDEN_FAMILIES


def test_parts_are_whole_families():
    parts = list(encode_parts(GOLDEN_FAMILIES))
    assert len(parts) == len(GOLDEN_FAMILIES)
    assert all(part.startswith(b"# ") and part.endswith(b"\n") for part in parts)


@given(families)
def test_what_is_written_reads_back_the_same(written):
    read = decode(encode(written))
    assert [(f.name, f.type, f.help) for f in read] == [(f.name, f.type, f.help) for f in written]
    for before, after in zip(written, read, strict=True):
        assert [(s.labels, s.suffix, s.time_ms) for s in after.samples] == [
            (s.labels, s.suffix, s.time_ms) for s in before.samples
        ]
        assert [bits(s.value) for s in after.samples] == [bits(s.value) for s in before.samples]


def test_prometheus_own_parser_reads_the_same():
    parsed = {family.name: family for family in text_string_to_metric_families(encode(GOLDEN_FAMILIES).decode())}
    assert parsed["http_requests"].documentation == "Requests so far.\nBackslash \\ stays."
    assert parsed["room"].samples[0].labels == {"path": 'C:\\DIR\n"x"'}
    assert [s.value for s in parsed["room"].samples] == [0.1 + 0.2, float("-inf")]
    assert parsed["wait_seconds"].type == "histogram"
    assert [s.name for s in parsed["wait_seconds"].samples][-2:] == ["wait_seconds_sum", "wait_seconds_count"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e21, "1e+21"),
        (5e-324, "5e-324"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
    ],
)
def test_values_are_as_short_as_can_be(value, text):
    assert format_value(value) == text


def test_lenient_where_the_format_is():
    text = b'# a comment\n#\n# TYPE a gauge\n\n  a{ x = "1" , y="2", }\t 1.5e3  17 \r\nb NaN\nc{} +Inf\n'
    assert decode(text)[:1] == [Family("a", (Sample(1500.0, (("x", "1"), ("y", "2")), time_ms=17),), "gauge")]
    assert [family.name for family in decode(text)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "line",
    [
        "9a 1",
        "a",
        "a one",
        "a 1_0",
        "a 1 2 3",
        "a 1 2.5",
        'a{x="1"',
        "a{x=1} 1",
        'a{x="1" y="2"} 1',
        'a{x="1",x="2"} 1',
        "a{,} 1",
        "# TYPE a sort_of",
        "# TYPE 9 gauge",
        "a 1\n# TYPE a gauge",
    ],
)
def test_wrong_lines_are_named(line):
    with pytest.raises(DecodeError, match=f"line {2 + line.count(chr(10))}"):
        decode(f"ok 1\n{line}\n".encode())


def test_bytes_that_are_not_text_are_an_error():
    with pytest.raises(DecodeError, match="UTF-8"):
        decode(b'a{x="\xff"} 1\n')


@pytest.mark.parametrize(
    "bad",
    [
        [Family("a-b", ())],
        [Family("a", (), "sort_of")],
        [Family("a", (Sample(1.0, (("x:y", "1"),)),))],
        [Family("a", (Sample(1.0, (), "_bucket"),), "counter")],
        [Family("a", ()), Family("a", ())],
    ],
)
def test_what_prometheus_would_refuse_is_not_written(bad):
    with pytest.raises(UsageError):
        encode(bad)


@given(st.text())
def test_every_name_can_be_made_legal(name):
    assert encode([Family(legal_name(name), (Sample(1.0),))])


def test_comments_that_look_like_metadata_are_comments():
    assert decode(b"# HELP\n# HELP a\n# HELP a \n# TYPE\n# HELP a x\na 1\n") == [Family("a", (Sample(1.0),), help="x")]


@pytest.mark.parametrize(
    "text",
    [
        "a 3.14",
        'a{b="\\t"} 1\n',
        'a{__name__="b"} 1\n',
        "# HELP a x\n# HELP a y\n",
        '# TYPE a histogram\na_bucket{le="x"} 1\n',
        '# TYPE a summary\na{quantile="x"} 1\n',
    ],
)
def test_what_may_be_cut_off_or_mistaken_is_refused(text):
    with pytest.raises(DecodeError):
        decode(text.encode())
