"""Native histograms straight from a lake: the rows of some series in a stretch of time."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.errors import CorruptSegment
from firstlight.model import CUSTOM_SCALE
from firstlight.query.promql.histograms.histogram import Buckets, Hint, Histogram, sliced
from firstlight.query.promql.limits import Limits
from firstlight.store import schema
from firstlight.store.batches import times_ns
from firstlight.store.catalog import Segment
from firstlight.store.kept import Kept
from firstlight.store.reader import LakeReader, View

_TABLE = "exponential"
_NS_PER_US = 1000
_EVER = (-(2**63), 2**63 - 1)

DEFAULT_KEPT_BYTES = 64 * 2**20
_ENTRY_BYTES, _ROW_BYTES, _BUCKET_BYTES = 1000, 500, 16
_WORTH_RATIO = 0.25
"""Of a segment at least this part must be asked for; else all of it would cost more than it saves."""
_HINTS = tuple(Hint)


class Rows(NamedTuple):
    """Rows in the order of their series and times, each time of a series once.

    Attributes:
        ids: (n,) int64.
        times_ns: (n,) int64.
        sums: (n,) float64; the stale marker is one of them.
        histograms: (n,) objects.
    """

    ids: Any
    times_ns: Any
    sums: Any
    histograms: Any


_NOTHING = np.empty(0, np.int64)
_NO_ROWS = Rows(_NOTHING, _NOTHING, np.empty(0), np.empty(0, object))


class HistogramReader:
    """Reads native histograms; what it decoded lately it keeps, since segments never change.

    Args:
        kept_bytes: how much of it.
    """

    def __init__(self, kept_bytes: int = DEFAULT_KEPT_BYTES) -> None:
        self._kept = Kept(kept_bytes)

    def rows(self, reader: LakeReader, view: View, ids: Any, span_ns: tuple[int, int], limits: Limits) -> Rows | None:
        """Return the histograms of the series ``ids`` (ascending) with ``start <= time < end``; None without any.

        Raises:
            QueryError: a limit is reached.
            FileNotFoundError: a segment was replaced; take a new view.
            CorruptSegment: one cannot be read.
        """
        start_ns, end_ns = span_ns
        found: list[Rows] = []
        for segment in reader.sealed(_TABLE, view, start_ns // _NS_PER_US, (end_ns - 1) // _NS_PER_US):
            found += self._of_segment(segment, ids, span_ns, limits)
        if (tail := reader.tail_table(_TABLE, view)).num_rows:
            found += map(_rows, _wanted(tail, ids, span_ns, limits))
        return _in_order(found) if found else None

    def _of_segment(self, segment: Segment, ids: Any, span_ns: tuple[int, int], limits: Limits) -> list[Rows]:
        kept: list[Rows | None] = [self._kept.get((segment.path, one)) for one in ids.tolist()]
        missing = ids[[place for place, rows in enumerate(kept) if rows is None]]
        found = [_between(rows, *span_ns) for rows in kept if rows is not None]
        limits.charge(sum(len(rows.ids) for rows in found))
        if len(missing):
            found += self._decoded(segment, missing, span_ns, limits)
        return [rows for rows in found if len(rows.ids)]

    def _decoded(self, segment: Segment, ids: Any, span_ns: tuple[int, int], limits: Limits) -> list[Rows]:
        is_worth_it = _asked_part(segment, span_ns) >= _WORTH_RATIO
        wanted_ns = _EVER if is_worth_it else span_ns
        tables = [rows for table in _row_groups(segment, ids) for rows in _wanted(table, ids, wanted_ns, limits)]
        apart = _by_series(_rows(pa.concat_tables(tables))) if tables else {}
        for one in ids.tolist() if is_worth_it else ():
            rows = apart.get(one, _NO_ROWS)
            self._kept.put((segment.path, one), rows, _bytes_of(rows) + _ENTRY_BYTES)
        return [_between(rows, *span_ns) for rows in apart.values()]


def _by_series(rows: Rows) -> dict[int, Rows]:
    """Return the rows of each series; a segment is sorted by series."""
    firsts = np.flatnonzero(np.concatenate(([True], rows.ids[1:] != rows.ids[:-1]))).tolist()
    parts = (Rows(*(column[start:end] for column in rows)) for start, end in pairwise([*firsts, len(rows.ids)]))
    return {int(part.ids[0]): part for part in parts}


def _asked_part(segment: Segment, span_ns: tuple[int, int]) -> float:
    start_us, end_us = max(span_ns[0] // _NS_PER_US, segment.begin_us), min(span_ns[1] // _NS_PER_US, segment.end_us)
    return (end_us - start_us) / max(segment.end_us - segment.begin_us, 1)


def _wanted(table: pa.Table, ids: Any, span_ns: tuple[int, int], limits: Limits) -> list[pa.Table]:
    """Return the rows of ``table`` that are wanted, or nothing."""
    times = times_ns(table)
    kept = np.isin(table["series_id"].to_numpy(), ids) & (times >= span_ns[0]) & (times < span_ns[1])
    if not kept.any():
        return []
    limits.charge(int(np.count_nonzero(kept)))
    return [schema.completed(_TABLE, table).filter(pa.array(kept))]


def _between(rows: Rows, start_ns: int, end_ns: int) -> Rows:
    kept = (rows.times_ns >= start_ns) & (rows.times_ns < end_ns)
    return rows if kept.all() else Rows(*(column[kept] for column in rows))


def _bytes_of(rows: Rows) -> int:
    buckets = sum(len(one.positive.counts) + len(one.negative.counts) for one in rows.histograms.tolist())
    return len(rows.ids) * _ROW_BYTES + buckets * _BUCKET_BYTES


def _row_groups(segment: Segment, ids: Any) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(segment.path, page_checksum_verification=True) as file:
            for number in range(file.num_row_groups):
                if _may_have(file.metadata.row_group(number), ids):
                    yield file.read_row_group(number, use_threads=False)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise CorruptSegment(f"the segment {segment.path} cannot be read: {error}") from error


def _may_have(group: pq.RowGroupMetaData, ids: Any) -> bool:
    column = group.column(0)
    if column.path_in_schema != "series_id" or not column.is_stats_set:
        return True
    first = int(np.searchsorted(ids, column.statistics.min))
    return first < len(ids) and bool(ids[first] <= column.statistics.max)


def _rows(table: pa.Table) -> Rows:
    ids, sums = table["series_id"].to_numpy(), table["sum"].to_numpy()
    return Rows(ids, times_ns(table), sums, _histograms(table))


def _histograms(table: pa.Table) -> Any:
    scales = table["scale"].to_numpy()
    shifts = np.where(scales == CUSTOM_SCALE, 0, 1)
    counts, zero_counts = _numbers(table, "count"), _numbers(table, "zero_count")
    columns = (counts, table["sum"].to_numpy(), table["zero_threshold"].to_numpy(), zero_counts)
    positive, negative = _side(table, "positive", shifts), _side(table, "negative", shifts)
    bounds = [tuple(one) if one else () for one in table["bounds"].to_pylist()]
    hints = map(_HINTS.__getitem__, table["hint"].fill_null(0).to_pylist())
    answers = np.empty(len(table), object)
    rows = zip(scales.tolist(), *(one.tolist() for one in columns), positive, negative, bounds, hints, strict=True)
    for place, row in enumerate(rows):
        answers[place] = Histogram(*row)
    return answers


def _numbers(table: pa.Table, name: str) -> Any:
    fractions = table[f"float_{name}"].combine_chunks()
    whole = table[name].to_numpy().astype(np.float64)
    if fractions.null_count == len(fractions):
        return whole
    return np.where(fractions.is_valid().to_numpy(zero_copy_only=False), fractions.fill_null(0.0).to_numpy(), whole)


def _side(table: pa.Table, name: str, shifts: Any) -> list[Buckets]:
    firsts = (table[f"{name}_offset"].to_numpy() + shifts).astype(np.int64)
    whole, fractions = (table[column].combine_chunks() for column in (name, f"float_{name}"))
    made = _buckets(firsts, whole)
    if fractions.null_count < len(fractions):
        exact = _buckets(firsts, fractions)
        made = [own or other for own, other in zip(exact, made, strict=True)]
    return made


def _buckets(firsts: Any, lists: pa.ListArray) -> list[Buckets]:
    """The filled buckets of each row: one pass over all counts, then a slice for each."""
    offsets = lists.offsets.to_numpy().astype(np.int64)
    counts = lists.values.to_numpy(zero_copy_only=False)[offsets[0] : offsets[-1]].astype(np.float64)
    lengths = np.diff(offsets)
    starts = offsets[:-1] - offsets[0]
    indexes = np.arange(len(counts)) + np.repeat(firsts - starts, lengths)
    filled = np.flatnonzero(counts)
    return sliced(indexes[filled], counts[filled], np.searchsorted(filled, np.append(starts, len(counts))))


def _in_order(pieces: list[Rows]) -> Rows:
    """Put rows in order; of two of one series and time the later written one is kept."""
    ids, times, sums, histograms = (np.concatenate(column) for column in zip(*pieces, strict=True))
    order = np.lexsort((times, ids))
    ids, times = ids[order], times[order]
    is_last = np.append((ids[1:] != ids[:-1]) | (times[1:] != times[:-1]), True)
    kept = order[is_last]
    return Rows(ids[is_last], times[is_last], sums[kept], histograms[kept])
