"""OTLP spans to the model's spans."""

from firstlight.codecs.otlp.logs import hex_id
from firstlight.codecs.otlp.outcome import Decoded, Refused, time_or
from firstlight.codecs.otlp.read_senders import read_resource, split_scope
from firstlight.codecs.otlp.read_values import attributes
from firstlight.codecs.otlp.shapes import OtlpSpan, ResourceSpans, SpanMoment, SpanPointer, TracesRequest, enum_number
from firstlight.model import Batch, Span, SpanEvent, SpanLink

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
MOMENTS_MAX = 128
"""Events and links kept per span; the limits that OpenTelemetry SDKs apply by default."""

_TRACE_ID_CHARS = 32
_SPAN_ID_CHARS = 16
_KIND_NAMES = {f"SPAN_KIND_{kind.upper()}": number for number, kind in enumerate(KINDS)}
_STATUS_NAMES = {f"STATUS_CODE_{status.upper()}": number for number, status in enumerate(STATUSES)}


def read_traces(request: TracesRequest, now_ns: int) -> Decoded:
    """Return the spans of ``request`` (ours or protobuf's message); ``now_ns`` stands in for absent times."""
    decoded = Decoded()
    for entry in request.resource_spans or ():
        decoded.keep(_read_resource_spans(entry, now_ns, decoded))
    return decoded


def _read_resource_spans(entry: ResourceSpans, now_ns: int, decoded: Decoded) -> Batch:
    batch = Batch(read_resource(entry.resource))
    for scope_spans in entry.scope_spans or ():
        subsystem, component = split_scope(scope_spans.scope)
        for span in scope_spans.spans or ():
            decoded.received += 1
            try:
                batch.spans.append(read_span(span, subsystem, component, now_ns))
            except Refused as refused:
                decoded.refuse(str(refused))
    return batch


def read_span(span: OtlpSpan, subsystem: str, component: str, now_ns: int) -> Span:
    """Return one span (ours or protobuf's message).

    Raises:
        Refused: its ids or times cannot be kept.
    """
    trace_id = hex_id(span.trace_id, _TRACE_ID_CHARS)
    span_id = hex_id(span.span_id, _SPAN_ID_CHARS)
    if not trace_id or not span_id:
        raise Refused("trace_id must be 16 bytes and span_id 8 bytes, not all zero")
    end_ns = time_or(span.end_time_unix_nano, 0)
    start_ns = time_or(span.start_time_unix_nano, end_ns or now_ns)
    status = span.status
    return Span(
        start_ns,
        max(start_ns, end_ns),
        span.name or "",
        trace_id,
        span_id,
        hex_id(span.parent_span_id, _SPAN_ID_CHARS),
        _named(KINDS, enum_number(span.kind, _KIND_NAMES) or 1),
        _named(STATUSES, enum_number(status.code, _STATUS_NAMES) if status else 0),
        (status.message if status else "") or "",
        subsystem,
        component,
        attributes(span.attributes),
        [_read_moment(moment, start_ns) for moment in (span.events or ())[:MOMENTS_MAX]],
        [_read_pointer(pointer) for pointer in (span.links or ())[:MOMENTS_MAX]],
    )


def _named(names: tuple[str, ...], number: int) -> str:
    return names[number] if 0 <= number < len(names) else names[0] if names is STATUSES else names[1]


def _read_moment(moment: SpanMoment, start_ns: int) -> SpanEvent:
    return SpanEvent(time_or(moment.time_unix_nano, start_ns), moment.name or "", attributes(moment.attributes))


def _read_pointer(pointer: SpanPointer) -> SpanLink:
    trace_id = hex_id(pointer.trace_id, _TRACE_ID_CHARS)
    return SpanLink(trace_id, hex_id(pointer.span_id, _SPAN_ID_CHARS), attributes(pointer.attributes))
