"""What goes back and forth without a loss, and what other programs' texts become."""

import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.codecs import exact_values, influx, jsonl, jsonl_rows, prometheus_text
from firstlight.codecs.influx_batches import batches
from firstlight.codecs.openmetrics_read import decode, decode_part
from firstlight.codecs.prometheus_batches import openmetrics_batch, text_batch
from firstlight.codecs.prometheus_families import family_of
from firstlight.codecs.prometheus_history import OpenMetrics, Run, Text, group_samples
from firstlight.errors import DecodeError
from firstlight.model import Batch, Event, Kind, Resource, Series
from tests.peers import peer

SECOND = 10**9


@given(st.integers(0, 2**64 - 1))
def test_every_double_is_spelled_so_that_it_comes_back(bits: int) -> None:
    (value,) = struct.unpack("<d", struct.pack("<Q", bits))
    assert struct.pack("<d", exact_values.read(exact_values.spelled(value))) == struct.pack("<Q", bits)


@pytest.mark.parametrize("text", ["NaN(0x3ff0000000000000)", "NaN(7ff0000000000002)", "one", "NaN()"])
def test_what_is_no_double_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="NaN|could not convert"):
        exact_values.read(text)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
attributes = st.dictionaries(st.text() | st.just("tick_id"), json_values, max_size=4)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-128, 127), st.text(), attributes, attributes)
def test_a_whole_line_of_an_event_is_the_event(time_ns: int, level: int, text: str, data: dict, sender: dict) -> None:
    resource = Resource(text, text[:1], "host", 7, sender)
    event = Event(time_ns, text, level, "sub", text, text, data, "t", "s", 5)
    line = jsonl.encode_whole([event], resource)
    (batch,) = jsonl.decode_events(line)
    assert (batch.events, batch.resource) == ([event], resource)
    assert list(batch.events[0].attributes) == list(data)
    assert line.count(b"\n") == 1


@pytest.mark.parametrize("broken", [b'"time_ns":9223372036854775808', b'"level_number":300'])
def test_a_line_that_no_lake_could_keep_is_refused(broken: bytes) -> None:
    with pytest.raises(DecodeError):
        jsonl.decode_events(b'{"timestamp":"2010-01-01T00:00:00Z",' + broken + b"}\n")


def test_a_usual_line_is_read_as_before() -> None:
    event = Event(1_600_000_000_123_000_000, "x", 9, "s", "c", "m", {"tick_id": 3, "a": 1})
    (batch,) = jsonl.decode_events(jsonl.encode_events([event], Resource("svc", "id", "", 1)))
    assert batch.events == [Event(event.time_ns, "x", 9, "s", "c", "m", {"a": 1, "tick_id": 3})]


def test_spans_of_different_senders_stay_apart() -> None:
    line = jsonl_rows.encode_spans([], Resource("a"), whole=True)
    assert line == b""


def histogram(name: str = "took_seconds", **labels: str) -> list[Run]:
    pairs = tuple(sorted(labels.items()))
    made = []
    for field, edge, values in (
        ("bucket", "+Inf", [2.0, 5.0]),
        ("sum", "", [1.5, 9.25]),
        ("bucket", "0.5", [1.0, 3.0]),
        ("count", "", [2.0, 5.0]),
    ):
        own = tuple(sorted((*pairs, ("le", edge)))) if edge else pairs
        made.append(
            Run(Series(name, own, "shop", field=field, kind=Kind.HISTOGRAM, unit="s"), [SECOND, 2 * SECOND + 5], values)
        )
    return made


def written(form: OpenMetrics | Text, *groups: tuple[str, list[Run]]) -> bytes:
    lines, name = [], ""
    for family, runs in groups:
        if family != name:
            first = runs[0].series
            lines.append(form.head(family_of(family, str(first.kind), first)))
            name = family
        lines += [form.line(sample) for sample in group_samples(family, runs)]
    return b"".join([*lines, form.end])


def test_points_of_a_histogram_over_time_are_strict_openmetrics() -> None:
    text = written(OpenMetrics(), ("took_seconds", histogram(path="/a")), ("took_seconds", histogram(path="/b")))
    (family,) = decode(text)
    assert [(sample.suffix, sample.value, sample.time_ns) for sample in family.samples[:4]] == [
        ("_bucket", 1.0, SECOND),
        ("_bucket", 2.0, SECOND),
        ("_count", 2.0, SECOND),
        ("_sum", 1.5, SECOND),
    ]
    assert (len(family.samples), family.unit) == (16, "seconds")
    batch = openmetrics_batch([family])
    expected = {run.series.id() for run in (*histogram(path="/a"), *histogram(path="/b"))}
    assert set(batch.series) == expected


def test_what_openmetrics_forbids_is_left_out() -> None:
    counter = Series("hits_total", kind=Kind.COUNTER)
    (run,) = (Run(counter, [1, 2, 3], [1.0, -1.0, float("nan")]),)
    assert [sample.value for sample in group_samples("hits", [run])] == [1.0]
    falling = [
        run._replace(values=[5.0, 9.0]) if run.series.field == "bucket" and "0.5" in str(run.series.labels) else run
        for run in histogram()
    ]
    assert list(group_samples("took_seconds", falling)) == []


def test_the_text_format_says_the_same_in_milliseconds() -> None:
    text = written(Text(), ("took_seconds", histogram()))
    batch = text_batch(prometheus_text.decode(text))
    assert set(batch.series) == {run.series.id() for run in histogram()}
    assert set(batch.samples.times_ns) == {SECOND, 2 * SECOND}


def test_promtool_makes_blocks_of_it(tmp_path) -> None:
    gauge = Series("temp.celsius", (("room", 'a"b\\c\nd'),), "shop", "s-1")
    counter = Series("hits_total", (), "shop", kind=Kind.COUNTER, description="How often.")
    times = [1_600_000_000 * SECOND + number * 15 * SECOND for number in range(100)]
    history = [
        ("hits", [Run(counter, times, [float(number) for number in range(100)])]),
        ("temp_celsius", [Run(gauge, times, [0.1 * number for number in range(100)])]),
        ("took_seconds", [run._replace(times_ns=times[:2]) for run in histogram()]),
    ]
    (tmp_path / "a.om").write_bytes(written(OpenMetrics(), *history))
    tool = peer("promtool")
    command = [tool, "tsdb", "create-blocks-from", "openmetrics", "a.om", "blocks"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "blocks" / "wal").mkdir()  # promtool looks for one
    found = subprocess.run(
        [tool, "tsdb", "dump", "blocks"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    assert found.count('__name__="hits_total"') == 100
    assert found.count("\n") == 208
    assert 'room="a\\"b\\\\c\\nd"' in found


def test_families_become_series_as_otlp_has_them() -> None:
    text = (
        b"# HELP t_seconds  How  long.\n# TYPE t_seconds summary\n"
        b't_seconds{job="shop",instance="i1",quantile="0.50",empty=""} 1 5\nt_seconds_sum{job="shop"} 2 5\n'
        b"# TYPE c counter\nc 1 5\nu 2 5\n"
    )
    batch = text_batch(prometheus_text.decode(text))
    assert set(batch.series.values()) == {
        Series("t_seconds", (("quantile", "0.5"),), "shop", "i1", "", "quantile", Kind.SUMMARY, "", "How long."),
        Series("t_seconds", (), "shop", "", "", "sum", Kind.SUMMARY, "", "How long."),
        Series("c", kind=Kind.COUNTER),
        Series("u", kind=Kind.UNKNOWN),
    }
    assert set(batch.samples.times_ns) == {5_000_000}
    found = openmetrics_batch(
        decode(b'# TYPE f counter\nf_total 1 2.5\nf_created 1\n# TYPE b info\nb_info{v="1"} 1\n# EOF\n'), 7
    )
    assert {(one.name, one.kind) for one in found.series.values()} == {("f_total", "counter"), ("b_info", "info")}
    assert list(found.samples.times_ns) == [2_500_000_000, 7]


def test_a_sample_without_a_time_or_with_an_impossible_one_is_refused() -> None:
    with pytest.raises(DecodeError, match="no time"):
        text_batch(prometheus_text.decode(b"a 1\n"))
    with pytest.raises(DecodeError, match="64 bits"):
        text_batch(prometheus_text.decode(b"a 1 99999999999999999\n"))


def test_a_part_of_openmetrics_is_read_without_its_end() -> None:
    (family,) = decode_part(b'# TYPE h histogram\nh_bucket{le="1"} 5 1\n')
    assert [sample.value for sample in family.samples] == [5.0]
    with pytest.raises(DecodeError, match="line 2"):
        decode_part(b"# TYPE h histogram\nh_bucket 5\n")


def test_a_number_under_a_level_is_a_sample_and_a_message_an_event() -> None:
    points = influx.decode(b'n,level=info value=3 1\nlog,level=warn,app=x message="hi",code=4i 2\n')
    (found,) = batches(points)
    assert [(event.body, event.level, event.attributes) for event in found.events] == [
        ("hi", 13, {"app": "x", "code": 4})
    ]
    assert list(found.samples.values) == [3.0]


def test_our_points_come_back_as_what_they_were() -> None:
    from firstlight.codecs.influx_points import points

    batch = Batch(Resource("shop", "s1", "", 7))
    batch.events = [
        Event(5, "paid", 13, "sub", "com", "body", {"n": 1, "x": 1.5, "ok": True, "t": "a b"}, "t" * 32, "s" * 16, 9)
    ]
    (found,) = batches(influx.decode(influx.encode(points(batch))))
    assert found.events == batch.events
    assert found.resource == batch.resource
