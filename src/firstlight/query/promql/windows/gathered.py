"""What needs the samples of each window side by side: quantiles, medians, the time of an extreme, smoothing."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from firstlight.query.promql.language.durations import seconds_of
from firstlight.query.promql.windows.ranges import Windows

_CELLS = 262_144


def _tables(windows: Windows) -> Iterator[tuple[Any, Any, int]]:
    """Yield windows of equal length together: which they are, where they begin, and their length."""
    counts, first = windows.counts.reshape(-1), windows.first.reshape(-1)
    order = np.argsort(counts, kind="stable")
    bounds = np.flatnonzero(np.diff(counts[order], prepend=-1))
    for begin, end in zip(bounds.tolist(), [*bounds[1:].tolist(), len(order)], strict=True):
        length = int(counts[order[begin]])
        if length <= 0:
            continue
        rows = max(1, _CELLS // length)
        for part in range(begin, end, rows):
            chosen = order[part : min(part + rows, end)]
            yield chosen, first[chosen], length


def rows_of(column: Any, first: Any, length: int) -> Any:
    """Return ``(w, length)`` entries of ``column``, those of each window in a row."""
    return sliding_window_view(column, length)[first]


def each_table(windows: Windows, kernel: Callable[[Any, Any, Any], Any]) -> Any:
    """Return ``kernel(values, first, chosen)``, one value per window; 0 for empty windows.

    The kernel gets ``(w, length)`` values, the position of the first of each row, and which windows these are.
    """
    found = np.zeros(windows.first.size)
    with np.errstate(all="ignore"):
        for chosen, first, length in _tables(windows):
            windows.check()
            found[chosen] = kernel(rows_of(windows.values, first, length), first, chosen)
    return found.reshape(windows.first.shape)


def sorted_quantile(values: Any, q: Any) -> Any:
    """Return quantile ``q`` of each row of ``(w, length)`` values; NaN is below all others, as in Prometheus.

    Args:
        values: unsorted.
        q: one number for each row; outside of 0 to 1 it gives infinities, NaN gives NaN.
    """
    length = values.shape[1]
    rank = np.clip(np.where(np.isnan(q), 0.0, q), 0, 1) * (length - 1)
    low = np.floor(rank).astype(np.int64)
    high = np.minimum(low + 1, length - 1)
    share = rank - low
    ordered, shift = _ordered(values, low, high)
    at_low, at_high = _ranked(ordered, low, shift), _ranked(ordered, high, shift)
    found = at_low * (1 - share) + at_high * share
    found = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, found))
    return np.where(np.isnan(q), np.nan, found)


def _ordered(values: Any, low: Any, high: Any) -> tuple[Any, Any]:
    nans = np.isnan(values).sum(axis=1)
    if nans.any():
        return np.sort(values, axis=1), nans
    ranks = np.unique(np.concatenate((low, high)))
    few = len(ranks) <= 4  # noqa: PLR2004  choosing is quicker than sorting only for few ranks
    return (np.partition(values, ranks, axis=1) if few else np.sort(values, axis=1)), nans


def _ranked(ordered: Any, rank: Any, nans: Any) -> Any:
    """Return the value of each rank, where numpy has put NaN at the end but it belongs at the beginning."""
    at = np.maximum(rank - nans, 0)
    return np.where(rank < nans, np.nan, np.take_along_axis(ordered, at[:, None], axis=1)[:, 0])


def quantiles(windows: Windows, q: Any) -> Any:
    """Return quantile ``q``, ``(S,)``, of each window."""
    every = np.broadcast_to(q, windows.first.shape).reshape(-1)
    return each_table(windows, lambda values, _, chosen: sorted_quantile(values, every[chosen]))


def median_deviations(windows: Windows) -> Any:
    """Return the median of the distances from each window's median."""

    def kernel(values: Any, _first: Any, _chosen: Any) -> Any:
        half = np.full(len(values), 0.5)
        return sorted_quantile(np.abs(values - sorted_quantile(values, half)[:, None]), half)

    return each_table(windows, kernel)


def extreme_times_s(windows: Windows, sign: int) -> Any:
    """Return in seconds when the greatest value (``sign`` 1) or least (-1) of each window was last there."""

    def kernel(values: Any, first: Any, _chosen: Any) -> Any:
        values = values * sign
        # NaN counts only where there is nothing else; then it is the last as well.
        known = np.where(np.isnan(values), -np.inf, values)
        is_top = (known == known.max(axis=1)[:, None]) & (~np.isnan(values) | np.isnan(values).all(axis=1)[:, None])
        return seconds_of(windows.times_ns[first + values.shape[1] - 1 - np.argmax(is_top[:, ::-1], axis=1)])

    return each_table(windows, kernel)


def smoothed(windows: Windows, smoothing: Any, trend: Any) -> Any:
    """Return the last level of Holt's linear exponential smoothing of each window.

    C. C. Holt, "Forecasting seasonals and trends by exponentially weighted moving averages", 1957.

    Args:
        windows: of at least two samples where the result counts.
        smoothing: ``(S,)``, 0 to 1.
        trend: ``(S,)``, 0 to 1.
    """
    levels = np.broadcast_to(smoothing, windows.first.shape).reshape(-1)
    trends = np.broadcast_to(trend, windows.first.shape).reshape(-1)

    def kernel(values: Any, _first: Any, chosen: Any) -> Any:
        a, b = levels[chosen], trends[chosen]
        if values.shape[1] == 1:
            return values[:, 0]
        before, level, slope = np.zeros(len(values)), values[:, 0], values[:, 1] - values[:, 0]
        for column in range(1, values.shape[1]):
            if column > 1:
                slope = b * (level - before) + (1 - b) * slope
            before, level = level, a * values[:, column] + (1 - a) * (level + slope)
        return level

    return each_table(windows, kernel)
