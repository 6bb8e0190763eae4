"""Which series of a lake had samples in a stretch of time."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from firstlight.query.promql.limits import Limits
from firstlight.query.promql.sources.lake import LakeSource
from firstlight.store.reader import LakeReader, View

_NS_PER_US = 1000
_OLDEST_NS, _NEWEST_NS = -(2**63), 2**63 - 1


def present(source: LakeSource, view: View, ids: Any, span_ns: tuple[int, int], limits: Limits) -> Any:
    """Return those of the series ``ids`` (int64, ascending) that had samples with ``start <= time <= end``.

    Of a sealed segment only the newest sample of each series is looked at: a series whose samples in it all came after
    the end may be among them.

    Raises:
        QueryError: a limit is reached.
        FileNotFoundError: a segment was replaced; take a new view.
        CorruptSegment: one cannot be read.
    """
    if span_ns == (_OLDEST_NS, _NEWEST_NS) or not len(ids):
        return ids
    start_ns, last_ns = span_ns
    end_ns = min(last_ns, _NEWEST_NS - 1) + 1
    found = np.zeros(len(ids), bool)
    for some in _seen(source.reader, view, ids, (start_ns, end_ns)):
        found |= np.isin(ids, some)
        limits.check()
    if not found.all():
        rows = source.histograms.rows(source.reader, view, ids[~found], (start_ns, end_ns), limits)
        found |= False if rows is None else np.isin(ids, rows.ids)
    return ids[found]


def _seen(reader: LakeReader, view: View, ids: Any, span_ns: tuple[int, int]) -> Iterator[Any]:
    start_ns, end_ns = span_ns
    for block in reader.blocks(view):
        yield block.runs(ids, start_ns, end_ns).ids
    for segment in reader.sealed("samples", view, start_ns // _NS_PER_US, (end_ns - 1) // _NS_PER_US):
        newest = reader.samples.last(segment)
        yield newest.ids[newest.times_ns >= start_ns]
