import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.codecs import influx
from firstlight.codecs.exponential import classic_buckets
from firstlight.codecs.influx import Point, Unsigned, decode, encode, encode_line
from firstlight.codecs.influx_points import points
from firstlight.errors import DecodeError, UsageError
from firstlight.model import Batch, Event, ExponentialPoint, Kind, Level, Resource, Series, Span
from firstlight.testing import sample_batch

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=6).filter(
    lambda text: not text.endswith("\\") and not text.startswith("#")
)
values = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(0, 2**64 - 1).map(Unsigned)
    | st.text(st.characters(codec="utf-8"), max_size=6)
    | st.booleans()
)
made_points = st.builds(
    Point,
    names,
    st.dictionaries(names, names, max_size=3),
    st.dictionaries(names, values, min_size=1, max_size=3),
    st.none() | st.integers(-(2**63), 2**63 - 1),
)


def test_golden_line() -> None:
    point = Point(
        "cpu load,=x",
        {"ta g": "a,b=c d", "path": "C:\\x"},
        {"i": 3, "u": Unsigned(2**64 - 1), "f": 6632243.0, "s": 'a "quote" \\ and\nline', "b": True, "k,e =y": -0.0},
        1_600_000_000_000_000_001,
    )
    line = (
        "cpu\\ load\\,=x,ta\\ g=a\\,b\\=c\\ d,path=C:\\x "
        'i=3i,u=18446744073709551615u,f=6.632243e+06,s="a \\"quote\\" \\\\ and\\nline",b=true,k\\,e\\ \\=y=-0 '
        "1600000000000000001"
    )
    assert encode_line(point) == line
    assert decode(line.encode()) == [point]


@given(st.lists(made_points, max_size=4))
def test_points_come_back(made: list[Point]) -> None:
    back = decode(encode(made))
    assert back == made
    kinds = [[type(value) for value in point.fields.values()] for point in made]
    assert [[type(value) for value in point.fields.values()] for point in back] == kinds


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_exact(value: float) -> None:
    assert float(influx.format_float(value)).hex() == value.hex()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (0.1, "0.1"),
        (1e-05, "1e-05"),
        (999999.5, "999999.5"),
        (1000000.0, "1e+06"),
        (-1234567.5, "-1.2345675e+06"),
        (1000000000000000.0, "1e+15"),
        (1e21, "1e+21"),
        (5e-324, "5e-324"),
    ],
)
def test_floats_are_written_as_go_does(value: float, text: str) -> None:
    assert influx.format_float(value) == text


@pytest.mark.parametrize("precision", ["ns", "us", "ms", "s"])
def test_times_have_a_precision(precision: influx.Precision) -> None:
    unit_ns = influx.NS_PER[precision]
    assert encode_line(Point("m", {}, {"v": 1}, 7_000_000_000), precision).split()[-1] == str(7 * 10**9 // unit_ns)
    assert decode(b"m v=1i 7\nm v=1i", 1_234_567_891_234_567_891, precision) == [
        Point("m", {}, {"v": 1}, 7 * unit_ns),
        Point("m", {}, {"v": 1}, 1_234_567_891_234_567_891 // unit_ns * unit_ns),
    ]


def test_comments_blank_lines_and_odd_ends_are_read() -> None:
    text = b'# a\n\n  m v=1 \r\nm,a=b\\ c s="two\nlines",s="last"  42  \nn\\x x=t'
    assert decode(text, 0) == [
        Point("m", {}, {"v": 1.0}, 0),
        Point("m", {"a": "b c"}, {"s": "last"}, 42),
        Point("n\\x", {}, {"x": True}, 0),
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"m",
        b"m ",
        b"m,",
        b"m,a v=1",
        b"m,a= v=1",
        b"m,a=1,a=2 v=1",
        b"m v",
        b"m v=",
        b"m v=NaN",
        b"m v=1x",
        b"m v=1.0i",
        b"m v=-1u",
        b"m v=9223372036854775808i",
        b"m v=1e999",
        b'm v="open',
        b'm v="a"b',
        b"m v=1 x",
        b"m v=1 1 1",
        b"m v=\xff",
        b"m v=1 9223372036854775808",
        b"m\x00 v=1",
        b"m v=1,",
        b"#\x01",
        b'm v="\xff"',
    ],
)
def test_wrong_lines_are_refused_by_number(line: bytes) -> None:
    with pytest.raises(DecodeError, match="line 2"):
        decode(b"ok v=1\n" + line)


@pytest.mark.parametrize(
    "point",
    [
        Point("", {}, {"v": 1}),
        Point("m", {"a": ""}, {"v": 1}),
        Point("m", {}, {}),
        Point("m", {}, {"v": math.nan}),
        Point("m", {}, {"v": math.inf}),
        Point("m", {}, {"v": 2**63}),
        Point("m", {}, {"v": Unsigned(2**64)}),
        Point("m", {"a": "x\\"}, {"v": 1}),
        Point("m", {"a\n": "x"}, {"v": 1}),
    ],
)
def test_what_cannot_be_written_is_refused(point: Point) -> None:
    with pytest.raises(UsageError):
        encode_line(point)


def test_a_batch_becomes_points() -> None:
    lines = encode(points(sample_batch())).decode().splitlines()
    assert lines[0].startswith(
        'order_paid,component=checkout,level=WARN,service=shop,subsystem=orders message="Paid.",process_id=42i,'
    )
    assert 'deep="{\\"list\\":[1,2.5,true]}",big=9223372036854775807i' in lines[0]
    assert lines[1].startswith("events,level=INFO,service=shop process_id=42i,")
    assert lines[2].startswith("spans,kind=server,operation=pay,service=shop,status=error duration_ns=5i,")
    metrics = [line.rsplit(" ", 1)[0] for line in lines[3:]]
    sender = "service=shop,session_id=5f1c0000000000000000000000000000"
    assert metrics == [
        f"orders_total,currency=EUR,{sender} value=3",
        f"queue_length,{sender} value=-1.5",
        f"pay_seconds,le=0.5,{sender} bucket=1",
        f"pay_seconds,le=+Inf,{sender} bucket=2",
        f"pay_seconds,{sender} sum=7.25",
        f"pay_seconds,{sender} count=2",
    ]


def test_what_influx_cannot_keep_is_bent() -> None:
    batch = Batch(Resource(""))
    odd = {"none": None, "nan": math.nan, "big": 2**64, "wide": 2**63, "time": 1, "a\nb": "x", "end\\": 1}
    batch.events.append(Event(5, "zone\n", Level.INFO, attributes=odd))
    batch.add_sample(Series("x"), 1, math.nan)
    (point,) = decode(encode(points(batch)))
    assert point.name == "zone "
    assert point.fields == {
        "process_id": 0,
        "thread_id": 0,
        "big": 2.0**64,
        "wide": 2**63,
        "time_": 1,
        "a b": "x",
        "end\\ ": 1,
    }


def test_an_exponential_histogram_becomes_buckets() -> None:
    batch = Batch(Resource())
    series = Series("wait", (("a", "b"),), kind=Kind.HISTOGRAM)
    batch.series[series.id()] = series
    batch.exponential.append(ExponentialPoint(series.id(), 9, 7, 12.5, 0, 1, 0.0, 0, [2, 0, 3], 1, [1], None, 5.5))
    back = decode(encode(points(batch)))
    assert [(point.tags.get("le"), point.fields) for point in back] == [
        ("-2", {"bucket": 1.0}),
        ("0", {"bucket": 2.0}),
        ("2", {"bucket": 4.0}),
        ("4", {"bucket": 4.0}),
        ("8", {"bucket": 7.0}),
        ("+Inf", {"bucket": 7.0}),
        (None, {"count": 7.0, "sum": 12.5, "max": 5.5}),
    ]


def test_bounds_beyond_a_double_are_infinite() -> None:
    point = ExponentialPoint(1, 0, 3, 0.0, -10, 0, 0.0, 0, [1, 2])
    assert classic_buckets(point) == [(math.inf, 3)]


def test_spans_keep_their_ids() -> None:
    batch = Batch(Resource())
    batch.spans.append(Span(1, 11, "pay", "a" * 32, "b" * 16, attributes={"n": 1}))
    (point,) = points(batch)
    assert (point.time_ns, point.fields["duration_ns"], point.fields["trace_id"]) == (1, 10, "a" * 32)
    assert point.fields["n"] == 1
