"""OTLP log records to events."""

from typing import Any

from firstlight.codecs.otlp.outcome import Decoded, Refused, time_or
from firstlight.codecs.otlp.read_senders import read_resource, split_scope
from firstlight.codecs.otlp.read_values import attributes, label_text, plain
from firstlight.codecs.otlp.shapes import AnyValue, LogRecord, LogsRequest, ResourceLogs, enum_number, given
from firstlight.errors import UsageError
from firstlight.model import Batch, Event, Level, parse_level

EVENT_NAME = "event.name"
BODY_MAX_CHARS = 1 << 20
"""Characters kept of a body; the largest single line that common log stores take is 1 MiB."""

LOUDEST = 24
"""The highest severity number, FATAL4."""

_TRACE_ID_CHARS = 32
_SPAN_ID_CHARS = 16
_BANDS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_SEVERITIES = {
    f"SEVERITY_NUMBER_{band}{step if step > 1 else ''}": 4 * row + step
    for row, band in enumerate(_BANDS)
    for step in range(1, 5)
}
_TEXTS = {"INFORMATION": Level.INFO, "ERR": Level.ERROR, "EMERGENCY": Level.CRITICAL, "ALERT": Level.CRITICAL}


def read_logs(request: LogsRequest, now_ns: int) -> Decoded:
    """Return the events of ``request`` (ours or protobuf's message); ``now_ns`` stands in for absent times."""
    decoded = Decoded()
    for entry in request.resource_logs or ():
        decoded.keep(_read_resource_logs(entry, now_ns, decoded))
    return decoded


def _read_resource_logs(entry: ResourceLogs, now_ns: int, decoded: Decoded) -> Batch:
    batch = Batch(read_resource(entry.resource))
    for scope_logs in entry.scope_logs or ():
        subsystem, component = split_scope(scope_logs.scope)
        for record in scope_logs.log_records or ():
            decoded.received += 1
            try:
                batch.events.append(read_record(record, subsystem, component, now_ns))
            except Refused as refused:
                decoded.refuse(str(refused))
    return batch


def read_record(record: LogRecord, subsystem: str, component: str, now_ns: int) -> Event:
    """Return one log record (ours or protobuf's message).

    Raises:
        Refused: its time cannot be kept.
    """
    rest = attributes(record.attributes)
    return Event(
        time_or(record.time_unix_nano or record.observed_time_unix_nano, now_ns),
        record.event_name or _take_name(rest),
        _level(record),
        subsystem,
        component,
        _body(record.body),
        rest,
        hex_id(record.trace_id, _TRACE_ID_CHARS),
        hex_id(record.span_id, _SPAN_ID_CHARS),
    )


def _take_name(rest: dict[str, Any]) -> str:
    name = rest.get(EVENT_NAME)
    if not isinstance(name, str):
        return ""
    del rest[EVENT_NAME]
    return name


def _level(record: LogRecord) -> int:
    number = enum_number(record.severity_number, _SEVERITIES)
    if number > 0:
        return min(number, LOUDEST)
    return level_of_text(record.severity_text) if record.severity_text else Level.INFO


def level_of_text(text: str) -> int:
    """Return the level that a logging library calls ``text``; INFO when the word is unknown."""
    try:
        return parse_level(text)
    except UsageError:
        return _TEXTS.get(text.strip().upper(), Level.INFO)


def _body(value: AnyValue | None) -> str:
    if value is None:
        return ""
    if given(value, ("string_value",)):
        return (value.string_value or "")[:BODY_MAX_CHARS]
    content = plain(value)
    return "" if content is None else label_text(content)[:BODY_MAX_CHARS]


def hex_id(raw: str | bytes | None, chars: int) -> str:
    """Return an id as ``chars`` lower-case hex digits, or ``""`` when it is absent, of another length or all zero."""
    if not raw:
        return ""
    text = raw.hex() if isinstance(raw, bytes) else raw.lower()
    if len(text) != chars or not text.strip("0") or text.strip("0123456789abcdef"):
        return ""
    return text
