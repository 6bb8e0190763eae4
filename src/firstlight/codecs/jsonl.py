"""JSON Lines of events, both ways: one object a line, UTF-8.

The shape is that of "DAWN Unified Telemetry System", *Output formats*, with ``service`` and, where the event has them,
``message``, ``trace_id`` and ``span_id``.  A time is milliseconds and a level the name of its band, so both come back
rounded, unless the line is a whole one (:func:`encode_whole`).  JSON has no NaN and no infinities: inside ``data`` they
become ``null``.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct

from firstlight.codecs import iso
from firstlight.errors import DecodeError, FirstlightError
from firstlight.model import Batch, Event, EventColumns, Resource, level_name, parse_level
from firstlight.native import loops

TICK_ID = "tick_id"
PROCESS_START = "process.start_time_ns"
"""Resource attribute: when the sender's process began, in nanoseconds since the epoch."""

_MS_PER_S = 1000
_TIME_MIN_NS, _TIME_MAX_NS = -(2**63), 2**63 - 1
_LEVEL_MIN, _LEVEL_MAX = -128, 127  # a byte in the lake


class EventLine(Struct, gc=False):
    """A line in four parts; what neighbours share is written once and put in as it is.

    Attributes:
        timestamp: the first key.
        level: the rest of what stands before the data: also subsystem, component, event type, tick and session.
        data: the fields.
        metadata: the rest of what stands after the data: also service, message, trace and span.
    """

    timestamp: Raw
    level: Raw
    data: dict[str, Any]
    metadata: Raw


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
    time_ns: int | None = None
    level_number: int | None = None
    host: str = ""
    resource: dict[str, Any] = {}


class WholeLine(Struct, omit_defaults=True, gc=False):
    """A line with all that is known of an event, nothing rounded; who reads only the usual keys finds those."""

    timestamp: str
    level: str
    subsystem: str
    component: str
    event_type: str
    session_id: str
    data: dict[str, Any]
    metadata: dict[str, int]
    service: str
    time_ns: int
    level_number: int
    message: str = ""
    trace_id: str = ""
    span_id: str = ""
    tick_id: Any = UNSET
    host: str = ""
    resource: dict[str, Any] = {}


_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines
_decode_lines = msgspec.json.Decoder(ReadLine).decode_lines


def encode_events(events: Sequence[Event], resource: Resource) -> bytes:
    """Return one line for each of ``events``.

    Raises:
        FirstlightError: an attribute has no JSON form, or a time no date.
    """
    return encode_columns(EventColumns.of(events), resource) if events else b""


def encode_columns(columns: EventColumns, resource: Resource) -> bytes:
    """Return one line for each event of ``columns``.

    Raises:
        FirstlightError: an attribute has no JSON form, or a time no date.
    """
    try:
        if (compiled := loops.compiled) is not None:
            with suppress(OverflowError):  # a time that 64 bits cannot hold
                return _compiled_lines(compiled, columns, resource)
        return _encode_lines(_lines(columns, resource))
    except (TypeError, ValueError, OverflowError) as error:
        raise FirstlightError(f"an event cannot be written as JSON: {error}") from error


def encode_whole(events: Sequence[Event], resource: Resource) -> bytes:
    """Return one line for each of ``events`` with its exact time and level, and all that its sender said of itself.

    Raises:
        FirstlightError: an attribute has no JSON form, or a time no date.
    """
    when = iso.Milliseconds().text
    try:
        return _encode_lines([_whole_line(event, resource, when(event.time_ns // iso.NS_PER_MS)) for event in events])
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


def _compiled_lines(compiled: loops.Compiled, columns: EventColumns, resource: Resource) -> bytes:
    moments = _Moments(resource)
    sender = (_session(resource), moments.process, moments.start_ms, moments.service)
    return compiled.event_lines(columns, _Heads(), sender, iso.whole_second, TICK_ID, _encode)


def _lines(columns: EventColumns, resource: Resource) -> list[EventLine]:
    """Build the lines.  This is on the path of every recorded event."""
    heads, moments = _RawHeads(_session(resource)), _Moments(resource)
    at_place, at_name, at_thread_id, begins_ns, ends_ns = (0, "", ""), "", 0, 0, 0
    timestamp = head = tail = Raw()
    lines: list[EventLine] = []
    add = lines.append
    for time_ns, place, name, data, thread_id in zip(*columns[:5], strict=True):
        # Neighbours are often alike, and comparing costs less than looking up.
        if thread_id != at_thread_id or not begins_ns <= time_ns < ends_ns:
            timestamp, tail = moments.at(time_ns, thread_id)
            at_thread_id, begins_ns, ends_ns = thread_id, moments.begins_ns, moments.begins_ns + iso.NS_PER_MS
        if name is not at_name or place is not at_place:
            head, at_name, at_place = heads[place, name], name, place
        add(EventLine(timestamp, head, data, tail))
    _add_what_is_rare(lines, columns)
    return lines


def _add_what_is_rare(lines: list[EventLine], columns: EventColumns) -> None:
    if any(TICK_ID in data for data in columns.attributes):
        for line in lines:
            if TICK_ID in line.data:
                line.data = line.data.copy()
                line.level = _with_tick(line.level, line.data.pop(TICK_ID))
    for key, texts in ((b"message", columns.bodies), (b"trace_id", columns.trace_ids), (b"span_id", columns.span_ids)):
        if any(texts):
            for line, text in zip(lines, texts, strict=True):
                if text:
                    line.metadata = Raw(b'%b,"%b":%b' % (line.metadata, key, _encode(text)))


class _Heads(dict[tuple[tuple[int, str, str], str], bytes]):
    """What stands between time and session, by place and name."""

    def __missing__(self, key: tuple[tuple[int, str, str], str]) -> bytes:
        (level, subsystem, component), name = key
        texts = tuple(map(_encode, (level_name(level), subsystem, component, name)))
        self[key] = head = b'%b,"subsystem":%b,"component":%b,"event_type":%b' % texts
        return head


class _RawHeads(dict[tuple[tuple[int, str, str], str], Raw]):
    """The same with the session."""

    def __init__(self, session: bytes) -> None:
        self._heads = _Heads()
        self._session = session

    def __missing__(self, key: tuple[tuple[int, str, str], str]) -> Raw:
        self[key] = head = Raw(self._heads[key] + self._session)
        return head


def _session(resource: Resource) -> bytes:
    return b',"session_id":' + _encode(resource.session_id)


def _with_tick(head: Raw, tick_id: Any) -> Raw:
    """Return ``head`` with a tick before the session."""
    before, key, session = bytes(head).rpartition(b',"session_id":')
    return Raw(b'%b,"tick_id":%b%b%b' % (before, _encode(tick_id), key, session))


class _Moments:
    """Writes what depends on the millisecond and the thread only.

    Attributes:
        process: what stands before a thread.
        start_ms: when the process began, in milliseconds since the epoch, or None.
        service: what stands after the uptime.
        begins_ns: of the millisecond that was written last.
    """

    def __init__(self, resource: Resource) -> None:
        start_ns = resource.attributes.get(PROCESS_START)
        self.start_ms = start_ns // iso.NS_PER_MS if isinstance(start_ns, int) else None
        self.process = b'{"process_id":%b,"thread_id":' % _encode(resource.pid)
        self.service = b'},"service":' + _encode(resource.service)
        self._text = iso.Milliseconds().text
        self._timestamp = Raw()
        self._uptime = b""
        self._tails: dict[int, Raw] = {}
        self.begins_ns = -1

    def at(self, time_ns: int, thread_id: int) -> tuple[Raw, Raw]:
        """Return the timestamp, and what stands after the data, of an event of this thread then."""
        if not 0 <= time_ns - self.begins_ns < iso.NS_PER_MS or self.begins_ns < 0:
            self._move(time_ns // iso.NS_PER_MS)
        tail = self._tails.get(thread_id)
        if tail is None:
            text = b'%b%d,"uptime_seconds":%b%b' % (self.process, thread_id, self._uptime, self.service)
            tail = self._tails[thread_id] = Raw(text)
        return self._timestamp, tail

    def _move(self, time_ms: int) -> None:
        self.begins_ns = time_ms * iso.NS_PER_MS
        uptime = "null" if self.start_ms is None else f"{(time_ms - self.start_ms) / _MS_PER_S:.3f}"
        self._uptime = uptime.encode()
        self._timestamp = Raw(f'"{self._text(time_ms)}"'.encode())
        self._tails = {}


def _whole_line(event: Event, resource: Resource, timestamp: str) -> WholeLine:
    return WholeLine(
        timestamp,
        level_name(event.level),
        event.subsystem,
        event.component,
        event.name,
        resource.session_id,
        event.attributes,
        {"process_id": resource.pid, "thread_id": event.thread_id},
        resource.service,
        event.time_ns,
        int(event.level),
        event.body,
        event.trace_id,
        event.span_id,
        event.attributes.get(TICK_ID, UNSET),
        resource.host,
        resource.attributes,
    )


def _resource(line: ReadLine) -> Resource:
    attributes = line.resource
    if line.metadata.uptime_seconds is not None:
        uptime_ms = round(line.metadata.uptime_seconds * _MS_PER_S)
        began_ns = iso.parse(line.timestamp) - uptime_ms * iso.NS_PER_MS
        attributes = {**attributes, PROCESS_START: began_ns}
    return Resource(line.service, line.session_id, line.host, line.metadata.process_id, attributes)


def _batch(resource: Resource, lines: Iterator[ReadLine]) -> Batch:
    batch = Batch(resource)
    batch.events += map(_event, lines)
    return batch


def _event(line: ReadLine) -> Event:
    data = line.data if line.tick_id is UNSET else {**line.data, TICK_ID: line.tick_id}
    return Event(
        iso.parse(line.timestamp) if line.time_ns is None else _sound_time(line.time_ns),
        line.event_type,
        parse_level(line.level) if line.level_number is None else _sound_level(line.level_number),
        line.subsystem,
        line.component,
        line.message,
        data,
        line.trace_id,
        line.span_id,
        line.metadata.thread_id,
    )


def _sound_time(time_ns: int) -> int:
    if not _TIME_MIN_NS <= time_ns <= _TIME_MAX_NS:
        raise DecodeError(f"time_ns {time_ns} does not fit into 64 bits")
    return time_ns


def _sound_level(number: int) -> int:
    if not _LEVEL_MIN <= number <= _LEVEL_MAX:
        raise DecodeError(f"level_number {number} is outside {_LEVEL_MIN}..{_LEVEL_MAX}")
    return number
