"""Events to JSON Lines, as fast as Python can: what neighbours share is written once and then only joined.

Each line is glued together from a time, a head (level, place, name), the data and a tail (process, thread, sender).
Only the data is new in every line; all of a batch's is encoded in one call.
"""

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import Any

import msgspec
from msgspec.structs import astuple

from firstlight.codecs import iso
from firstlight.model import Event, Resource, level_name

TICK_ID = "tick_id"
PROCESS_START = "process.start_time_ns"
"""Resource attribute: when the sender's process began, in nanoseconds since the epoch."""

END = "}\n"
_MS_PER_S = 1000
_encoder = msgspec.json.Encoder()
_encode, _encode_lines = _encoder.encode, _encoder.encode_lines


def event_lines(events: Sequence[Event], resource: Resource) -> bytes:
    """Return one line for each of ``events``.

    Raises:
        TypeError: an attribute has no JSON form.
        ValueError: a time is no date.
        OverflowError: likewise.
    """
    if not events:
        return b""
    times_ns, names, levels, subsystems, components, bodies, data, traces, spans, threads = zip(
        *map(astuple, events), strict=True
    )
    times_ms = [time_ns // iso.NS_PER_MS for time_ns in times_ns]
    places = zip(levels, subsystems, components, names, strict=True)
    columns: list[Iterable[bytes]] = [map(_Openings().__getitem__, times_ms)]
    if TICK_ID in set().union(*data):
        ticks, data = zip(*map(_tick, data), strict=True)
        columns += [map(_Heads("").__getitem__, places), ticks, repeat(_session(resource).encode())]
    else:
        columns += [map(_Heads(_session(resource)).__getitem__, places)]
    columns += [_encode_lines(data).split(b"\n")]
    moments = zip(times_ms, threads, strict=True)
    if any(bodies) or any(traces) or any(spans):
        columns += [map(_Tails(resource, "").__getitem__, moments), map(_end, bodies, traces, spans)]
    else:
        columns += [map(_Tails(resource, END).__getitem__, moments)]
    return b"".join(chain.from_iterable(zip(*columns, strict=False)))


class _Openings(dict[int, bytes]):
    """The beginning of a line, by millisecond."""

    def __init__(self) -> None:
        self._text = iso.Milliseconds().text

    def __missing__(self, time_ms: int) -> bytes:
        made = self[time_ms] = f'{{"timestamp":"{self._text(time_ms)}'.encode()
        return made


class _Heads(dict[tuple[int, str, str, str], bytes]):
    """Level, place and name."""

    def __init__(self, rest: str) -> None:
        self._rest = rest

    def __missing__(self, key: tuple[int, str, str, str]) -> bytes:
        level, subsystem, component, name = key
        texts = (level_name(level), *map(_json, (subsystem, component, name)))
        head = '","level":"{}","subsystem":{},"component":{},"event_type":{}'.format(*texts)
        made = self[key] = (head + self._rest).encode()
        return made


class _Tails(dict[tuple[int, int], bytes]):
    """Where in which process, by millisecond and thread."""

    def __init__(self, resource: Resource, rest: str) -> None:
        self._rest = rest
        start_ns = resource.attributes.get(PROCESS_START)
        self._start_ms = start_ns // iso.NS_PER_MS if isinstance(start_ns, int) else None
        self._pid = resource.pid
        self._service = _json(resource.service)

    def __missing__(self, key: tuple[int, int]) -> bytes:
        time_ms, thread_id = key
        uptime = "null" if self._start_ms is None else f"{(time_ms - self._start_ms) / _MS_PER_S:.3f}"
        place = f'{{"process_id":{self._pid},"thread_id":{thread_id},"uptime_seconds":{uptime}}}'
        made = self[key] = f',"metadata":{place},"service":{self._service}{self._rest}'.encode()
        return made


def _session(resource: Resource) -> str:
    return f',"session_id":{_json(resource.session_id)},"data":'


def _json(value: str) -> str:
    return _encode(value).decode()


def _tick(data: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    if TICK_ID not in data:
        return b"", data
    rest = data.copy()
    return b',"tick_id":%b' % _encode(rest.pop(TICK_ID)), rest


def _end(body: str, trace_id: str, span_id: str) -> bytes:
    keys = (("message", body), ("trace_id", trace_id), ("span_id", span_id))
    return "".join([*(f',"{key}":{_json(value)}' for key, value in keys if value), END]).encode()
