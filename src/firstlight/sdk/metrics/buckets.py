"""Buckets whose bounds grow by a constant factor: what exponential histograms and quantile sketches count in.

Bucket ``i`` at scale ``s`` holds the values in ``(b**i, b**(i+1)]`` with ``b = 2 ** 2 ** -s``, as OpenTelemetry's
base-2 exponential histogram has it (specification, metrics data model).  When the values need more buckets than
allowed, neighbours are merged in pairs and the scale goes down by one; merging two sets does the same to the finer one.
So the result depends on the values alone, not on their order, nor on who counted which.  As a quantile sketch this is
UDDSketch (Epicoco et al., 2020), with bounds at powers of two.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from math import ceil, frexp, inf, log2
from sys import float_info

MAX_SCALE = 20
"""Of OpenTelemetry's specification: the last scale at which every index fits into 32 bits."""

MIN_BUCKETS = 2
_SMALLEST = float_info.min
_HALF = 0.5
_MAX_POWER = 1024
_CROWD = 8
"""From this many values a bucket on, finding where each bucket ends in the sorted values is quicker (measured)."""


class Buckets:
    """Counts of finite values by size and sign.

    Args:
        max_buckets: most buckets of either sign, at least two.
        scale: where to begin; it only ever goes down.

    Attributes:
        scale: see above.
        positive: counts by index.
        negative: counts of negative values by the index of their size.
        zeros: how many were zero.
        count: how many there were.
        sum: of them all.
        min: the least, infinite while there is none.
        max: the greatest, minus infinite while there is none.
    """

    __slots__ = ("_max_buckets", "count", "max", "min", "negative", "positive", "scale", "sum", "zeros")

    def __init__(self, max_buckets: int, scale: int = MAX_SCALE) -> None:
        self._max_buckets = max_buckets
        self.scale = scale
        self.positive: Counter[int] = Counter()
        self.negative: Counter[int] = Counter()
        self.zeros = 0
        self.count = 0
        self.sum = 0.0
        self.min = inf
        self.max = -inf

    def add(self, values: list[float]) -> None:
        """Count finite ``values``."""
        if not values:
            return
        least, greatest = float(min(values)), float(max(values))
        if least > 0:
            self._count(self.positive, values)
        else:
            negative = [-value for value in values if value < 0]
            positive = [value for value in values if value > 0]
            self.zeros += len(values) - len(negative) - len(positive)
            self._count(self.negative, negative)
            self._count(self.positive, positive)
        self._total(len(values), float(sum(values)), least, greatest)

    def merge(self, other: "Buckets") -> None:
        """Count everything that ``other`` has counted."""
        if other.scale < self.scale:
            self._coarsen(self.scale - other.scale)
        shift = other.scale - self.scale
        for mine, theirs in ((self.positive, other.positive), (self.negative, other.negative)):
            if theirs:
                shift += self._make_room(mine, min(theirs) >> shift, max(theirs) >> shift)
        for mine, theirs in ((self.positive, other.positive), (self.negative, other.negative)):
            for index, number in theirs.items():
                mine[index >> shift] += number
        self.zeros += other.zeros
        self._total(other.count, other.sum, other.min, other.max)

    def quantile(self, ratio: float) -> float:
        """Return the value below which ``ratio`` of all lie, off by at most :attr:`error_ratio` of itself.

        It is meant for the value of rank ``floor(ratio * (count - 1))`` of the sorted values; there must be some.
        A subnormal value may come out as the smallest normal one.
        """
        rank = int(ratio * (self.count - 1))
        for value, number in self._ascending():
            rank -= number
            if rank < 0:
                return min(max(value, self.min), self.max)
        return self.max

    @property
    def error_ratio(self) -> float:
        """Most that a quantile is off, as a share of its true value: ``(b - 1) / (b + 1)``."""
        inverse = _inverse_base(self.scale)
        return (1 - inverse) / (1 + inverse)

    def _ascending(self) -> Iterable[tuple[float, int]]:
        for index in sorted(self.negative, reverse=True):
            yield -self._middle(index), self.negative[index]
        yield 0.0, self.zeros
        for index in sorted(self.positive):
            yield self._middle(index), self.positive[index]

    def _middle(self, index: int) -> float:
        """Return the value that is equally far, in proportion, from both bounds: ``2 * low * high / (low + high)``."""
        low: float = 2.0 ** (index * 2.0**-self.scale)
        return low * (2 / (1 + _inverse_base(self.scale)))

    def _count(self, counts: Counter[int], sizes: list[float]) -> None:
        if sizes:
            if (smallest := min(sizes)) < _SMALLEST:
                # Subnormal numbers count as the smallest normal one, as OpenTelemetry's specification allows.
                sizes = [max(size, _SMALLEST) for size in sizes]
                smallest = _SMALLEST
            low, high = indexes([smallest, max(sizes)], self.scale)
            change = self._make_room(counts, low, high)
            if len(sizes) > _CROWD * ((high >> change) - (low >> change) + 1):
                _count_sorted(counts, sorted(sizes), self.scale)
            else:
                counts.update(indexes(sizes, self.scale))

    def _make_room(self, counts: Counter[int], low: int, high: int) -> int:
        """Coarsen until ``low`` to ``high`` and what is there fit; return by how much."""
        if counts:
            low, high = min(low, *counts), max(high, *counts)
        change = 0
        while (high >> change) - (low >> change) >= self._max_buckets:
            change += 1
        if change:
            self._coarsen(change)
        return change

    def _coarsen(self, change: int) -> None:
        self.scale -= change
        _shift(self.positive, change)
        _shift(self.negative, change)

    def _total(self, count: int, total: float, least: float, greatest: float) -> None:
        self.count += count
        self.sum += total
        self.min = min(self.min, least)
        self.max = max(self.max, greatest)


def indexes(sizes: Iterable[float], scale: int) -> list[int]:
    """Return the bucket of each of ``sizes``, which must be positive, normal and finite.

    ``frexp`` splits off the power of two exactly, so bounds that are powers of two are exact, and so are the values
    next to them; between them the logarithm may be wrong by its last digit.
    """
    if scale > 0:
        factor = 2.0**scale
        return [(power << scale) + ceil(log2(part) * factor) - 1 for part, power in map(frexp, sizes)]
    return [(power - (2 if part == _HALF else 1)) >> -scale for part, power in map(frexp, sizes)]


def _count_sorted(counts: Counter[int], sizes: list[float], scale: int) -> None:
    """Count ascending ``sizes`` bucket by bucket; :func:`indexes` still decides who is in which."""
    at = 0
    while at < len(sizes):
        (index,) = indexes(sizes[at : at + 1], scale)
        end = bisect_right(sizes, _upper_bound(index, scale), at)
        # The bound as a number may be off by its last digit.
        while end < len(sizes) and indexes(sizes[end : end + 1], scale) == [index]:
            end += 1
        while end > at + 1 and indexes(sizes[end - 1 : end], scale) != [index]:
            end -= 1
        end = max(end, at + 1)
        counts[index] += end - at
        at = end


def _upper_bound(index: int, scale: int) -> float:
    power = (index + 1) * 2.0**-scale
    return inf if power >= _MAX_POWER else float(2.0**power)


def dense(counts: Counter[int]) -> tuple[int, list[int]]:
    """Return the least index and the counts from there on, without gaps."""
    if not counts:
        return 0, []
    low = min(counts)
    return low, [counts[index] for index in range(low, max(counts) + 1)]


def _inverse_base(scale: int) -> float:
    step: float = 2.0**-scale
    inverse: float = 2.0**-step
    return inverse


def _shift(counts: Counter[int], change: int) -> None:
    before = list(counts.items())
    counts.clear()
    for index, number in before:
        counts[index >> change] += number
