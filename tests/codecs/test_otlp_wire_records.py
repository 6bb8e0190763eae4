"""The fast reading of spans and log records gives what protobuf's parser and the mapping give, whatever comes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from firstlight.codecs.otlp.decode import OtlpDecoder
from firstlight.codecs.otlp.logs import read_logs
from firstlight.codecs.otlp.messages import parse_protobuf
from firstlight.codecs.otlp.traces import read_traces
from firstlight.errors import DecodeError

NOW_NS = 1_700_000_000_000_000_000

texts = st.sampled_from(["", "a", "event.name", "é", "x" * 140, "y" * 20_000])
any_values = st.one_of(
    texts.map(lambda text: AnyValue(string_value=text)),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: AnyValue(int_value=number)),
    st.just(AnyValue(array_value=ArrayValue(values=[AnyValue(bytes_value=b"\x00\xff"), AnyValue()]))),
    st.just(AnyValue()),
)
many = [KeyValue(key=str(number), value=AnyValue(bool_value=True)) for number in range(130)]
attributes = st.lists(st.builds(KeyValue, key=texts, value=any_values), max_size=3) | st.just(many)
times = st.sampled_from([0, 1, NOW_NS, NOW_NS + 1, 2**63 - 1, 2**63])
ids = {size: st.sampled_from([b"\x01" * size, b"\xab" * size, b"", bytes(size), b"\x01"]) for size in (16, 8)}

moments = st.lists(st.builds(Span.Event, time_unix_nano=times, name=texts, attributes=attributes), max_size=1)
links = st.lists(st.builds(Span.Link, trace_id=ids[16], span_id=ids[8]), max_size=1)
statuses = st.none() | st.builds(Status, code=st.integers(0, 9), message=st.sampled_from(["", "why"]))
usual_spans = st.builds(
    Span,
    trace_id=st.binary(min_size=16, max_size=16),
    span_id=st.binary(min_size=8, max_size=8),
    name=texts,
    kind=st.integers(0, 5),
    start_time_unix_nano=st.just(NOW_NS),
    end_time_unix_nano=st.just(NOW_NS + 5),
    attributes=attributes,
    status=statuses,
    flags=st.sampled_from([0, 1, 257]),
)
any_spans = st.builds(
    Span,
    trace_id=ids[16],
    span_id=ids[8],
    trace_state=texts,
    parent_span_id=ids[8],
    name=texts,
    kind=st.sampled_from([0, 3, 7, 300]),
    start_time_unix_nano=times,
    end_time_unix_nano=times,
    attributes=attributes,
    dropped_attributes_count=st.sampled_from([0, 0, 2]),
    events=moments,
    links=links,
    status=statuses,
    flags=st.sampled_from([0, 1]),
)
records = st.builds(
    LogRecord,
    time_unix_nano=times,
    observed_time_unix_nano=times,
    severity_number=st.sampled_from([0, 1, 9, 24, 25, 300]),
    severity_text=st.sampled_from(["", "WARN", "err", "what"]),
    event_name=st.sampled_from(["", "e"]),
    body=st.none() | any_values,
    attributes=attributes,
    dropped_attributes_count=st.sampled_from([0, 0, 2]),
    flags=st.sampled_from([0, 1]),
    trace_id=ids[16],
    span_id=ids[8],
)


def traces_of(some):
    request = ExportTraceServiceRequest()
    entry = request.resource_spans.add()
    entry.resource.attributes.add(key="service.name").value.string_value = "s"
    scope = entry.scope_spans.add()
    scope.scope.name = "a.b.c"
    scope.spans.extend(some)
    return request.SerializeToString()


def logs_of(some):
    request = ExportLogsServiceRequest()
    entry = request.resource_logs.add()
    entry.resource.attributes.add(key="process.pid").value.int_value = 7
    scope = entry.scope_logs.add()
    scope.scope.name = "a.b.c"
    scope.log_records.extend(some)
    return request.SerializeToString()


def content(decoded):
    rows = [(batch.resource, batch.events, batch.spans) for batch in decoded.batches]
    return repr(rows), decoded.received, decoded.rejected, decoded.reasons


def general(signal, body):
    try:
        request = parse_protobuf(signal, body)
        return content((read_traces if signal == "traces" else read_logs)(request, NOW_NS))
    except DecodeError:
        return None


def fast(decoder, signal, body):
    try:
        return content(decoder.read(signal, body, NOW_NS))
    except DecodeError:
        return None


@given(st.lists(usual_spans | any_spans, max_size=3))
@settings(max_examples=150, deadline=None)
def test_spans_are_the_same_as_the_general_way_cold_and_warm(spans):
    body, decoder = traces_of(spans), OtlpDecoder()
    assert fast(decoder, "traces", body) == general("traces", body)
    assert fast(decoder, "traces", body) == general("traces", body)


@given(st.lists(records, max_size=3))
@settings(max_examples=150, deadline=None)
def test_logs_are_the_same_as_the_general_way_cold_and_warm(some):
    body, decoder = logs_of(some), OtlpDecoder()
    assert fast(decoder, "logs", body) == general("logs", body)
    assert fast(decoder, "logs", body) == general("logs", body)


@pytest.mark.parametrize("signal", ["traces", "logs"])
@given(st.data())
@settings(max_examples=150, deadline=None)
def test_what_protobuf_still_reads_of_a_damaged_request_is_read_the_same(signal, data):
    pair = KeyValue(key="k", value=AnyValue(string_value="v"))
    span = Span(
        trace_id=b"\x01" * 16,
        span_id=b"\x02" * 8,
        parent_span_id=b"\x03" * 8,
        name="n",
        kind=2,
        start_time_unix_nano=NOW_NS,
        end_time_unix_nano=NOW_NS,
        attributes=[pair, pair],
        status=Status(code=2),
        flags=1,
    )
    record = LogRecord(
        time_unix_nano=NOW_NS,
        severity_number=9,
        severity_text="INFO",
        body=AnyValue(string_value="text"),
        attributes=[pair],
        flags=1,
        trace_id=b"\x01" * 16,
        span_id=b"\x02" * 8,
        observed_time_unix_nano=NOW_NS,
        event_name="e",
    )
    whole = bytearray(traces_of([span] * 2) if signal == "traces" else logs_of([record] * 2))
    decoder = OtlpDecoder()
    decoder.read(signal, bytes(whole), NOW_NS)
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    body = bytes(whole[: data.draw(st.integers(1, len(whole)))])
    expected, found = general(signal, body), fast(decoder, signal, body)
    if expected is not None:  # protobuf also looks into fields that nobody reads; there, less is refused here
        assert found == expected


def test_what_is_remembered_cannot_be_changed_through_a_row():
    pair = KeyValue(key="k", value=AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="v")])))
    body = logs_of([LogRecord(time_unix_nano=NOW_NS, attributes=[pair])])
    decoder = OtlpDecoder()
    decoder.read("logs", body, NOW_NS).batches[0].events[0].attributes["k"].append("mine")
    assert decoder.read("logs", body, NOW_NS).batches[0].events[0].attributes == {"k": ["v"]}


def test_the_memory_of_attributes_is_bounded(monkeypatch):
    monkeypatch.setattr("firstlight.codecs.otlp.wire_records.KNOWN_MAX", 10)
    decoder = OtlpDecoder()
    for number in range(50):
        pair = KeyValue(key="k", value=AnyValue(int_value=number))
        decoded = decoder.read("logs", logs_of([LogRecord(time_unix_nano=NOW_NS, attributes=[pair])]), NOW_NS)
        assert decoded.batches[0].events[0].attributes == {"k": number}
    assert len(decoder._known.pairs) <= 10
