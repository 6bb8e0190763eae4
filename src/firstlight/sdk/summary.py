"""Summary as the host holds it: quantiles of the last while."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from firstlight.sdk.buckets import Buckets
from firstlight.sdk.instruments import Instrument, Row, sum_of, take
from firstlight.sdk.stopwatch import Stopwatch

DEFAULT_QUANTILES = (0.5, 0.9, 0.99)
DEFAULT_WINDOW_S = 300.0
PARTS = 5
"""Parts of a window; what is older than the window leaves it one part at a time."""

SKETCH_SCALE = 6
SKETCH_BUCKETS = 2048
"""Together: 0.55 % error while the largest is less than 2 ** 32 times the smallest, twice that for the square of it."""


class Summary(Instrument):
    """Quantiles of the values of the last while, and count and sum of all there ever were.

    A quantile is the value of rank ``floor(q * (n - 1))`` and off by at most 0.55 % of itself while the values of one
    sign in the window differ by less than a factor of 4,000,000,000, by at most 1.1 % up to the square of that factor
    (see :class:`~firstlight.sdk.buckets.Buckets`).  While the window is empty there are no quantiles.  Quantiles of
    several processes cannot be combined; where that is needed take a histogram.

    Attributes:
        observe: takes one value.
    """

    __slots__ = ("_count", "_observed", "_ring", "_sum", "observe")

    observe: Callable[[float], None]

    def time(self) -> Stopwatch:
        """Return a context that observes the seconds spent in it."""
        return Stopwatch(self.observe)

    def fold(self) -> None:
        """Take what was observed into the sketch of this part of the window."""
        if self._observed:
            taken = take(self._observed)
            values = self._sound(taken) if sum_of(taken) is None else taken
            self._present().add(values)
            self._count += len(values)
            self._sum += float(sum(values))

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

    def restart(self, now_ns: int) -> None:
        """Count from zero again."""
        self.created_ns = now_ns
        self._observed.clear()
        self._forget()

    def _bind(self) -> None:
        self._observed: list[Any] = []
        self._forget()
        self.observe = self._observed.append

    def _unbind(self) -> None:
        self.observe = self._needs_labels

    def _forget(self) -> None:
        self._ring: deque[tuple[int, Buckets]] = deque()
        self._count = 0
        self._sum = 0.0

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
