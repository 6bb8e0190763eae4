"""JSON Lines of events, both ways: one object a line, UTF-8.

The shape is that of "DAWN Unified Telemetry System", *Output formats*, with ``service`` and, where the event has them,
``message``, ``trace_id`` and ``span_id``.  A time is milliseconds and a level the name of its band, so both come back
rounded.  JSON has no NaN and no infinities: inside ``data`` they become ``null``.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from firstlight.codecs import iso
from firstlight.errors import DecodeError, FirstlightError
from firstlight.model import Batch, Event, Resource, level_name, parse_level

TICK_ID = "tick_id"
PROCESS_START = "process.start_time_ns"
"""Resource attribute: when the sender's process began, in nanoseconds since the epoch."""

_MS_PER_S = 1000


class EventLine(Struct, gc=False):
    """The keys of a line, in their order; unset ones are left out."""

    timestamp: str
    level: str
    subsystem: str
    component: str
    event_type: str
    tick_id: Any
    session_id: str
    data: dict[str, Any]
    metadata: Raw
    service: str
    message: str | UnsetType
    trace_id: str | UnsetType
    span_id: str | UnsetType


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


_encode_lines = msgspec.json.Encoder().encode_lines
_decode_lines = msgspec.json.Decoder(ReadLine).decode_lines


class _LevelNames(dict[int, str]):
    def __missing__(self, number: int) -> str:
        return level_name(number)


_LEVEL_NAMES = _LevelNames({number: level_name(number) for number in range(1, 25)})


def encode_events(events: Iterable[Event], resource: Resource) -> bytes:
    """Return one line for each of ``events``.

    Raises:
        FirstlightError: an attribute has no JSON form, or a time no date.
    """
    try:
        return _encode_lines(_event_lines(events, resource))
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


def _event_lines(events: Iterable[Event], resource: Resource) -> list[EventLine]:
    """Build the rows.  This is on the path of every recorded event: what neighbours share is made once."""
    session_id, service = resource.session_id, resource.service
    moments = _Moments(resource)
    at_ms: int | None = None
    timestamp = ""
    places: dict[int, Raw] = {}
    lines = []
    for event in events:
        time_ms = event.time_ns // iso.NS_PER_MS
        if time_ms != at_ms:
            at_ms, timestamp, places = time_ms, moments.move(time_ms), {}
        thread_id = event.thread_id
        place = places.get(thread_id)
        if place is None:
            place = places[thread_id] = moments.place(thread_id)
        tick_id, data = UNSET, event.attributes
        if TICK_ID in data:
            data = data.copy()
            tick_id = data.pop(TICK_ID)
        lines.append(
            EventLine(
                timestamp,
                _LEVEL_NAMES[event.level],
                event.subsystem,
                event.component,
                event.name,
                tick_id,
                session_id,
                data,
                place,
                service,
                event.body or UNSET,
                event.trace_id or UNSET,
                event.span_id or UNSET,
            )
        )
    return lines


class _Moments:
    """Writes what depends on the millisecond and the thread only."""

    def __init__(self, resource: Resource) -> None:
        start_ns = resource.attributes.get(PROCESS_START)
        self._start_ms = start_ns // iso.NS_PER_MS if isinstance(start_ns, int) else None
        self._pid = resource.pid
        self._opening: dict[int, bytes] = {}
        self._closing = b""
        self._text = iso.Milliseconds().text

    def move(self, time_ms: int) -> str:
        """Go to this millisecond; return it as text."""
        uptime = "null" if self._start_ms is None else f"{(time_ms - self._start_ms) / _MS_PER_S:.3f}"
        self._closing = f"{uptime}}}".encode()
        return self._text(time_ms)

    def place(self, thread_id: int) -> Raw:
        """Return the metadata of an event of this thread at this millisecond."""
        opening = self._opening.get(thread_id)
        if opening is None:
            text = f'{{"process_id":{self._pid},"thread_id":{thread_id},"uptime_seconds":'
            opening = self._opening[thread_id] = text.encode()
        return Raw(opening + self._closing)


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
