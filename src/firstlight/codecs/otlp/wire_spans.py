"""OTLP spans straight from protobuf's bytes.

Serialisers write fields in the order of their numbers, so a span is read as one sequence; one that has events, links or
another order goes to protobuf's own parser and :mod:`firstlight.codecs.otlp.traces`.
"""

import struct

from firstlight.codecs.otlp.messages import parse
from firstlight.codecs.otlp.outcome import Decoded
from firstlight.codecs.otlp.traces import KINDS, STATUSES, read_span
from firstlight.codecs.otlp.values import ATTRIBUTES_MAX
from firstlight.codecs.otlp.wire import MORE, Unusual
from firstlight.codecs.otlp.wire_records import Known, long_size, read_records, text_at
from firstlight.model import Span

# A tag is field number << 3 | wire type; numbers from opentelemetry/proto/trace/v1/trace.proto.
_TRACE_ID, _SPAN_ID, _TRACE_STATE, _PARENT_ID, _NAME, _KIND = b"\x0a\x10", b"\x12\x08", 0x1A, b"\x22\x08", 0x2A, 0x30
_START, _END, _ATTRIBUTE, _STATUS, _FLAGS = 0x39, 0x41, 0x4A, 0x7A, b"\x85\x01"
_STATUS_CODE_ONLY = b"\x7a\x02\x18"
_EMPTY_STATUS = b"\x7a\x00"

_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_times_at = struct.Struct("<BqBq").unpack_from
_TIMES_BYTES = 18
_FLAGS_BYTES = 6


def read_wire_spans(body: bytes, now_ns: int, known: Known) -> Decoded:
    """Return the content of a protobuf ``ExportTraceServiceRequest``.

    Raises:
        DecodeError: ``body`` is no such message.
    """
    reader = _SpanReader(known, now_ns)
    return read_records(body, known, lambda batch: batch.spans, reader.read_usual, reader.read_any)


class _SpanReader:
    def __init__(self, known: Known, now_ns: int) -> None:
        self._known = known
        self._now_ns = now_ns

    def read_any(self, raw: bytes, subsystem: str, component: str) -> Span:
        return read_span(parse("Span", raw), subsystem, component, self._now_ns)

    def read_usual(self, body: bytes, position: int, stop: int, subsystem: str, component: str) -> Span:
        trace_id, span_id, parent_id, position = _ids(body, position)
        if body[position] != _NAME:
            raise Unusual
        size, position = long_size(body, position + 1)
        name = text_at(body, position, position + size)
        position += size
        kind = 0
        if body[position] == _KIND:
            kind = body[position + 1]
            position += 2
        if position + _TIMES_BYTES > stop:
            raise Unusual
        start_tag, start_ns, end_tag, end_ns = _times_at(body, position)
        if start_tag != _START or end_tag != _END or not 0 < start_ns <= end_ns or kind >= len(KINDS):
            raise Unusual
        position += _TIMES_BYTES
        attributes = {}
        pairs = self._known.pairs
        while position < stop and body[position] == _ATTRIBUTE:
            size = body[position + 1]
            position += 2
            if size >= MORE:
                size, position = long_size(body, position - 1)
            raw = body[position : position + size]
            key, value = pairs.get(raw) or self._known.learn_pair(raw)
            attributes[key] = value
            position += size
        status = _status(body, position, stop) if position != stop else 0
        if len(attributes) > ATTRIBUTES_MAX:
            raise Unusual
        return Span(
            start_ns,
            end_ns,
            name,
            trace_id,
            span_id,
            parent_id,
            KINDS[kind or 1],
            STATUSES[status],
            "",
            subsystem,
            component,
            attributes,
            [],
            [],
        )


def _ids(body: bytes, position: int) -> tuple[str, str, str, int]:
    """Return trace id, span id, parent id and the place behind them."""
    if body[position : position + 2] != _TRACE_ID or body[position + 18 : position + 20] != _SPAN_ID:
        raise Unusual
    trace_id = body[position + 2 : position + 18].hex()
    span_id = body[position + 20 : position + 28].hex()
    position += 28
    if body[position] == _TRACE_STATE:
        size, position = long_size(body, position + 1)
        position += size
    parent_id = ""
    if body[position : position + 2] == _PARENT_ID:
        parent_id = body[position + 2 : position + 10].hex()
        position += 10
    if trace_id == _NO_TRACE or _NO_SPAN in (span_id, parent_id):
        raise Unusual
    return trace_id, span_id, parent_id, position


def _status(body: bytes, position: int, stop: int) -> int:
    """Return the status code of a span of which only status and flags are left."""
    status = 0
    if body.startswith(_STATUS_CODE_ONLY, position):
        status = body[position + 3]
        position += 4
    elif body.startswith(_EMPTY_STATUS, position):
        position += 2
    if body.startswith(_FLAGS, position):
        position += _FLAGS_BYTES
    if position != stop or status >= len(STATUSES):
        raise Unusual
    return status
