"""CSV of events and metrics, both ways: RFC 4180, UTF-8, a line of names first.

A spreadsheet runs text that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return as a formula.  With the
guard such text gets a ``'`` before it, and so does text that begins with ``'``, so that reading takes exactly one away
(OWASP, *CSV injection*).  Numbers are never guarded.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from firstlight.codecs import iso
from firstlight.codecs.jsonl import PROCESS_START, TICK_ID
from firstlight.codecs.prometheus_text import format_value
from firstlight.errors import DecodeError, FirstlightError
from firstlight.model import Batch, Event, Kind, Resource, Series, level_name, parse_level

EVENT_COLUMNS = (
    "timestamp",
    "level",
    "subsystem",
    "component",
    "event_type",
    "tick_id",
    "session_id",
    "data",
    "process_id",
    "thread_id",
    "uptime_seconds",
    "trace_id",
    "span_id",
    "message",
    "service",
)
METRIC_COLUMNS = ("timestamp", "name", "labels", "field", "value", "unit", "kind", "scope", "session_id", "service")

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_NS_PER_S = 1_000_000_000
_T = TypeVar("_T")
_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder().decode
_labels_from_json = msgspec.json.Decoder(dict[str, str]).decode


def header(columns: Iterable[str]) -> bytes:
    """Return the line of names."""
    return (",".join(columns) + "\r\n").encode()


def encode_events(events: Iterable[Event], resource: Resource, guard: bool = True) -> bytes:
    """Return one row for each of ``events``, without the line of names.

    Raises:
        FirstlightError: an attribute has no JSON form, or a time no date.
    """
    text = _guarded if guard else str
    try:
        return _rows(_event_cells(event, resource, text) for event in events)
    except (TypeError, ValueError, OverflowError) as error:
        raise FirstlightError(f"an event cannot be written as CSV: {error}") from error


def encode_metrics(batch: Batch, guard: bool = True) -> bytes:
    """Return one row for each sample of ``batch``; exponential histograms have no row.

    Raises:
        FirstlightError: a time is no date.
    """
    text = _guarded if guard else str
    samples = batch.samples
    columns = zip(samples.series_ids, samples.times_ns, samples.values, strict=True)
    try:
        return _rows(_metric_cells(batch.series[number], time_ns, value, text) for number, time_ns, value in columns)
    except ValueError as error:
        raise FirstlightError(f"a sample cannot be written as CSV: {error}") from error


def decode_events(data: bytes, guard: bool = True) -> list[Batch]:
    """Return the events of such a file; neighbours of one sender share a batch.

    Raises:
        DecodeError: it has other columns, or a cell cannot be read.
    """
    batches: list[Batch] = []
    for resource, event in _read(data, EVENT_COLUMNS, _event, guard):
        if not batches or batches[-1].resource != resource:
            batches.append(Batch(resource))
        batches[-1].events.append(event)
    return batches


def decode_metrics(data: bytes, guard: bool = True) -> Batch:
    """Return the samples of such a file.

    Raises:
        DecodeError: it has other columns, or a cell cannot be read.
    """
    batch = Batch(Resource())
    for series, time_ns, value in _read(data, METRIC_COLUMNS, _sample, guard):
        batch.add_sample(series, time_ns, value)
    return batch


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _unguarded(text: str) -> str:
    return text.removeprefix("'")


def _rows(rows: Iterable[tuple[Any, ...]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()


def _event_cells(event: Event, resource: Resource, text: Callable[[str], str]) -> tuple[Any, ...]:
    data, tick_id = event.attributes, None
    if TICK_ID in data:
        data = data.copy()
        tick_id = data.pop(TICK_ID)
    start_ns = resource.attributes.get(PROCESS_START)
    return (
        iso.nanoseconds(event.time_ns),
        level_name(event.level),
        text(event.subsystem),
        text(event.component),
        text(event.name),
        _tick_cell(tick_id, text),
        text(resource.session_id),
        _json(data).decode(),
        resource.pid,
        event.thread_id,
        f"{(event.time_ns - start_ns) / _NS_PER_S:.3f}" if isinstance(start_ns, int) else "",
        event.trace_id,
        event.span_id,
        text(event.body),
        text(resource.service),
    )


def _tick_cell(tick_id: Any, text: Callable[[str], str]) -> Any:
    if tick_id is None or type(tick_id) is int:
        return tick_id
    return text(_json(tick_id).decode())


def _event(cells: list[str], text: Callable[[str], str]) -> tuple[Resource, Event]:
    timestamp, level, subsystem, component, name, tick_id, session_id, data, pid, thread_id, uptime = cells[:11]
    trace_id, span_id, body, service = cells[11:]
    time_ns = iso.parse(timestamp)
    attributes = _from_json(data.encode())
    if tick_id:
        attributes[TICK_ID] = _from_json(text(tick_id).encode())
    start = {PROCESS_START: time_ns - round(float(uptime) * _NS_PER_S)} if uptime else {}
    event = Event(time_ns, text(name), parse_level(level), text(subsystem), text(component), text(body), attributes)
    event.trace_id, event.span_id, event.thread_id = trace_id, span_id, int(thread_id)
    return Resource(text(service), text(session_id), "", int(pid), start), event


def _metric_cells(series: Series, time_ns: int, value: float, text: Callable[[str], str]) -> tuple[Any, ...]:
    return (
        iso.nanoseconds(time_ns),
        text(series.name),
        _json(dict(series.labels)).decode(),
        series.field,
        format_value(value),
        text(series.unit),
        series.kind.value,
        text(series.scope),
        text(series.session_id),
        text(series.service),
    )


def _sample(cells: list[str], text: Callable[[str], str]) -> tuple[Series, int, float]:
    timestamp, name, labels, field, value, unit, kind, scope, session_id, service = cells
    pairs = tuple(sorted(_labels_from_json(labels.encode()).items()))
    sender = (text(service), text(session_id), text(scope))
    series = Series(text(name), pairs, *sender, field, Kind(kind), text(unit))
    return series, iso.parse(timestamp), float(value)


def _read(
    data: bytes, columns: tuple[str, ...], row: Callable[[list[str], Callable[[str], str]], _T], guard: bool
) -> Iterator[_T]:
    text = _unguarded if guard else str
    number = 1
    try:
        lines = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
        names = next(lines, [])
        if names != list(columns):
            raise ValueError(f"the first line should be {','.join(columns)}")
        for cells in lines:
            number = lines.line_num
            if len(cells) != len(columns):
                raise ValueError(f"{len(cells)} cells where {len(columns)} should be")
            yield row(cells, text)
    except (ValueError, TypeError, csv.Error, FirstlightError) as error:
        raise DecodeError(f"CSV, line {number}: {error}") from error
