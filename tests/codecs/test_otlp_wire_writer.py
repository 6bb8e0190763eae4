"""Our own protobuf says exactly what OpenTelemetry's message classes say, to their parser."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from firstlight.codecs.otlp import write_wire
from firstlight.codecs.otlp.write_json import encode_json
from firstlight.codecs.otlp.write_wire import encode_wire, varint
from firstlight.model import Batch, Event, Exemplar, ExponentialPoint, Kind, Resource, Series
from firstlight.model.series import sorted_labels
from firstlight.testing import sample_batch
from tests.codecs.otlp_oracle import encode_protobuf
from tests.codecs.test_otlp_round_trip import doubles, events, numbers, resources, spans, times

MESSAGES = {
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "traces": ExportTraceServiceRequest,
}


def parsed(bodies):
    return {signal: MESSAGES[signal].FromString(body) for signal, body in bodies.items()}


def same(batch):
    assert parsed(encode_wire(batch)) == parsed(encode_protobuf(batch))


@given(
    resource=resources,
    events=st.lists(events, max_size=4),
    spans=st.lists(spans, max_size=3),
    points=st.lists(st.tuples(numbers, times, doubles), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_any_batch_says_the_same(resource, events, spans, points):
    batch = Batch(resource)
    batch.events += events
    batch.spans += spans
    for series, time_ns, value in points:
        batch.add_sample(series, time_ns, value)
    for one in spans:
        # The classes write an empty status where there is none to tell of; both mean the same.
        one.status = one.status if one.status != "unset" else "ok"
    same(batch)


def test_every_kind_of_row_says_the_same():
    batch = sample_batch()
    batch.events[1].thread_id = 140_000_000_000
    series = Series("e", (("a", "b"),), "s", "i", "sc", "value", Kind.HISTOGRAM, "s", "d")
    batch.series[series.id()] = series
    batch.exponential.append(ExponentialPoint(series.id(), 7, 7, 2.5, -3, 1, 0.25, -9, [1, 300], 4, [2**63], 0.0, 9.5))
    for field, labels, value in (("quantile", (("quantile", "0.5"),), 1.5), ("count", (), 4.0), ("sum", (), 8.0)):
        batch.add_sample(Series("q", labels, "s", field=field, kind=Kind.SUMMARY), 9, value)
    same(batch)


@pytest.mark.parametrize(
    "value",
    [
        *("", "a" * 0x5F, "a" * 0x60, "a" * 0x61, "é" * 0x60, "x" * 20_000),
        *(0, 1, 127, 128, 2047, 2048, 16_384, 2**63 - 1, -1, -(2**63), 2**63, -(2**70)),
        *(True, False, None, 0.0, -0.0, float("inf"), 5e-324, b"", b"\x00\xff"),
        *([], [1, "a", [True]], {}, {"k": {"k": [None]}}, (1, 2)),
    ],
    ids=lambda value: repr(value)[:20],
)
@pytest.mark.parametrize("key_chars", [0, 1, 120, 128, 600, 20_000])
def test_every_length_of_key_and_value_says_the_same(value, key_chars):
    batch = Batch(Resource("s"))
    batch.events.append(Event(1, "e", attributes={"k" * key_chars: value}))
    same(batch)


@given(st.integers(0, 2**64 - 1))
def test_numbers_are_as_short_as_protobuf_has_them(number):
    encoded = varint(number)
    assert sum((byte & 0x7F) << (7 * place) for place, byte in enumerate(encoded)) == number
    assert len(encoded) == max(1, -(-number.bit_length() // 7))


def test_what_is_remembered_is_bounded_and_stays_right(monkeypatch):
    monkeypatch.setattr(write_wire, "REMEMBERED_MAX", 8)
    batch = Batch(Resource("s"))
    for number in range(50):
        batch.events.append(Event(1, f"name-{number}", attributes={f"key-{number % 20}": number}))
    same(batch)
    assert len(write_wire._keys) <= 8
    assert len(write_wire._names) <= 8


EXEMPLAR = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331", "labels": (("shop", "1"),)}


def with_exemplars():
    batch = Batch(Resource("s", "i"))
    counter = Series("orders_total", (("currency", "EUR"),), "s", "i", "sc", kind=Kind.COUNTER)
    batch.add_sample(counter, 5, 3.0)
    batch.add_sample(Series("orders_total", (("currency", "USD"),), "s", "i", "sc", kind=Kind.COUNTER), 5, 4.0)
    batch.exemplars.append(Exemplar(counter.id(), 4, 1.0, **EXEMPLAR))
    for field, labels, value in (("bucket", (("le", "1.0"),), 1), ("bucket", (("le", "+Inf"),), 2), ("count", (), 2)):
        series = Series("wait_seconds", sorted_labels(dict(labels)), "s", "i", "sc", field, Kind.HISTOGRAM)
        batch.add_sample(series, 5, value)
        if field == "bucket":
            batch.exemplars.append(Exemplar(series.id(), 4, 0.5 * value, **EXEMPLAR))
    exponential = Series("size", (), "s", "i", "sc", "value", Kind.HISTOGRAM)
    batch.series[exponential.id()] = exponential
    batch.exponential.append(ExponentialPoint(exponential.id(), 5, 1, 2.0, 0))
    batch.exemplars.append(Exemplar(exponential.id(), 4, 2.0))
    batch.exemplars.append(Exemplar(12345, 4, 2.0))
    return batch


def points_of(request):
    (resource,) = request.resource_metrics
    (scope,) = resource.scope_metrics
    found = {}
    for metric in scope.metrics:
        for point in getattr(metric, metric.WhichOneof("data")).data_points:
            attributes = ",".join(pair.value.string_value for pair in point.attributes)
            found[metric.name, attributes] = point
    return found


def test_exemplars_go_with_their_points():
    points = points_of(ExportMetricsServiceRequest.FromString(encode_wire(with_exemplars())["metrics"]))
    values = {key: [one.as_double for one in point.exemplars] for key, point in points.items()}
    assert values == {
        ("orders_total", "EUR"): [1.0],
        ("orders_total", "USD"): [],
        ("wait_seconds", ""): [0.5, 1.0],
        ("size", ""): [2.0],
    }
    (one,) = points["orders_total", "EUR"].exemplars
    assert (one.time_unix_nano, one.trace_id.hex(), one.span_id.hex()) == (4, EXEMPLAR["trace_id"], EXEMPLAR["span_id"])
    assert [(pair.key, pair.value.string_value) for pair in one.filtered_attributes] == [("shop", "1")]


def test_json_says_the_same_of_exemplars():
    from base64 import b64encode

    from google.protobuf.json_format import Parse

    text = encode_json(with_exemplars())["metrics"].decode()
    for digits in (EXEMPLAR["trace_id"], EXEMPLAR["span_id"]):
        # OTLP's JSON writes these in hex, protobuf's own in base64.
        text = text.replace(digits, b64encode(bytes.fromhex(digits)).decode())
    assert points_of(Parse(text, ExportMetricsServiceRequest())) == points_of(
        ExportMetricsServiceRequest.FromString(encode_wire(with_exemplars())["metrics"])
    )
