"""Whatever the model can hold comes back from both encodings, doubles bit for bit."""

import struct
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.codecs.otlp.decode import OtlpDecoder
from firstlight.codecs.otlp.values import STALE
from firstlight.codecs.otlp.write_json import encode_json
from firstlight.codecs.otlp.write_wire import encode_wire
from firstlight.model import Batch, Event, ExponentialPoint, Kind, Resource, Series, Span, SpanEvent, SpanLink
from firstlight.model.series import sorted_labels
from tests.codecs.otlp_oracle import encode_protobuf

NOW_NS = 1_700_000_000_000_000_000

letters = "aZ09_-/ é日\x00\U0001f600"
texts = st.text(letters + ".", max_size=6)
words = st.text(letters, min_size=1, max_size=6)
times = st.integers(1, 2**63 - 1)
doubles = st.floats(allow_nan=False) | st.sampled_from([-0.0, 5e-324, float("inf")])
trace_ids = st.binary(min_size=16, max_size=16).filter(any).map(bytes.hex)
span_ids = st.binary(min_size=8, max_size=8).filter(any).map(bytes.hex)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | doubles | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2), max_leaves=4
)
attribute_maps = st.dictionaries(texts, values, max_size=3)
label_sets = st.dictionaries(words, words, max_size=3).map(sorted_labels)

resources = st.builds(
    Resource,
    service=words,
    session_id=texts,
    host=texts,
    pid=st.integers(0, 2**31),
    attributes=attribute_maps,
)
events = st.builds(
    Event,
    time_ns=times,
    name=texts,
    level=st.integers(1, 24),
    subsystem=words,
    component=texts,
    body=texts,
    attributes=attribute_maps,
    trace_id=trace_ids | st.just(""),
    span_id=span_ids | st.just(""),
)
spans = st.builds(
    lambda start_ns, length_ns, **rest: Span(start_ns, start_ns + length_ns, **rest),
    start_ns=st.integers(1, 2**62),
    length_ns=st.integers(0, 2**61),
    name=texts,
    trace_id=trace_ids,
    span_id=span_ids,
    parent_id=span_ids | st.just(""),
    kind=st.sampled_from(["internal", "server", "client", "producer", "consumer"]),
    status=st.sampled_from(["unset", "ok", "error"]),
    status_message=texts,
    subsystem=words,
    component=texts,
    attributes=attribute_maps,
    events=st.lists(st.builds(SpanEvent, times, texts, attribute_maps), max_size=2),
    links=st.lists(st.builds(SpanLink, trace_ids, span_ids, attribute_maps), max_size=2),
)
numbers = st.builds(
    Series,
    name=words,
    labels=label_sets,
    service=words,
    session_id=texts,
    scope=texts,
    kind=st.sampled_from([Kind.COUNTER, Kind.GAUGE]),
    unit=texts,
    description=texts,
)


def encoded(encoding, batch):
    return {"json": encode_json, "protobuf": encode_protobuf, "wire": encode_wire}[encoding](batch)


def decoded(encoding, bodies):
    decoder = OtlpDecoder()
    results = [decoder.read(signal, body, NOW_NS, as_json=encoding == "json") for signal, body in bodies.items()]
    assert [result.reasons for result in results] == [[] for _ in results]
    return [batch for result in results for batch in result.batches]


def rows(batch):
    bits = array("Q", batch.samples.values.tobytes())
    series = [batch.series[series_id] for series_id in batch.samples.series_ids]
    return sorted(map(repr, zip(series, batch.samples.times_ns, bits, strict=True)))


both = pytest.mark.parametrize("encoding", ["json", "protobuf", "wire"])


@both
@given(resource=resources, events=st.lists(events, min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_events_come_back(encoding, resource, events):
    batch = Batch(resource)
    batch.events += events
    (back,) = decoded(encoding, encoded(encoding, batch))
    assert back.resource == resource
    assert sorted(map(repr, back.events)) == sorted(map(repr, events))


@both
@given(resource=resources, spans=st.lists(spans, min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_spans_come_back(encoding, resource, spans):
    batch = Batch(resource)
    batch.spans += spans
    (back,) = decoded(encoding, encoded(encoding, batch))
    assert back.resource == resource
    assert sorted(map(repr, back.spans)) == sorted(map(repr, spans))


@both
@given(resource=resources, points=st.lists(st.tuples(numbers, times, doubles), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_numbers_come_back_bit_for_bit(encoding, resource, points):
    batch = Batch(resource)
    for series, time_ns, value in points:
        batch.add_sample(series, time_ns, value)
    back = decoded(encoding, encoded(encoding, batch))
    assert sorted(row for part in back for row in rows(part)) == rows(batch)


@both
@given(
    labels=label_sets,
    counts=st.lists(st.integers(0, 2**40), min_size=1, max_size=6),
    total=st.none() | doubles,
    extremes=st.booleans(),
    data=st.data(),
)
@settings(max_examples=25, deadline=None)
def test_histograms_come_back(encoding, labels, counts, total, extremes, data):
    size = len(counts) - 1
    finite = st.floats(allow_nan=False, allow_infinity=False)
    bounds = sorted(data.draw(st.sets(finite, min_size=size, max_size=size)))
    batch = Batch(Resource("s"))

    def add(field, value, *extra):
        own = sorted_labels(dict([*labels, *extra]))
        batch.add_sample(Series("h", own, "s", "", "sc", field, Kind.HISTOGRAM, "s", "d"), NOW_NS, value)

    running = 0
    for bound, count in zip([*map(repr, bounds), "+Inf"], counts, strict=True):
        running += count
        add("bucket", running, ("le", bound))
    add("count", running)
    if total is not None:
        add("sum", total)
    if extremes:
        add("min", -1.5)
        add("max", 2.5)
    bodies = encoded(encoding, batch)
    (back,) = decoded(encoding, bodies)
    assert rows(back) == rows(batch)


@both
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.5, 0.99, 1.0]), doubles), unique_by=lambda q: q[0]),
    st.integers(0, 2**53),
)
@settings(max_examples=25, deadline=None)
def test_summaries_come_back(encoding, quantiles, count):
    batch = Batch(Resource("s"))
    for quantile, value in quantiles:
        batch.add_sample(
            Series("q", (("quantile", repr(quantile)),), "s", field="quantile", kind=Kind.SUMMARY), NOW_NS, value
        )
    batch.add_sample(Series("q", (), "s", field="count", kind=Kind.SUMMARY), NOW_NS, count)
    batch.add_sample(Series("q", (), "s", field="sum", kind=Kind.SUMMARY), NOW_NS, 4.5)
    (back,) = decoded(encoding, encoded(encoding, batch))
    assert rows(back) == rows(batch)


@both
@given(
    scale=st.integers(-10, 20),
    offsets=st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1)),
    positive=st.lists(st.integers(0, 2**63 - 1), max_size=4),
    negative=st.lists(st.integers(0, 2**63 - 1), max_size=4),
    extreme=st.none() | doubles,
)
@settings(max_examples=25, deadline=None)
def test_exponential_histograms_come_back(encoding, scale, offsets, positive, negative, extreme):
    series = Series("e", (("a", "b"),), "s", "i", "sc", "value", Kind.HISTOGRAM, "s", "d")
    point = ExponentialPoint(
        series.id(), NOW_NS, 7, 2.5, scale, 1, 0.25, offsets[0], positive, offsets[1], negative, extreme, extreme
    )
    batch = Batch(Resource("s", "i"))
    batch.series[series.id()] = series
    batch.exponential.append(point)
    (back,) = decoded(encoding, encoded(encoding, batch))
    assert back.exponential == [point]
    assert back.series == {series.id(): series}


@both
def test_the_stale_marker_keeps_its_bits(encoding):
    batch = Batch(Resource("s"))
    batch.add_sample(Series("g", service="s"), NOW_NS, STALE)
    for field, labels in (("count", ()), ("sum", ()), ("bucket", (("le", "+Inf"),)), ("bucket", (("le", "0.5"),))):
        batch.add_sample(Series("h", labels, "s", field=field, kind=Kind.HISTOGRAM), NOW_NS, STALE)
    (back,) = decoded(encoding, encoded(encoding, batch))
    assert rows(back) == rows(batch)
    assert set(array("Q", back.samples.values.tobytes())) == {0x7FF0000000000002}


@given(st.integers(0x7FF0000000000001, 0x7FFFFFFFFFFFFFFF))
@settings(max_examples=25, deadline=None)
def test_protobuf_keeps_the_bits_of_every_nan(bits):
    (value,) = struct.unpack("<d", struct.pack("<Q", bits))
    batch = Batch(Resource("s"))
    batch.add_sample(Series("g", service="s"), NOW_NS, value)
    (back,) = decoded("protobuf", encode_protobuf(batch))
    assert back.samples.values.tobytes() == struct.pack("<Q", bits)


@both
def test_a_nan_stays_a_nan(encoding):
    batch = Batch(Resource("s"))
    batch.events.append(Event(NOW_NS, "e", attributes={"x": float("nan"), "y": [float("-inf")]}))
    batch.add_sample(Series("g", service="s"), NOW_NS, float("nan"))
    back = decoded(encoding, encoded(encoding, batch))
    (event,) = [event for part in back for event in part.events]
    assert repr(event.attributes) == "{'x': nan, 'y': [-inf]}"
    assert [part.samples.values.tobytes() for part in back if part.samples] == [struct.pack("<d", float("nan"))]


@both
def test_half_a_histogram_becomes_plain_numbers(encoding):
    batch = Batch(Resource("s"))
    batch.add_sample(Series("h", (("le", "5.0"),), "s", field="bucket", kind=Kind.HISTOGRAM), NOW_NS, 3)
    batch.add_sample(Series("h", (), "s", field="sum", kind=Kind.HISTOGRAM), NOW_NS, 1.5)
    (back,) = decoded(encoding, encoded(encoding, batch))
    assert {(series.name, series.field, series.labels) for series in back.series.values()} == {
        ("h_bucket", "value", (("le", "5.0"),)),
        ("h_sum", "value", ()),
    }


@both
def test_an_empty_batch_has_no_bodies(encoding):
    assert encoded(encoding, Batch(Resource("s"))) == {}


@both
def test_a_lone_surrogate_does_not_stop_a_batch(encoding):
    batch = Batch(Resource("s"))
    batch.events.append(Event(NOW_NS, "e", body="ok", attributes={"x": "\ud800!"}))
    (back,) = decoded(encoding, encoded(encoding, batch))
    assert back.events[0].attributes == {"x": "?!"}
