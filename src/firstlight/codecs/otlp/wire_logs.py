"""OTLP log records straight from protobuf's bytes.

Serialisers write fields in the order of their numbers, so a record is read as one sequence; one with a structured body
or another order goes to protobuf's own parser and :mod:`firstlight.codecs.otlp.logs`.
"""

import struct
from typing import Any

from firstlight.codecs.otlp.logs import BODY_MAX_CHARS, EVENT_NAME, LOUDEST, level_of_text, read_record
from firstlight.codecs.otlp.messages import parse
from firstlight.codecs.otlp.outcome import Decoded
from firstlight.codecs.otlp.values import ATTRIBUTES_MAX
from firstlight.codecs.otlp.wire import MORE, Unusual
from firstlight.codecs.otlp.wire_records import Known, long_size, read_records, text_at
from firstlight.model import Event, Level

# A tag is field number << 3 | wire type; numbers from opentelemetry/proto/logs/v1/logs.proto.
_TIME, _SEVERITY, _SEVERITY_TEXT, _BODY, _ATTRIBUTE, _FLAGS = 0x09, 0x10, 0x1A, 0x2A, 0x32, 0x45
_TRACE_ID, _SPAN_ID, _OBSERVED, _EVENT_NAME = b"\x4a\x10", b"\x52\x08", 0x59, 0x62
_STRING = 0x0A

_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_time_at = struct.Struct("<q").unpack_from
_FIXED_BYTES = 9
_FLAGS_BYTES = 5


def read_wire_logs(body: bytes, now_ns: int, known: Known) -> Decoded:
    """Return the content of a protobuf ``ExportLogsServiceRequest``.

    Raises:
        DecodeError: ``body`` is no such message.
    """
    reader = _LogReader(known, now_ns)
    return read_records(body, known, lambda batch: batch.events, reader.read_usual, reader.read_any)


class _LogReader:
    def __init__(self, known: Known, now_ns: int) -> None:
        self._known = known
        self._now_ns = now_ns

    def read_any(self, raw: bytes, subsystem: str, component: str) -> Event:
        return read_record(parse("LogRecord", raw), subsystem, component, self._now_ns)

    def read_usual(self, body: bytes, position: int, stop: int, subsystem: str, component: str) -> Event:
        if body[position] != _TIME or position + _FIXED_BYTES > stop:
            raise Unusual
        (time_ns,) = _time_at(body, position + 1)
        level, position = _level(body, position + _FIXED_BYTES)
        text = ""
        if position < stop and body[position] == _BODY:
            text, position = _text(body, position)
        attributes: dict[str, Any] = {}
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
        trace_id, span_id, name = _rest(body, position, stop)
        if time_ns <= 0 or len(attributes) > ATTRIBUTES_MAX or (not name and EVENT_NAME in attributes):
            raise Unusual
        return Event(time_ns, name, level, subsystem, component, text, attributes, trace_id, span_id)


def _level(body: bytes, position: int) -> tuple[int, int]:
    """Return the level and the place behind severity number and text."""
    level = 0
    if body[position] == _SEVERITY:
        level = body[position + 1]
        position += 2
    if body[position] == _SEVERITY_TEXT:
        size, start = long_size(body, position + 1)
        position = start + size
        level = level or level_of_text(text_at(body, start, position))
    if level > LOUDEST:
        raise Unusual
    return level or Level.INFO, position


def _text(body: bytes, position: int) -> tuple[str, int]:
    """Return a body that is nothing but a string, and the place behind it."""
    size, position = long_size(body, position + 1)
    stop = position + size
    if body[position] != _STRING:
        raise Unusual
    size, position = long_size(body, position + 1)
    if position + size != stop or size > BODY_MAX_CHARS:
        raise Unusual
    return text_at(body, position, stop), stop


def _rest(body: bytes, position: int, stop: int) -> tuple[str, str, str]:
    """Return trace id, span id and event name; flags and the time of observation lie between them."""
    trace_id = span_id = name = ""
    if position < stop and body[position] == _FLAGS:
        position += _FLAGS_BYTES
    if body.startswith(_TRACE_ID, position, stop):
        trace_id = body[position + 2 : position + 18].hex()
        position += 18
    if body.startswith(_SPAN_ID, position, stop):
        span_id = body[position + 2 : position + 10].hex()
        position += 10
    if position < stop and body[position] == _OBSERVED:
        position += _FIXED_BYTES
    if position < stop and body[position] == _EVENT_NAME:
        size, position = long_size(body, position + 1)
        name = text_at(body, position, position + size)
        position += size
    if position != stop or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        raise Unusual
    return trace_id, span_id, name
