"""Native histograms straight from a lake: the rows of some series in a stretch of time."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.errors import CorruptSegment
from firstlight.model import CUSTOM_SCALE
from firstlight.query.promql.histogram import NONE, Buckets, Hint, Histogram
from firstlight.query.promql.limits import Limits
from firstlight.store import schema
from firstlight.store.batches import times_ns
from firstlight.store.catalog import Segment
from firstlight.store.reader import LakeReader, View

_TABLE = "exponential"
_NS_PER_US = 1000


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


def histogram_rows(reader: LakeReader, view: View, ids: Any, span_ns: tuple[int, int], limits: Limits) -> Rows | None:
    """Return the native histograms of the series ``ids`` (ascending) with ``start <= time < end``; None without any.

    Raises:
        QueryError: a limit is reached.
        FileNotFoundError: a segment was replaced; take a new view.
        CorruptSegment: one cannot be read.
    """
    start_ns, end_ns = span_ns
    tables = [reader.tail_table(_TABLE, view)]
    for segment in reversed(reader.sealed(_TABLE, view, start_ns // _NS_PER_US, (end_ns - 1) // _NS_PER_US)):
        tables += _of_segment(segment, ids)
    found = []
    for table in reversed(tables):
        times = times_ns(table)
        kept = np.isin(table["series_id"].to_numpy(), ids) & (times >= start_ns) & (times < end_ns)
        if kept.any():
            limits.charge(int(np.count_nonzero(kept)))
            found.append(_rows(schema.completed(_TABLE, table).filter(pa.array(kept))))
    return _in_order(found) if found else None


def _of_segment(segment: Segment, ids: Any) -> Iterator[pa.Table]:
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
    hints = map(Hint, table["hint"].fill_null(0).to_pylist())
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
    edges = np.searchsorted(filled, np.append(starts, len(counts))).tolist()
    indexes, counts = indexes[filled], counts[filled]
    return [Buckets(indexes[start:end], counts[start:end]) if end > start else NONE for start, end in pairwise(edges)]


def _in_order(pieces: list[Rows]) -> Rows:
    """Put rows in order; of two of one series and time the later written one is kept."""
    ids, times, sums, histograms = (np.concatenate(column) for column in zip(*pieces, strict=True))
    order = np.lexsort((times, ids))
    ids, times = ids[order], times[order]
    is_last = np.append((ids[1:] != ids[:-1]) | (times[1:] != times[:-1]), True)
    kept = order[is_last]
    return Rows(ids[is_last], times[is_last], sums[kept], histograms[kept])
