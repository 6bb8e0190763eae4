"""JSON Lines of events, both ways: one object a line, UTF-8.

The shape is that of "DAWN Unified Telemetry System", *Output formats*, with ``service`` and, where the event has them,
``message``, ``trace_id`` and ``span_id``.  A time is milliseconds and a level the name of its band, so both come back
rounded.  JSON has no NaN and no infinities: inside ``data`` they become ``null``.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from firstlight.codecs import iso
from firstlight.codecs.jsonl_write import PROCESS_START, TICK_ID, event_lines
from firstlight.errors import DecodeError, FirstlightError
from firstlight.model import Batch, Event, Resource, parse_level

_MS_PER_S = 1000


class ReadMetadata(Struct, frozen=True, gc=False):
    """Where in which process it happened."""

    process_id: int = 0
    thread_id: int = 0
    uptime_seconds: float | None = None


class ReadLine(Struct, gc=False):
    """A line as anybody may have written it: all but the time has a default."""

    timestamp: str
    level: str = "INFO"
    subsystem: str = ""
    component: str = ""
    event_type: str = ""
    tick_id: Any = UNSET
    session_id: str = ""
    data: dict[str, Any] = {}
    metadata: ReadMetadata = ReadMetadata()
    service: str = ""
    message: str = ""
    trace_id: str = ""
    span_id: str = ""


_decode_lines = msgspec.json.Decoder(ReadLine).decode_lines


def encode_events(events: Sequence[Event], resource: Resource) -> bytes:
    """Return one line for each of ``events``.

    Raises:
        FirstlightError: an attribute has no JSON form, or a time no date.
    """
    try:
        return event_lines(events, resource)
    except (TypeError, ValueError, OverflowError) as error:
        raise FirstlightError(f"an event cannot be written as JSON: {error}") from error


def decode_events(data: bytes) -> list[Batch]:
    """Return the events of such lines; neighbours of one sender share a batch.

    Raises:
        DecodeError: a line has another shape.
    """
    try:
        rows = _decode_lines(data)
        return [_batch(resource, group) for resource, group in groupby(rows, _resource)]
    except (ValueError, FirstlightError) as error:
        raise DecodeError(f"JSON Lines of events: {error}") from error


def _resource(line: ReadLine) -> Resource:
    attributes = {}
    if line.metadata.uptime_seconds is not None:
        uptime_ms = round(line.metadata.uptime_seconds * _MS_PER_S)
        attributes[PROCESS_START] = iso.parse(line.timestamp) - uptime_ms * iso.NS_PER_MS
    return Resource(line.service, line.session_id, "", line.metadata.process_id, attributes)


def _batch(resource: Resource, lines: Iterator[ReadLine]) -> Batch:
    batch = Batch(resource)
    batch.events += map(_event, lines)
    return batch


def _event(line: ReadLine) -> Event:
    data = line.data if line.tick_id is UNSET else {**line.data, TICK_ID: line.tick_id}
    return Event(
        iso.parse(line.timestamp),
        line.event_type,
        parse_level(line.level),
        line.subsystem,
        line.component,
        line.message,
        data,
        line.trace_id,
        line.span_id,
        line.metadata.thread_id,
    )
