"""Log frames to Arrow columns."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from firstlight.model import Event, ExponentialPoint, Resource, Series, Span
from firstlight.store import schema
from firstlight.store.frame import RowGroup, Sections

_encode_json = msgspec.json.Encoder().encode
_NS_PER_US = 1000
_EMPTY = "{}"
_NONE = (None,) * 4


def samples_table(frames: Sequence[Sections]) -> pa.Table:
    """Return the samples of ``frames`` in the tail's schema, copied into one piece, values untouched."""
    columns = [
        np.frombuffer(b"".join(getattr(frame, name) for frame in frames), kind)
        for name, kind in (("ids", "<i8"), ("times", "<i8"), ("values", "<f8"))
    ]
    ids, times, values = columns
    micros, rest = split_ns(times)
    return arrow_table((ids, micros, rest, values), schema.TAIL_SAMPLES)


def arrow_table(arrays: Iterable[Any], columns: pa.Schema) -> pa.Table:
    """Return numbers without gaps, NumPy arrays of the types of ``columns``, as a table that shares their memory.

    ``pa.array`` loads pandas where that is installed, 40 MB that a process which only writes needs for nothing.
    """
    made = [
        pa.Array.from_buffers(column.type, len(array), [None, pa.py_buffer(np.ascontiguousarray(array))])
        for array, column in zip(arrays, columns, strict=True)
    ]
    return pa.Table.from_arrays(made, schema=columns)


def raw(column: pa.Array, dtype: Any) -> Any:
    """Return the memory of a column of numbers as NumPy sees it; what lies where it is NULL means nothing.

    ``to_numpy`` loads pandas as well, see :func:`arrow_table`.
    """
    return np.frombuffer(column.buffers()[1], dtype, len(column), column.offset * np.dtype(dtype).itemsize)


def split_ns(times_ns: "np.ndarray[Any, np.dtype[np.int64]]") -> tuple[Any, Any]:
    """Return whole microseconds (int64) and the nanoseconds left (int16) of each time."""
    micros = times_ns // _NS_PER_US
    return micros, (times_ns - micros * _NS_PER_US).astype(np.int16)


def series_table(definitions: Iterable[tuple[int, Series]]) -> pa.Table:
    """Return series definitions as rows of the ``series`` table."""
    rows = [
        (i, s.name, list(s.labels), s.service, s.session_id, s.scope, s.field, s.kind.value, s.unit, s.description)
        for i, s in definitions
    ]
    return _table(rows, schema.SERIES)


def events_table(groups: Iterable[RowGroup]) -> pa.Table:
    """Return the events of ``groups`` as rows of the ``events`` table."""
    return _table(
        [_event_row(e, sender) for g in groups if g[1] for sender in [_sender(g[0])] for e in g[1]],
        schema.TAIL["events"],
    )


def spans_table(groups: Iterable[RowGroup]) -> pa.Table:
    """Return the spans of ``groups`` as rows of the ``spans`` table."""
    return _table(
        [_span_row(s, sender) for g in groups if g[2] for sender in [_sender(g[0])] for s in g[2]], schema.TAIL["spans"]
    )


def exponential_table(groups: Iterable[RowGroup]) -> pa.Table:
    """Return the exponential histogram points of ``groups`` as rows of their table."""
    return _table([_point_row(p) for g in groups for p in g[3]], schema.EXPONENTIAL)


def _table(rows: Sequence[tuple[Any, ...]], table_schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(table_schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, table_schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=table_schema)


def _sender(resource: Resource) -> tuple[str, str, str, int, str]:
    return resource.service, resource.session_id, resource.host, resource.pid, _json(resource.attributes)


def _event_row(event: Event, sender: tuple[Any, ...]) -> tuple[Any, ...]:
    micros, rest = divmod(event.time_ns, _NS_PER_US)
    return (
        micros,
        rest,
        event.level,
        event.subsystem,
        event.component,
        event.name,
        event.body,
        _json(event.described()),
        event.trace_id,
        event.span_id,
        *sender,
    )


def _span_row(span: Span, sender: tuple[Any, ...]) -> tuple[Any, ...]:
    micros, rest = divmod(span.start_ns, _NS_PER_US)
    return (
        micros,
        rest,
        span.end_ns - span.start_ns,
        span.name,
        span.kind,
        span.status,
        span.status_message,
        span.trace_id,
        span.span_id,
        span.parent_id,
        span.subsystem,
        span.component,
        _json(span.attributes),
        _json([{"time_ns": e.time_ns, "name": e.name, "attributes": e.attributes} for e in span.events]),
        _json([{"trace_id": k.trace_id, "span_id": k.span_id, "attributes": k.attributes} for k in span.links]),
        *sender,
    )


def _point_row(point: ExponentialPoint) -> tuple[Any, ...]:
    micros, rest = divmod(point.time_ns, _NS_PER_US)
    return (
        point.series_id,
        micros,
        rest,
        int(point.count),
        point.sum,
        point.scale,
        int(point.zero_count),
        point.zero_threshold,
        point.positive_offset,
        () if point.is_fractional() else point.positive,
        point.negative_offset,
        () if point.is_fractional() else point.negative,
        point.min,
        point.max,
        *_rest_of(point),
    )


def _rest_of(point: ExponentialPoint) -> tuple[Any, ...]:
    """The columns that only histograms of Prometheus have, NULL where there is nothing to say."""
    fractions = (point.count, point.zero_count, point.positive, point.negative) if point.is_fractional() else _NONE
    return *fractions, point.bounds or None, point.hint or None


def _json(value: Any) -> str:
    return _encode_json(value).decode() if value else _EMPTY if isinstance(value, dict) else "[]"
