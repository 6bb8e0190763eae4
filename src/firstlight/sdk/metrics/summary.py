"""Summary as the host holds it: quantiles of the last while."""

from collections import deque
from collections.abc import Iterable
from typing import Any

from firstlight.sdk.metrics.buckets import Buckets
from firstlight.sdk.metrics.distribution import Distribution
from firstlight.sdk.metrics.instruments import Row, sum_of

DEFAULT_QUANTILES = (0.5, 0.9, 0.99)
DEFAULT_WINDOW_S = 300.0
PARTS = 5
"""Parts of a window; what is older than the window leaves it one part at a time."""

SKETCH_SCALE = 6
SKETCH_BUCKETS = 2048
"""Together: 0.55 % error while the largest is less than 2 ** 32 times the smallest, twice that for the square of it."""


class Summary(Distribution):
    """Quantiles of the values of the last while, and count and sum of all there ever were.

    A quantile is the value of rank ``floor(q * (n - 1))`` and off by at most 0.55 % of itself while the values of one
    sign in the window differ by less than a factor of 4,000,000,000, by at most 1.1 % up to the square of that factor
    (see ``Buckets``).  While the window is empty there are no quantiles.  Quantiles of
    several processes cannot be combined; where that is needed take a histogram.
    """

    __slots__ = ("_count", "_ring", "_sum")

    def rows(self) -> Iterable[Row]:
        """Return sum, count and, unless the window is empty, the quantiles."""
        rows: list[Row] = [("sum", (), self._sum), ("count", (), float(self._count))]
        window = self.window()
        if window.count:
            quantiles = self.definition.details[0]
            rows += [("quantile", (("quantile", repr(ratio)),), window.quantile(ratio)) for ratio in quantiles]
        self.shape = len(rows)
        return rows

    def zeros(self) -> Iterable[Row]:
        """Return no sum and no count."""
        return [("sum", (), 0.0), ("count", (), 0.0)]

    def window(self) -> Buckets:
        """Return what is in the window, as of the last tick."""
        self._turn()
        merged = Buckets(SKETCH_BUCKETS, SKETCH_SCALE)
        for _, part in self._ring:
            merged.merge(part)
        return merged

    def _forget(self) -> None:
        self._ring: deque[tuple[int, Buckets]] = deque()
        self._count = 0
        self._sum = 0.0

    def _count_all(self, values: list[Any]) -> None:
        """Take the values into the sketch of this part of the window."""
        sound = self._sound(values) if sum_of(values) is None else values
        self._present().add(sound)
        self._count += len(sound)
        self._sum += float(sum(sound))

    def _present(self) -> Buckets:
        number = self._turn()
        if not self._ring or self._ring[-1][0] != number:
            self._ring.append((number, Buckets(SKETCH_BUCKETS, SKETCH_SCALE)))
        return self._ring[-1][1]

    def _turn(self) -> int:
        """Drop the parts that the window has left behind, or that a corrected clock has put into the future."""
        window_s = self.definition.details[1]
        number = int(self._keeper.now() // (window_s * 1e9 / PARTS)) if window_s else 0
        while self._ring and self._ring[0][0] <= number - PARTS:
            self._ring.popleft()
        while self._ring and self._ring[-1][0] > number:
            self._ring.pop()
        return number
