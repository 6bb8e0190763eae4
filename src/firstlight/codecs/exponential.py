"""Exponential histograms for formats that have none: the same counts in classic, cumulative buckets."""

from collections import defaultdict
from itertools import accumulate
from math import inf

from firstlight.model import CUSTOM_SCALE, ExponentialPoint


def classic_buckets(point: ExponentialPoint) -> list[tuple[float, int | float]]:
    """Return ``(upper bound, values up to it)`` ascending, the last bound infinity.

    The bounds are those of the point's own buckets, so they may change from point to point; values around zero lie at
    ``zero_threshold``.
    """
    if point.scale == CUSTOM_SCALE:
        return list(zip((*point.bounds, inf), accumulate(custom_counts(point)), strict=True))
    counts: dict[float, int | float] = defaultdict(int)
    for index, count in enumerate(point.negative):
        counts[-_bound(point.scale, point.negative_offset + index)] += count
    if point.zero_count or point.negative:
        counts[point.zero_threshold] += point.zero_count
    for index, count in enumerate(point.positive):
        counts[_bound(point.scale, point.positive_offset + index + 1)] += count
    counts[inf] += 0
    bounds = sorted(counts)
    totals = accumulate(counts[bound] for bound in bounds)
    return list(zip(bounds, totals, strict=True))


def custom_counts(point: ExponentialPoint) -> list[int | float]:
    """Return the count of each bucket of a point with bounds of its own, one more than there are bounds."""
    counts: list[int | float] = [0] * (len(point.bounds) + 1)
    counts[point.positive_offset : point.positive_offset + len(point.positive)] = point.positive
    return counts


def _bound(scale: int, index: int) -> float:
    try:
        return float(2.0 ** (index * 2.0**-scale))
    except OverflowError:
        return inf
