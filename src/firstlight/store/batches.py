"""Arrow columns back to batches: the opposite of :mod:`firstlight.store.columns`.

Tables have the columns of :mod:`firstlight.store.schema`.  Samples and exponential points have the columns of their
series beside their own (``METRICS``, ``EXPONENTIAL``), so that a table says everything by itself.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import starmap
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from firstlight.errors import DecodeError
from firstlight.model import Batch, Event, ExponentialPoint, Kind, Resource, Series, Span, SpanEvent, SpanLink
from firstlight.store import schema

_NS_PER_US = 1000
_DESCRIBED = [column for column in schema.SERIES if column.name != "series_id"]
_IDENTITY = ("name", "labels", "service", "session_id", "scope", "field", "kind", "unit", "description")
_SENDER = ("service", "session_id", "host", "pid", "resource")
_REST = schema.OPTIONAL["exponential"]
_POINT = [name for name in schema.EXPONENTIAL.names if name not in ("series_id", "time", "ns", *_REST)]

METRICS = pa.schema(
    [("time", schema.TIME), ("ns", pa.int16()), ("value", pa.float64()), ("series_id", pa.int64()), *_DESCRIBED]
)
"""Samples with their series."""

EXPONENTIAL = pa.schema([*schema.EXPONENTIAL, *_DESCRIBED])
"""Exponential points with their series."""

_read_json = msgspec.json.Decoder().decode


def times_ns(table: pa.Table) -> Any:
    """Return ``time`` and ``ns`` of each row as nanoseconds since the epoch, int64."""
    micros = table["time"].cast(schema.TIME).cast(pa.int64()).to_numpy()
    return micros * _NS_PER_US + table["ns"].to_numpy()


def event_batches(table: pa.Table) -> list[Batch]:
    """Return the rows of a table of events, a batch for each sender."""
    return _by_sender(table, _events(table), lambda batch, event: batch.events.append(event))


def span_batches(table: pa.Table) -> list[Batch]:
    """Return the rows of a table of spans, a batch for each sender."""
    return _by_sender(table, _spans(table), lambda batch, span: batch.spans.append(span))


def metric_batch(table: pa.Table) -> Batch:
    """Return the rows of a table of samples; ``series_id`` may be missing, and is made anew in any case."""
    batch = Batch(Resource())
    ids = _series_of(table, batch)
    batch.samples.series_ids.frombytes(ids.tobytes())
    batch.samples.times_ns.frombytes(np.ascontiguousarray(times_ns(table)).tobytes())
    batch.samples.values.frombytes(np.ascontiguousarray(table["value"].to_numpy()).tobytes())
    return batch


def exponential_batch(table: pa.Table) -> Batch:
    """Return the rows of a table of exponential points."""
    batch = Batch(Resource())
    ids = _series_of(table, batch).tolist()
    batch.exponential = points_of(table, ids)
    return batch


def points_of(table: pa.Table, ids: Sequence[int]) -> list[ExponentialPoint]:
    """Return the rows of a table of exponential points as points of the series ``ids``."""
    table = schema.completed("exponential", table)
    cells = (table[name].to_pylist() for name in _POINT)
    points = list(starmap(ExponentialPoint, zip(ids, times_ns(table).tolist(), *cells, strict=True)))
    rests = zip(*(table[name].to_pylist() for name in _REST), strict=True)
    for point, (count, zero_count, positive, negative, bounds, hint) in zip(points, rests, strict=True):
        point.bounds, point.hint = bounds or (), hint or 0
        if count is not None:
            point.count, point.zero_count = count, zero_count
            point.positive, point.negative = positive or (), negative or ()
    return points


def series_rows(table: pa.Table) -> Iterator[Series]:
    """Yield the series that the rows of ``table`` name.

    Raises:
        DecodeError: a kind is unknown.
    """
    missing = [""] * len(table)
    cells = (table[name].to_pylist() if name in table.column_names else missing for name in _IDENTITY)
    for name, labels, service, session_id, scope, field, kind, unit, description in zip(*cells, strict=True):
        try:
            known = Kind(kind)
        except ValueError:
            raise DecodeError(f"no kind of metric {kind!r}") from None
        pairs = tuple(sorted(dict(labels or ()).items()))
        sender = (service or "", session_id or "", scope or "")
        yield Series(name or "", pairs, *sender, field or "value", known, unit or "", description or "")


def _series_of(table: pa.Table, batch: Batch) -> Any:
    """Put the series of ``table`` into ``batch``; return the id of each row."""
    if "series_id" in table.column_names:
        _, first, row_of = np.unique(table["series_id"].to_numpy(), return_index=True, return_inverse=True)
        found = list(series_rows(table.take(pa.array(first))))
    else:
        places: dict[Series, int] = {}
        row_of = np.array([places.setdefault(series, len(places)) for series in series_rows(table)], np.int64)
        found = list(places)
    ids = [series.id() for series in found]
    batch.series.update(zip(ids, found, strict=True))
    return np.array(ids, np.int64)[row_of] if ids else np.empty(0, np.int64)


def _by_sender(table: pa.Table, rows: Iterator[Any], add: Callable[[Batch, Any], None]) -> list[Batch]:
    batches: dict[tuple[Any, ...], Batch] = {}
    for sender, row in zip(zip(*(table[name].to_pylist() for name in _SENDER), strict=True), rows, strict=True):
        batch = batches.get(sender)
        if batch is None:
            service, session_id, host, pid, resource = sender
            attributes = _read_json(resource or "{}")
            batch = batches[sender] = Batch(Resource(service or "", session_id or "", host or "", pid or 0, attributes))
        add(batch, row)
    return list(batches.values())


def _texts(table: pa.Table, *names: str) -> Iterator[tuple[str, ...]]:
    columns = [table[name].to_pylist() for name in names]
    return zip(*([text or "" for text in column] for column in columns), strict=True)


def _events(table: pa.Table) -> Iterator[Event]:
    texts = _texts(table, "name", "subsystem", "component", "body", "attributes", "trace_id", "span_id")
    numbers = zip(times_ns(table).tolist(), table["level_number"].to_pylist(), strict=True)
    for (time_ns, level), row in zip(numbers, texts, strict=True):
        name, subsystem, component, body, attributes, trace_id, span_id = row
        known = _read_json(attributes or "{}")
        yield Event(time_ns, name, level, subsystem, component, body, known, trace_id, span_id)


def _spans(table: pa.Table) -> Iterator[Span]:
    texts: Iterator[Any] = _texts(table, "name", "trace_id", "span_id", "parent_id", "kind", "status", "status_message")
    places = _texts(table, "subsystem", "component", "attributes", "events", "links")
    numbers = zip(times_ns(table).tolist(), table["duration_ns"].to_pylist(), strict=True)
    for (start_ns, duration_ns), row, place in zip(numbers, texts, places, strict=True):
        span = Span(start_ns, start_ns + duration_ns, *row)
        span.subsystem, span.component, attributes, events, links = place
        span.attributes = _read_json(attributes or "{}")
        span.events = [SpanEvent(e["time_ns"], e["name"], e["attributes"]) for e in _read_json(events or "[]")]
        span.links = [SpanLink(k["trace_id"], k["span_id"], k["attributes"]) for k in _read_json(links or "[]")]
        yield span
