"""``histogram_quantile`` and ``histogram_fraction`` over series with an upper bound in their label ``le``."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from firstlight.query.promql.label_sets import leaving_out, name_of, numbered, value_of
from firstlight.query.promql.sources.source import Labels
from firstlight.query.promql.values import Vector

LE = "le"
_NOTICED = 1e-12
"""Relative differences of counts below that are rounding, not a bucket that shrinks."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Cumulative buckets of one histogram at some steps.

    Attributes:
        bounds: ``(B,)`` upper bounds, ascending, the last one is infinite.
        counts: ``(B, k)`` how much is at most that, for each of the steps.
    """

    bounds: Any
    counts: Any


@dataclass(frozen=True, slots=True)
class Classic:
    """The histograms of a vector.

    Attributes:
        labels: of each histogram, with the name of the first of its series.
        values: ``(H, S)`` what was asked of it.
        present: ``(H, S)`` where it has buckets.
    """

    labels: list[Labels]
    values: Any
    present: Any


def bound_of(text: str) -> float | None:
    """Return the upper bound that a label says; None when it is no number."""
    try:
        return float(text.replace("_", "x"))
    except ValueError:
        return None


def evaluated(vector: Vector, kernel: Callable[[str, Buckets, Any], Any]) -> Classic:
    """Return ``kernel(name, buckets, steps)`` for each histogram in ``vector`` at the steps that it has buckets at.

    Series without a bound that is a number are left out.
    """
    bounds = [bound_of(value_of(labels, LE)) for labels in vector.labels]
    rows = [row for row, bound in enumerate(bounds) if bound is not None]
    groups, labels = numbered(leaving_out(vector.labels[row], frozenset({LE})) for row in rows)
    shape = (len(labels), vector.steps())
    found = Classic(labels, np.zeros(shape), np.zeros(shape, bool))
    at = np.array(rows, np.int64)
    upper = np.array([bounds[row] for row in rows], np.float64)
    order = np.lexsort((upper, groups))
    edges = np.flatnonzero(np.diff(groups[order], prepend=-1)).tolist()
    for number, (begin, end) in enumerate(pairwise([*edges, len(order)] if edges else [])):
        chosen = order[begin:end]
        part = vector.rows(at[chosen])
        for where, steps in _patterns(part.is_float):
            buckets = _coalesced(upper[chosen][where], part.values[where][:, steps])
            found.values[number, steps] = kernel(name_of(labels[number]), buckets, steps)
            found.present[number, steps] = True
    return found


def _patterns(present: Any) -> Iterator[tuple[Any, Any]]:
    """Yield which buckets are there together, and the steps at which just these are."""
    if present.all():
        yield np.arange(len(present)), np.arange(present.shape[1])
        return
    patterns, number = np.unique(present, axis=1, return_inverse=True)
    for column, pattern in enumerate(patterns.T):
        if pattern.any():
            yield np.flatnonzero(pattern), np.flatnonzero(number.reshape(-1) == column)


def _coalesced(bounds: Any, counts: Any) -> Buckets:
    """Add up buckets whose bounds are the same number written differently."""
    firsts = np.flatnonzero(np.concatenate(([True], bounds[1:] != bounds[:-1])))
    if len(firsts) == len(bounds):
        return Buckets(bounds, counts)
    return Buckets(bounds[firsts], np.add.reduceat(counts, firsts, axis=0))


def ascending(buckets: Buckets) -> tuple[Buckets, Any]:
    """Return counts that never fall from bucket to bucket, and ``(k,)`` where more than rounding was repaired."""
    counts = buckets.counts
    top = np.fmax.accumulate(counts, axis=0)
    if np.array_equal(top, counts):
        return buckets, np.zeros(counts.shape[1], bool)
    with np.errstate(all="ignore"):
        noticed = (top - counts) > _NOTICED * (np.abs(top) + np.abs(counts))
    return Buckets(buckets.bounds, top), noticed.any(axis=0)


def quantiles(buckets: Buckets, q: Any) -> Any:
    """Return quantile ``q``, ``(k,)``, by straight lines within buckets.

    https://prometheus.io/docs/prometheus/3.5/querying/functions/#histogram_quantile
    """
    bounds, counts = buckets.bounds, buckets.counts
    found = np.full(counts.shape[1], np.nan)
    if len(bounds) > 1 and np.isposinf(bounds[-1]):
        found = _interpolated(bounds, counts, q)
    found = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, found))
    return np.where(np.isnan(q), np.nan, found)


def _interpolated(bounds: Any, counts: Any, q: Any) -> Any:
    steps = np.arange(counts.shape[1])
    with np.errstate(all="ignore"):
        rank = q * counts[-1]
        # The first bucket that reaches the rank; the last one has no width.
        at = (counts[:-1] < rank).sum(axis=0)
        inner = np.minimum(at, len(bounds) - 2)
        below = np.maximum(inner - 1, 0)
        is_first = inner == 0
        begin = np.where(is_first, 0.0, bounds[below])
        before = np.where(is_first, 0.0, counts[below, steps])
        share = (rank - before) / (counts[inner, steps] - before)
        found = begin + (bounds[inner] - begin) * share
    found = np.where(is_first & (bounds[0] <= 0), bounds[0], found)
    found = np.where(at >= len(bounds) - 1, bounds[-2], found)
    return np.where(counts[-1] == 0, np.nan, found)


def fractions(buckets: Buckets, lower: Any, upper: Any) -> Any:
    """Return which share of observations lies between ``lower`` and ``upper``, ``(k,)`` each."""
    total = buckets.counts[-1]
    if not np.isposinf(buckets.bounds[-1]):
        return np.full(len(total), np.nan)
    with np.errstate(all="ignore"):
        found = (_rank(buckets, upper) - _rank(buckets, lower)) / total
    found = np.where(lower >= upper, 0.0, found)
    return np.where((total == 0) | np.isnan(lower) | np.isnan(upper), np.nan, found)


def _rank(buckets: Buckets, bound: Any) -> Any:
    """Return how many observations are at most ``bound``, by straight lines within buckets.

    The first bucket reaches down without end, so nothing is known of a bound within it.
    """
    bounds, counts = buckets.bounds, buckets.counts
    steps = np.arange(counts.shape[1])
    at = np.minimum(np.searchsorted(bounds, bound, "left"), len(bounds) - 1)
    below = np.maximum(at - 1, 0)
    begin = np.where(at == 0, -np.inf, bounds[below])
    before = np.where(at == 0, 0.0, counts[below, steps])
    after = counts[at, steps]
    with np.errstate(all="ignore"):
        found = before + (after - before) * ((bound - begin) / (bounds[at] - begin))
    found = np.where(bound == bounds[at], after, found)
    found = np.where(np.isneginf(bound), 0.0, found)
    # Nothing makes counts ascend here, so one of them may be above that of all.
    return np.minimum(found, counts[-1])
