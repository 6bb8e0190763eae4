"""What a single native histogram says of its observations.

Within a bucket values are taken to be spread evenly on a logarithmic scale; within the zero bucket and between custom
bounds evenly on a linear one (Prometheus' native histograms specification, "PromQL").
"""

from math import exp2, inf, isnan, log2, nan, sqrt

import numpy as np

from firstlight.query.promql.histograms.histogram import Histogram
from firstlight.query.promql.histograms.layout import Filled, filled_buckets
from firstlight.query.promql.histograms.troubles import Trouble

_MEDIAN = 0.5
"""Quantiles from here on are counted from above."""


def average(histogram: Histogram) -> float:
    """Return the arithmetic mean, NaN of nothing."""
    return _over(histogram.sum, histogram.count)


def quantile(histogram: Histogram, q: float) -> tuple[float, Trouble | None]:
    """Return the value below which ``q`` of the observations are, and what is doubtful about it.

    -Inf below 0, +Inf above 1, NaN of nothing.  Observations of NaN count as larger than all others.
    """
    if q < 0 or q > 1:
        return (-inf if q < 0 else inf), None
    filled = _halved(histogram, filled_buckets(histogram))
    if histogram.count == 0 or isnan(q) or not len(filled.counts):
        return nan, Trouble.QUANTILE_NAN if isnan(histogram.sum) and histogram.count and not isnan(q) else None
    with_nan = isnan(histogram.sum)
    upward = with_nan or q < _MEDIAN
    rank = (q if upward else 1 - q) * histogram.count
    reached = (filled.counts if upward else filled.counts[::-1]).cumsum()
    place = min(int((reached < rank).sum()), len(reached) - 1)
    count = min(float(reached[place]), histogram.count)
    lower, upper, held = (float(column[place if upward else -1 - place]) for column in filled[:3])
    if histogram.custom and (lower == -inf or upper == inf):
        if upper <= 0 or upper == inf:
            return (upper if upper <= 0 else lower), None
        lower = 0.0
    if with_nan and count < rank:
        return nan, Trouble.QUANTILE_NAN
    share = (rank - count + held if upward else count - rank) / held
    return _inside(histogram, lower, upper, share), _doubt(histogram, filled, Trouble.QUANTILE_SKEWED)


def fraction(histogram: Histogram, lower: float, upper: float) -> tuple[float, Trouble | None]:
    """Return which part of the observations lies between two values, and what is doubtful about it."""
    if histogram.count == 0 or isnan(lower) or isnan(upper):
        return nan, None
    if lower >= upper:
        return 0.0, None
    filled = _halved(histogram, filled_buckets(histogram))
    if histogram.custom:
        filled.lower[(filled.lower <= 0) & (filled.upper >= 0)] = 0.0
    share = (_rank(histogram, filled, upper) - _rank(histogram, filled, lower)) / histogram.count
    return share, _doubt(histogram, filled, Trouble.FRACTION_NAN)


def variance(histogram: Histogram) -> float:
    """Return the estimated variance, each bucket's values taken to lie at its middle."""
    filled = filled_buckets(histogram)
    if histogram.custom:
        middles = (filled.lower + filled.upper) / 2
    else:
        middles = np.sqrt(np.abs(filled.lower)) * np.sqrt(np.abs(filled.upper)) * np.sign(filled.upper)
        middles[(filled.lower <= 0) & (filled.upper >= 0)] = 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        distances = middles - average(histogram)
        return _over(float((filled.counts * distances * distances).sum()), histogram.count)


def deviation(histogram: Histogram) -> float:
    """Return the square root of :func:`variance`."""
    spread = variance(histogram)
    return sqrt(spread) if spread >= 0 else nan


def _over(amount: float, count: float) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(amount) / count)


def _doubt(histogram: Histogram, filled: Filled, trouble: Trouble) -> Trouble | None:
    """Say so where some of the observations are in no bucket, which are those of NaN."""
    return trouble if isnan(histogram.sum) and filled.counts.sum() < histogram.count else None


def _halved(histogram: Histogram, filled: Filled) -> Filled:
    """The zero bucket without the half on whose side there are no buckets."""
    if filled.zero >= 0 and bool(histogram.positive) != bool(histogram.negative):
        edge = filled.lower if histogram.positive else filled.upper
        edge[filled.zero] = 0.0
    return filled


def _inside(histogram: Histogram, lower: float, upper: float, share: float) -> float:
    """The value ``share`` of the way through a bucket."""
    if histogram.custom or lower <= 0 <= upper:
        return lower + (upper - lower) * share
    near, far = log2(abs(lower)), log2(abs(upper))
    if lower > 0:
        return exp2(near + (far - near) * share)
    return -exp2(far + (near - far) * (1 - share))


def _rank(histogram: Histogram, filled: Filled, value: float) -> float:
    """How many observations are below ``value``."""
    place = int(filled.lower.searchsorted(value, "left")) - 1
    if place < 0:
        return 0.0
    rank = float(filled.counts[:place].sum())
    lower, upper, count = (float(column[place]) for column in (filled.lower, filled.upper, filled.counts))
    if upper <= value:
        return rank + count
    if histogram.custom or place == filled.zero:
        share = (value - lower) / (upper - lower)
    else:
        near, far = log2(abs(lower)), log2(abs(upper))
        share = (log2(abs(value)) - near) / (far - near)
    return rank + count * share
