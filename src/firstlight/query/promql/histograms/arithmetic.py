"""Adding, subtracting, scaling and comparing native histograms.

Two histograms of different resolution meet at the coarser one, and at the wider zero bucket; see Prometheus' native
histograms specification, "Schema compatibility" and "Zero bucket".
"""

from typing import Any

import numpy as np
from msgspec.structs import replace

from firstlight.query.promql.histograms.histogram import CUSTOM_BUCKETS, NONE, Buckets, Hint, Histogram
from firstlight.query.promql.histograms.troubles import Trouble


def add(left: Histogram, right: Histogram) -> Histogram | Trouble:
    """Return the sum of two, a gauge where one of them is."""
    return _combined(left, right, 1.0, _sum_hint(left.hint, right.hint))


def subtract(left: Histogram, right: Histogram) -> Histogram | Trouble:
    """Return the difference, which is a gauge."""
    return _combined(left, right, -1.0, Hint.GAUGE)


def multiply(histogram: Histogram, factor: float) -> Histogram:
    """Return all counts and the sum times ``factor``; with a negative one it is a gauge."""
    positive, negative = histogram.positive, histogram.negative
    return Histogram(
        histogram.schema,
        histogram.count * factor,
        histogram.sum * factor,
        histogram.zero_threshold,
        histogram.zero_count * factor,
        Buckets(positive.indexes, positive.counts * factor).compact() if positive else positive,
        Buckets(negative.indexes, negative.counts * factor).compact() if negative else negative,
        histogram.bounds,
        Hint.GAUGE if factor < 0 else histogram.hint,
    )


def divide(histogram: Histogram, divisor: float) -> Histogram:
    """Return all counts and the sum over ``divisor``; by zero no buckets are left."""
    with np.errstate(divide="ignore", invalid="ignore"):
        count, total, zero = np.array((histogram.count, histogram.sum, histogram.zero_count)) / divisor
    sides = (NONE, NONE) if divisor == 0 else (_over(histogram.positive, divisor), _over(histogram.negative, divisor))
    return Histogram(
        histogram.schema,
        float(count),
        float(total),
        histogram.zero_threshold,
        float(zero),
        *sides,
        histogram.bounds,
        Hint.GAUGE if divisor < 0 else histogram.hint,
    )


def coarser(histogram: Histogram, schema: int) -> Histogram:
    """Return it in ``schema``, which is at most its own; a custom one stays as it is."""
    if histogram.schema == schema or histogram.custom:
        return histogram
    shift = histogram.schema - schema
    positive, negative = _merged(histogram.positive, shift), _merged(histogram.negative, shift)
    return replace(histogram, schema=schema, positive=positive, negative=negative)


def widened(histogram: Histogram, threshold: float) -> Histogram:
    """Return it with a zero bucket of at least ``threshold``, more where that would cut a filled bucket."""
    if histogram.zero_threshold >= threshold or histogram.custom:
        return histogram
    sides = histogram.positive, histogram.negative
    lower = [histogram.upper_bounds(side.indexes - 1) for side in sides]
    upper = [histogram.upper_bounds(side.indexes) for side in sides]
    while True:
        swallowed = [bounds < threshold for bounds in lower]
        reach = max(float(above[inside].max(initial=threshold)) for above, inside in zip(upper, swallowed, strict=True))
        if reach == threshold:
            break
        threshold = reach
    zero = histogram.zero_count
    left = []
    for side, inside in zip(sides, swallowed, strict=True):
        zero += float(side.counts[inside].sum())
        left.append(Buckets(side.indexes[~inside], side.counts[~inside]))
    return replace(histogram, zero_threshold=threshold, zero_count=zero, positive=left[0], negative=left[1])


def same(left: Histogram, right: Histogram) -> bool:
    """Return whether both are alike bit for bit, whatever they hint at."""
    return left is right or (
        (left.schema, left.bounds, left.zero_threshold) == (right.schema, right.bounds, right.zero_threshold)
        and _figures(left) == _figures(right)
        and _alike(left.positive, right.positive)
        and _alike(left.negative, right.negative)
    )


def is_reset(now: Histogram, before: Histogram) -> bool:
    """Return whether the counter began anew between two samples: by the hint, else where anything went down.

    A change to finer buckets, to other custom bounds or to a narrower zero bucket counts as one too.
    """
    if now.hint is Hint.RESET or now.hint is Hint.NOT_RESET:
        return now.hint is Hint.RESET
    if now.count < before.count or now.custom != before.custom:
        return True
    if now.custom:
        return now.bounds != before.bounds or _dropped(now.positive, before.positive)
    if now.schema > before.schema or now.zero_threshold < before.zero_threshold:
        return True
    before = widened(before, now.zero_threshold)
    if before.zero_threshold != now.zero_threshold or now.zero_count < before.zero_count:
        return True
    before = coarser(before, now.schema)
    return _dropped(now.positive, before.positive) or _dropped(now.negative, before.negative)


def met(left: Histogram, right: Histogram) -> tuple[Histogram, Histogram] | Trouble:
    """Return both in the same schema and with the same zero bucket."""
    if left.schema == right.schema and left.zero_threshold == right.zero_threshold:
        return Trouble.DIFFERENT_BOUNDS if left.bounds != right.bounds else (left, right)
    if left.custom or right.custom:
        return Trouble.MIXED_SCHEMAS if left.schema != right.schema else _met_custom(left, right)
    while left.zero_threshold != right.zero_threshold:
        left, right = widened(left, right.zero_threshold), widened(right, left.zero_threshold)
    schema = min(left.schema, right.schema)
    return coarser(left, schema), coarser(right, schema)


def _met_custom(left: Histogram, right: Histogram) -> tuple[Histogram, Histogram] | Trouble:
    return Trouble.DIFFERENT_BOUNDS if left.bounds != right.bounds else (left, right)


def _combined(left: Histogram, right: Histogram, sign: float, hint: Hint) -> Histogram | Trouble:
    both = met(left, right)
    if isinstance(both, Trouble):
        return both
    left, right = both
    return Histogram(
        left.schema,
        left.count + sign * right.count,
        left.sum + sign * right.sum,
        left.zero_threshold,
        left.zero_count + sign * right.zero_count,
        _joined(left.positive, right.positive, sign),
        _joined(left.negative, right.negative, sign) if left.schema != CUSTOM_BUCKETS else NONE,
        left.bounds,
        hint,
    )


def _sum_hint(left: Hint, right: Hint) -> Hint:
    if left is right:
        return left
    return Hint.GAUGE if Hint.GAUGE in (left, right) else Hint.UNKNOWN


def _joined(left: Buckets, right: Buckets, sign: float) -> Buckets:
    if not right:
        return left
    if not left:
        return right if sign > 0 else Buckets(right.indexes, -right.counts)
    ours, theirs = left.indexes, right.indexes
    if len(ours) == len(theirs) and (ours is theirs or (ours == theirs).all()):
        return Buckets(ours, left.counts + sign * right.counts).compact()
    union = np.union1d(ours, theirs)
    counts = np.zeros(len(union))
    counts[union.searchsorted(ours)] = left.counts
    counts[union.searchsorted(theirs)] += sign * right.counts
    return Buckets(union, counts).compact()


def _over(side: Buckets, divisor: float) -> Buckets:
    return Buckets(side.indexes, side.counts / divisor).compact() if side else side


def _merged(side: Buckets, shift: int) -> Buckets:
    """Buckets whose bounds are every ``2 ** shift``-th of before."""
    if not side:
        return side
    indexes = ((side.indexes - 1) >> shift) + 1
    starts = np.flatnonzero(np.diff(indexes, prepend=indexes[0] - 1))
    return Buckets(indexes[starts], np.add.reduceat(side.counts, starts)).compact()


def _figures(histogram: Histogram) -> bytes:
    return np.array((histogram.count, histogram.sum, histogram.zero_count)).tobytes()


def _alike(left: Buckets, right: Buckets) -> bool:
    return _bytes(left.indexes) == _bytes(right.indexes) and _bytes(left.counts) == _bytes(right.counts)


def _bytes(column: Any) -> bytes:
    return bytes(column.tobytes())


def _dropped(now: Buckets, before: Buckets) -> bool:
    """Whether a bucket has less than before."""
    if not before:
        return False
    if len(now.indexes) < len(before.indexes):
        return True
    if len(now.indexes) == len(before.indexes):
        return not (now.indexes == before.indexes).all() or bool((now.counts < before.counts).any())
    places = now.indexes.searchsorted(before.indexes)
    places[places == len(now.indexes)] = 0
    return not (now.indexes[places] == before.indexes).all() or bool((now.counts[places] < before.counts).any())
