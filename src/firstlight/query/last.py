"""The newest sample of each series, without reading what is older."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from firstlight.model import Matcher, Series
from firstlight.query.select import choose
from firstlight.store.reader import LakeReader, View
from firstlight.store.runs import Runs

_NS_PER_US = 1000
_NEVER_NS = -(2**63)
_EVER_NS = 2**63 - 1


class LastSample(NamedTuple):
    """The newest sample of a series."""

    series: Series
    time_ns: int
    value: float


class _Newest:
    """The newest sample so far of each of ``ids`` (ascending)."""

    def __init__(self, ids: Any) -> None:
        self._ids = ids
        self.times_ns = np.full(len(ids), _NEVER_NS, np.int64)
        self.values = np.full(len(ids), np.nan)
        self._ranks = np.full(len(ids), -1, np.int64)

    def take(self, runs: Runs, rank: int) -> None:
        """Consider one sample of each series; of two with the same time the one with the higher rank wins."""
        if not len(runs.ids):
            return
        at = np.minimum(np.searchsorted(runs.ids, self._ids), len(runs.ids) - 1)
        times_ns = runs.times_ns[at]
        newer = (times_ns > self.times_ns) | ((times_ns == self.times_ns) & (rank > self._ranks))
        newer &= runs.ids[at] == self._ids
        self.times_ns[newer], self.values[newer], self._ranks[newer] = times_ns[newer], runs.values[at][newer], rank

    def oldest_ns(self) -> int:
        """Return the time of the series that was silent for longest; the beginning of time when one has none."""
        return int(self.times_ns.min(initial=_EVER_NS))


def last(
    reader: LakeReader, matchers: Sequence[Matcher], before_ns: int | None = None, field: str | None = "value"
) -> list[LastSample]:
    """Return the newest sample of each series that has any, of those before ``before_ns`` when it is given.

    Segments are looked at from the newest back, until none can hold a newer sample of any of the series.

    Raises:
        QueryError: a matcher's value is no regular expression.
        StorageError: a segment cannot be read.
    """

    def read(view: View) -> list[LastSample]:
        chosen = choose(reader, view, matchers, field)
        newest = _Newest(chosen.ids)
        if len(chosen.ids):
            _look(reader, view, newest, chosen.ids, before_ns)
        found = zip(chosen.series, newest.times_ns.tolist(), newest.values.tolist(), strict=True)
        return [LastSample(*one) for one in found if one[1] != _NEVER_NS]

    return reader.reading(read)


def _look(reader: LakeReader, view: View, newest: _Newest, ids: Any, before_ns: int | None) -> None:
    segments = list(enumerate(view.snapshot.segments.get("samples", ())))
    for rank, block in enumerate(reader.blocks(view), len(segments)):
        newest.take(block.last() if before_ns is None else _ends(block.runs(ids, _NEVER_NS, before_ns)), rank)
    for rank, segment in sorted(segments, key=lambda one: one[1].end_us, reverse=True):
        if newest.oldest_ns() >= (segment.end_us + 1) * _NS_PER_US:
            return
        if not reader.intact.is_whole("samples", segment):
            continue
        if before_ns is None or (segment.end_us + 1) * _NS_PER_US <= before_ns:
            newest.take(reader.samples.last(segment), rank)
        elif segment.begin_us * _NS_PER_US < before_ns:
            newest.take(_ends(reader.samples.runs(segment, ids, _NEVER_NS, before_ns)), rank)


def _ends(runs: Runs) -> Runs:
    rows = np.cumsum(runs.lengths) - 1
    return Runs(runs.ids, np.ones(len(rows), np.int64), runs.times_ns[rows], runs.values[rows])
