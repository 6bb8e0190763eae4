import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.codecs import iso, jsonl, jsonl_rows
from firstlight.codecs.jsonl import PROCESS_START
from firstlight.errors import DecodeError, FirstlightError
from firstlight.model import Batch, Event, ExponentialPoint, Kind, Level, Resource, Series, Span, SpanEvent, SpanLink

pytestmark = pytest.mark.usefixtures("each_loops")

NOW_NS = 1_758_277_815_123_000_000
SENDER = Resource(
    "dawn", "3d6c96a7-8f2e-4b5c-9a1d-2e6f8c4b7a9d", "", 12345, {PROCESS_START: NOW_NS - 123_450 * iso.NS_PER_MS}
)
ZONE = {"from_zone": "green", "to_zone": "amber", "scup_value": 0.742, "trigger_reason": "pressure_increase"}
GOLDEN = (
    '{"timestamp":"2025-09-19T10:30:15.123Z","level":"INFO","subsystem":"pulse_system","component":"scup_controller",'
    '"event_type":"zone_transition","tick_id":42337,"session_id":"3d6c96a7-8f2e-4b5c-9a1d-2e6f8c4b7a9d",'
    '"data":{"from_zone":"green","to_zone":"amber","scup_value":0.742,"trigger_reason":"pressure_increase"},'
    '"metadata":{"process_id":12345,"thread_id":67890,"uptime_seconds":123.450},"service":"dawn"}\n'
)

texts = st.text(st.characters(codec="utf-8"), max_size=8)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    # JSON's text is Unicode, of which lone surrogates are no part.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=6,
)
events = st.builds(
    Event,
    st.integers(-(10**10), 10**11).map(lambda ms: ms * iso.NS_PER_MS),
    texts,
    st.sampled_from(Level).map(int),
    texts,
    texts,
    texts,
    st.dictionaries(texts | st.just("tick_id"), json_values, max_size=3),
    st.sampled_from(["", "0af7651916cd43dd8448eb211c80319c"]),
    st.sampled_from(["", "b7ad6b7169203331"]),
    st.integers(0, 2**63 - 1),
)


def event(**changed: object) -> Event:
    made = Event(NOW_NS, "zone_transition", Level.INFO, "pulse_system", "scup_controller", "", {**ZONE})
    made.thread_id = 67890
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def lines(data: bytes) -> list[dict]:
    return [json.loads(line) for line in data.splitlines()]


def test_an_event_has_the_shape_of_the_specification() -> None:
    data = {**ZONE, "tick_id": 42337}
    made = event(attributes=data)
    assert jsonl.encode_events([made], SENDER).decode() == GOLDEN
    assert "tick_id" in data, "the event itself is left as it was"
    (batch,) = jsonl.decode_events(GOLDEN.encode())
    assert batch.events == [made]
    assert batch.resource == SENDER


def test_what_is_not_there_has_no_key() -> None:
    (line,) = lines(jsonl.encode_events([event()], Resource("a")))
    assert {"tick_id", "message", "trace_id", "span_id"}.isdisjoint(line)
    assert line["metadata"] == {"process_id": 0, "thread_id": 67890, "uptime_seconds": None}


def test_message_and_trace_stand_at_the_end() -> None:
    made = event(body="Zwei\nZeilen", trace_id="a" * 32, span_id="b" * 16)
    data = jsonl.encode_events([made], SENDER)
    assert data.count(b"\n") == 1
    assert list(lines(data)[0])[-4:] == ["service", "message", "trace_id", "span_id"]
    assert lines(data)[0]["message"] == "Zwei\nZeilen"


def test_each_millisecond_and_thread_has_its_own_text() -> None:
    offsets = [(0, 1), (999_999, 2), (1_000_000, 1), (876_000_000, 1), (877_000_000, 2)]
    made = [event(time_ns=NOW_NS + more, thread_id=thread) for more, thread in offsets]
    found = lines(jsonl.encode_events(made, SENDER))
    assert [line["timestamp"][17:] for line in found] == ["15.123Z", "15.123Z", "15.124Z", "15.999Z", "16.000Z"]
    assert [line["metadata"]["thread_id"] for line in found] == [1, 2, 1, 1, 2]
    assert [line["metadata"]["uptime_seconds"] for line in found] == [123.45, 123.45, 123.451, 124.326, 124.327]


@pytest.mark.parametrize(("level", "name"), [(1, "TRACE"), (8, "DEBUG"), (13, "WARN"), (24, "CRITICAL"), (0, "TRACE")])
def test_levels_are_names(level: int, name: str) -> None:
    assert lines(jsonl.encode_events([event(level=level)], SENDER))[0]["level"] == name


@given(st.lists(events, max_size=5))
def test_events_come_back(made: list[Event]) -> None:
    back = jsonl.decode_events(jsonl.encode_events(made, SENDER))
    assert [one for batch in back for one in batch.events] == made


def test_senders_are_kept_apart() -> None:
    other = Resource("other", "s", "", 7)
    data = b"".join(jsonl.encode_events([event()] * count, sender) for count, sender in ((2, SENDER), (1, other)))
    assert [(batch.resource, len(batch.events)) for batch in jsonl.decode_events(data)] == [(SENDER, 2), (other, 1)]


def test_numbers_that_json_has_not_become_null() -> None:
    (line,) = lines(jsonl.encode_events([event(attributes={"a": math.nan, "b": [math.inf]})], SENDER))
    assert line["data"] == {"a": None, "b": [None]}


@pytest.mark.parametrize("changed", [{"time_ns": 2**63 - 1 << 20}, {"attributes": {"a": object()}}, {"body": "\ud800"}])
def test_what_has_no_form_is_refused(changed: dict) -> None:
    with pytest.raises(FirstlightError, match="cannot be written"):
        jsonl.encode_events([event(**changed)], SENDER)


@pytest.mark.parametrize(
    "data", [b"{", b"[]", b"{}", b'{"timestamp":"today"}', b'{"timestamp":"2025-09-19T10:30:15Z","level":"LOUD"}']
)
def test_other_lines_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="JSON Lines"):
        jsonl.decode_events(data)


def test_spans_come_back() -> None:
    span = Span(NOW_NS + 1, NOW_NS + 12_500_001, "encode", "a" * 32, "b" * 16, "c" * 16, "server", "error", "why")
    span.subsystem, span.component, span.attributes = "memory", "fractal", {"size": 1}
    span.events, span.links = [SpanEvent(NOW_NS, "retry", {"n": 1})], [SpanLink("d" * 32, "e" * 16, {"x": None})]
    plain = Span(NOW_NS, NOW_NS, "", "a" * 32, "b" * 16)
    data = jsonl_rows.encode_spans([span, plain], SENDER)
    assert lines(data)[0]["duration_ms"] == 12.5
    assert {"events", "links"}.isdisjoint(lines(data)[1])
    (batch,) = jsonl_rows.decode_spans(data)
    assert batch.spans == [span, plain]


def test_metrics_come_back_bit_for_bit() -> None:
    batch = Batch(SENDER)
    series = Series("wait_seconds", (("le", "0.5"),), "dawn", "s", "a.b", "bucket", Kind.HISTOGRAM, "s")
    values = [0.1 + 0.2, -0.0, math.inf, -math.inf, 2.0**63]
    for number, value in enumerate(values):
        batch.add_sample(series, NOW_NS + number, value)
    point = ExponentialPoint(series.id(), NOW_NS, 3, math.inf, 2, 1, 0.5, -1, [1, 0], 4, [1], None, 9.5)
    batch.exponential.append(point)
    back = jsonl_rows.decode_metrics(jsonl_rows.encode_metrics(batch))
    assert (back.series, back.exponential) == (batch.series, [point])
    assert list(back.samples.times_ns) == list(batch.samples.times_ns)
    assert [value.hex() for value in back.samples.values] == [value.hex() for value in values]


def test_a_metric_that_is_no_number_says_so_in_text() -> None:
    batch = Batch(SENDER)
    batch.add_sample(Series("x"), NOW_NS, math.nan)
    data = jsonl_rows.encode_metrics(batch)
    assert lines(data)[0]["value"] == "NaN"
    assert math.isnan(jsonl_rows.decode_metrics(data).samples.values[0])


@pytest.mark.parametrize("change", [("value", "much"), ("kind", "odd"), ("value", None), ("labels", 3)])
def test_other_metric_lines_are_refused(change: tuple[str, object]) -> None:
    batch = Batch(SENDER)
    batch.add_sample(Series("x"), NOW_NS, 1.0)
    (line,) = lines(jsonl_rows.encode_metrics(batch))
    line[change[0]] = change[1]
    with pytest.raises(DecodeError, match="JSON Lines of metrics"):
        jsonl_rows.decode_metrics(json.dumps(line).encode())


@pytest.mark.parametrize("text", ["2025-09-19T10:30:15Z", "2025-09-19T10:30:15.1Z", "1969-12-31T23:59:59.999999999Z"])
def test_times_are_read_and_written(text: str) -> None:
    assert iso.parse(iso.nanoseconds(iso.parse(text))) == iso.parse(text)
    assert iso.parse("1970-01-01T00:00:01.5Z") == 1_500_000_000
    with pytest.raises(ValueError, match="a time looks like"):
        iso.parse(text.replace("Z", "+00:00"))
