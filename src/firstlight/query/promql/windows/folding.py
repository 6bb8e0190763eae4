"""Sums and extremes over many overlapping windows at once.

A window of n samples is put together from stretches whose lengths are powers of two, as in a sparse table (Bender and
Farach-Colton, "The LCA Problem Revisited", 2000).  Each power is one pass over all samples, whatever the windows are.
No sample outside a window touches its result, so neither infinities nor cancellation leak as with running sums.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from firstlight.query.promql.windows.gathered import each_table
from firstlight.query.promql.windows.ranges import Windows

_LOST_RATIO = 1e-4
"""Sums smaller than that share of what was summed are done again, compensated."""

_EXACT_BELOW = 2.0**53
_FEW_WINDOWS = 8


def folded(operator: Any, values: Any, first: Any, last: Any) -> Any:
    """Return ``operator``, ``np.add`` or another that is associative with 0 as its identity, over ``[first, last)``."""
    counts = last - first
    most = int(counts.max(initial=0))
    found = np.zeros(first.shape, values.dtype)
    at, level, span = first.copy(), values, 1
    while span <= most:
        _fold_level(operator, found, level, at, (counts & span) != 0, span)
        span *= 2
        if span <= most:
            level = operator(level[: -(span // 2)], level[span // 2 :])
    return found


def _fold_level(operator: Any, found: Any, level: Any, at: Any, takes: Any, span: int) -> None:
    if takes.all():
        operator(found, level[at], out=found)
        at += span
    elif takes.any():
        found[takes] = operator(found[takes], level[at[takes]])
        at[takes] += span


def extreme(operator: Any, values: Any, first: Any, last: Any) -> Any:
    """Return ``operator``, one like ``np.fmin`` that may see a sample twice, over ``[first, last)``; NaN for none."""
    counts = last - first
    found = np.full(first.shape, np.nan)
    level, span = values, 1
    most = int(counts.max(initial=0))
    while span <= most:
        fits = (counts >= span) & (counts < 2 * span)
        if fits.all():
            return operator(level[first], level[last - span])
        if fits.any():
            found[fits] = operator(level[first[fits]], level[last[fits] - span])
        span *= 2
        if span <= most:
            level = operator(level[: -(span // 2)], level[span // 2 :])
    return found


def sums(windows: Windows) -> Any:
    """Return the sum of each window, as exact as a compensated one."""
    values, first, last = windows.values, windows.first, windows.last
    with np.errstate(all="ignore"):
        found = folded(np.add, values, first, last)
        if len(values) and not (values.min() >= 0 or values.max() <= 0):
            whole = folded(np.add, np.abs(values), first, last)
            doubtful = (np.abs(found) < whole * _LOST_RATIO) & np.isfinite(whole)
            # Whole numbers are summed exactly as long as a double holds them all.
            if doubtful.any() and not (whole.max() < _EXACT_BELOW and (values == np.trunc(values)).all()):
                found[doubtful] = _summed_again(windows, doubtful)
    return found


def _summed_again(windows: Windows, chosen: Any) -> Any:
    first, last = windows.first[chosen], windows.last[chosen]
    if len(first) <= _FEW_WINDOWS:
        pairs = zip(first.tolist(), last.tolist(), strict=True)
        return [float(compensated(windows.values[begin:end].tolist(), 0.0)) for begin, end in pairs]
    again = replace(windows, first=first, last=last)
    return each_table(again, lambda values, *_: compensated(values.T, np.zeros(len(values))))


def compensated(rows: Iterable[Any], zero: Any) -> Any:
    """Return the sum of ``rows``, numbers or arrays, with what rounding loses added at the end.

    A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", 1974; so does Prometheus.
    """
    total, lost = zero, zero
    for row in rows:
        raised = total + row
        # What is smaller loses its last digits (D. E. Knuth's test-free form of the same step).
        part = raised - total
        lost = lost + ((total - (raised - part)) + (row - part))
        total = raised
    return total + lost


def means(windows: Windows) -> Any:
    """Return the mean of each window; also where the sum would be beyond what a float holds."""
    counts = np.maximum(windows.counts, 1)
    with np.errstate(all="ignore"):
        found = sums(windows) / counts
    beyond = ~np.isfinite(found) & (windows.counts > 0)
    if beyond.any():
        _mean_beyond(found, windows, beyond)
    return found


def _mean_beyond(found: Any, windows: Windows, chosen: Any) -> None:
    for row, step in zip(*(axis.tolist() for axis in np.nonzero(chosen)), strict=True):
        values = windows.values[windows.first[row, step] : windows.last[row, step]]
        if np.isfinite(values).all():
            found[row, step] = math.fsum((values / len(values)).tolist())


def total_between(indicator: Any, first: Any, last: Any) -> Any:
    """Return how often ``indicator``, ``(n,)`` bool, is true in ``[first, last)``; exact, since these are counts."""
    running = np.concatenate(([0], np.cumsum(indicator)))
    return running[np.maximum(last, first)] - running[first]
