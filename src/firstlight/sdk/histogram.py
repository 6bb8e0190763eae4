"""Histogram as the host holds it."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from itertools import accumulate
from math import inf, isnan
from typing import Any

from firstlight.sdk.exemplars import valued_in_span
from firstlight.sdk.instruments import Instrument, Row, take
from firstlight.sdk.stopwatch import Stopwatch

DEFAULT_BOUNDS_S = (
    *(0.0001, 0.00025, 0.0005),
    *(0.001, 0.0025, 0.005),
    *(0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0),
    10.0,
)
"""Seconds: Prometheus' default buckets, carried down to a tenth of a millisecond."""

_SORT_FROM = 64
"""From this many values on, sorting them all costs less than looking up each one's bucket (measured, 16 bounds)."""


class Histogram(Instrument):
    """Counts values by size.

    Attributes:
        observe: takes one value.
    """

    __slots__ = ("_counts", "_edges", "_observed", "_sum", "observe")

    observe: Callable[[float], None]

    def time(self) -> Stopwatch:
        """Return a context that observes the seconds spent in it."""
        return Stopwatch(self.observe)

    def fold(self) -> None:
        """Sort what was observed into the buckets."""
        if self._observed:
            taken = take(self._observed)
            if self.notes is not None:
                taken = self.notes.sift(taken, self._bucket_of)
            if not self._tally(taken):
                self._tally(self._sound(taken, least=-inf, most=inf))

    def rows(self) -> Iterable[Row]:
        """Return cumulative buckets, sum and count."""
        totals = list(accumulate(self._counts))
        rows: list[Row] = [("bucket", edge, float(total)) for edge, total in zip(self._edges, totals, strict=True)]
        rows += [("sum", (), self._sum), ("count", (), float(totals[-1]))]
        return rows

    def restart(self, now_ns: int) -> None:
        """Count from zero again."""
        self.created_ns = now_ns
        if self.notes is not None:
            self.notes.clear()
        self._observed.clear()
        self._counts = [0] * len(self._edges)
        self._sum = 0.0

    def _bind(self) -> None:
        bounds = (*self.definition.bounds, inf)
        self._edges = [(("le", "+Inf" if bound == inf else repr(bound)),) for bound in bounds]
        self._counts = [0] * len(bounds)
        self._sum = 0.0
        self._observed: list[Any] = []
        self.observe = self._observed.append
        if self.notes is not None:
            self.observe = valued_in_span(self._observed.append)

    def _unbind(self) -> None:
        self.observe = self._needs_labels

    def _bucket_of(self, value: float) -> int:
        return bisect_left(self.definition.bounds, value)

    def _tally(self, values: list[Any]) -> bool:
        """Count ``values``; do nothing and return False when not all of them are plain numbers."""
        try:
            total = float(sum(values))
            if isnan(total) and any(map(isnan, values)):
                return False
            if len(values) >= _SORT_FROM:
                values.sort()
        except (TypeError, ValueError, OverflowError):
            return False
        self._sum += total
        (self._count_sorted if len(values) >= _SORT_FROM else self._count_each)(values)
        return True

    def _count_each(self, values: list[float]) -> None:
        bounds, counts = self.definition.bounds, self._counts
        for value in values:
            counts[bisect_left(bounds, value)] += 1

    def _count_sorted(self, values: list[float]) -> None:
        below = 0
        for at, bound in enumerate(self.definition.bounds):
            upto = bisect_right(values, bound, below)
            self._counts[at] += upto - below
            below = upto
        self._counts[-1] += len(values) - below
