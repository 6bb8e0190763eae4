"""Histogram as the host holds it."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate
from math import inf, isnan
from typing import Any

from firstlight.sdk.metrics.distribution import Distribution
from firstlight.sdk.metrics.instruments import Row

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


class Histogram(Distribution):
    """Counts values by size."""

    __slots__ = ("_counts", "_edges", "_sum")

    def rows(self) -> Iterable[Row]:
        """Return cumulative buckets, sum and count."""
        totals = list(accumulate(self._counts))
        rows: list[Row] = [("bucket", edge, float(total)) for edge, total in zip(self._edges, totals, strict=True)]
        rows += [("sum", (), self._sum), ("count", (), float(totals[-1]))]
        return rows

    def _bind(self) -> None:
        bounds = (*self.definition.bounds, inf)
        self._edges = [(("le", "+Inf" if bound == inf else repr(bound)),) for bound in bounds]
        super()._bind()

    def _forget(self) -> None:
        self._counts = [0] * len(self._edges)
        self._sum = 0.0

    def _count_all(self, values: list[Any]) -> None:
        if not self._tally(values):
            self._tally(self._sound(values, least=-inf, most=inf))

    def _place_of(self, value: float) -> int:
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
