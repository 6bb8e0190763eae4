"""The samples of one metric over a stretch of time, as plain arrays per series."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from firstlight.model import Series
from firstlight.store.reader import LakeReader, View

Window = list[tuple[Series, list[int], list[float]]]

_COLUMNS = ("series_id", "time_ns", "value")


def window(
    reader: LakeReader,
    name: str,
    start_ns: int,
    end_ns: int,
    labels: Mapping[str, str] | None = None,
    field: str = "value",
) -> Window:
    """See :meth:`firstlight.ports.SignalReader.window`."""
    return reader.reading(lambda view: _in_view(reader, view, (name, field, labels or {}), start_ns, end_ns))


def _in_view(
    reader: LakeReader, view: View, which: tuple[str, str, Mapping[str, str]], start_ns: int, end_ns: int
) -> Window:
    wanted = reader.series(view).select(*which)
    if not wanted:
        return []
    ids = np.fromiter(wanted, np.int64, len(wanted))
    parts = [_from_tail(reader.tail_table("samples", view), ids, start_ns, end_ns)]
    if any(s.touches(start_ns // 1000, end_ns // 1000) for s in view.snapshot.segments.get("samples", ())):
        parts.append(_from_segments(reader, view, ids, start_ns, end_ns))
    return _by_series(wanted, [np.concatenate(columns) for columns in zip(*parts, strict=True)])


def _from_tail(table: pa.Table, ids: Any, start_ns: int, end_ns: int) -> tuple[Any, Any, Any]:
    series_ids = table["series_id"].to_numpy()
    rows = np.flatnonzero(np.isin(series_ids, ids))
    times = table["time"].cast(pa.int64()).to_numpy()[rows] * 1000 + table["ns"].to_numpy()[rows]
    inside = (times >= start_ns) & (times < end_ns)
    rows = rows[inside]
    return series_ids[rows], times[inside], table["value"].to_numpy()[rows]


def _from_segments(reader: LakeReader, view: View, ids: Any, start_ns: int, end_ns: int) -> tuple[Any, Any, Any]:
    listed = ", ".join(map(str, ids.tolist()))
    query = (
        "SELECT series_id, epoch_us(time) * 1000 + ns AS time_ns, "
        "coalesce(value_int::DOUBLE / value_divisor, value_double) AS value "
        f"FROM {reader.segments('samples', view, start_ns // 1000, end_ns // 1000)} WHERE series_id IN ({listed}) "
        "AND time >= make_timestamptz(?) AND time <= make_timestamptz(?) "
        "AND epoch_us(time) * 1000 + ns >= ? AND epoch_us(time) * 1000 + ns < ?"
    )
    params = [start_ns // 1000, end_ns // 1000, start_ns, end_ns]
    with reader.database.cursor() as cursor, reader.outdated_is_known(view):
        table = cursor.execute(query, params).to_arrow_table()
    series_ids, times, values = (table[name].to_numpy() for name in _COLUMNS)
    return series_ids, times, values


def _by_series(wanted: Mapping[int, Series], columns: Sequence[Any]) -> Window:
    series_ids, times, values = columns
    if not len(series_ids):
        return []
    order = np.lexsort((times, series_ids))
    series_ids, times, values = series_ids[order], times[order], values[order]
    starts = np.flatnonzero(np.concatenate(([True], series_ids[1:] != series_ids[:-1])))
    ends = np.append(starts[1:], len(series_ids))
    return [
        (wanted[int(series_ids[a])], times[a:b].tolist(), values[a:b].tolist())
        for a, b in zip(starts, ends, strict=True)
    ]
