"""Quantiles of many native histograms at once; see :mod:`firstlight.query.promql.histograms.statistics` for one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from firstlight.query.promql.histograms.histogram import Histogram
from firstlight.query.promql.histograms.layout import Columns, columns_of
from firstlight.query.promql.histograms.statistics import quantile
from firstlight.query.promql.histograms.tables import table_of
from firstlight.query.promql.histograms.troubles import Trouble

_FEW = 8
_MEDIAN = 0.5


def quantiles(histograms: Sequence[Histogram], qs: Any) -> tuple[Any, set[Trouble]]:
    """Return the quantile of each histogram, and what is doubtful about them.

    Args:
        histograms: n of them.
        qs: (n,) which quantile of each.
    """
    table = table_of(histograms) if len(histograms) >= _FEW else None
    if table is None or (table.cells < 0).any():
        found = [quantile(one, q) for one, q in zip(histograms, qs.tolist(), strict=True)]
        troubles = {trouble for _, trouble in found if trouble is not None}
        return np.array([value for value, _ in found], np.float64), troubles
    columns = columns_of(histograms[0], table)
    with np.errstate(all="ignore"):
        values = _values(columns, table.cells[:, 0], qs) if columns.counts.shape[1] else np.full(len(qs), np.nan)
    values[(table.cells[:, 0] == 0) | np.isnan(qs)] = np.nan
    values[qs < 0], values[qs > 1] = -np.inf, np.inf
    return values, set()


def _values(columns: Columns, counts: Any, qs: Any) -> Any:
    upward = qs < _MEDIAN
    ranks = np.where(upward, qs, 1 - qs) * counts
    place, reached = _places(columns.counts, ranks, upward)
    rows = np.arange(len(qs))
    held = columns.counts[rows, place]
    reached = np.minimum(reached, counts)
    shares = np.where(upward, ranks - reached + held, reached - ranks) / held
    lower, upper = columns.lower[place].copy(), columns.upper[place].copy()
    if columns.zero >= 0:
        in_zero = place == columns.zero
        below, above = columns.counts[:, : columns.zero].any(axis=1), columns.counts[:, columns.zero + 1 :].any(axis=1)
        lower[in_zero & above & ~below] = 0.0
        upper[in_zero & below & ~above] = 0.0
    return _inside(columns.custom, lower, upper, shares)


def _places(counts: Any, ranks: Any, upward: Any) -> tuple[Any, Any]:
    """The bucket in which each rank is, and how many observations are there up to its far side."""
    filled = counts > 0
    last = counts.shape[1] - 1
    rising = counts.cumsum(axis=1)
    falling = counts[:, ::-1].cumsum(axis=1)
    first_up = _first(filled & (rising >= ranks[:, None]), filled)
    first_down = _first(filled[:, ::-1] & (falling >= ranks[:, None]), filled[:, ::-1])
    rows = np.arange(len(ranks))
    reached = np.where(upward, rising[rows, first_up], falling[rows, first_down])
    return np.where(upward, first_up, last - first_down), reached


def _first(is_reached: Any, filled: Any) -> Any:
    """The first place that is reached, or the last that is filled where rounding leaves none."""
    last_filled = filled.shape[1] - 1 - filled[:, ::-1].argmax(axis=1)
    return np.where(is_reached.any(axis=1), is_reached.argmax(axis=1), last_filled)


def _inside(custom: bool, lower: Any, upper: Any, shares: Any) -> Any:
    if custom:
        begin = np.where(lower == -np.inf, 0.0, lower)
        values = begin + (upper - begin) * shares
        values = np.where((lower == -np.inf) & (upper <= 0), upper, values)
        return np.where(upper == np.inf, lower, values)
    near, far = np.log2(np.abs(lower)), np.log2(np.abs(upper))
    up, down = np.exp2(near + (far - near) * shares), -np.exp2(far + (near - far) * (1 - shares))
    linear = lower + (upper - lower) * shares
    return np.where((lower <= 0) & (upper >= 0), linear, np.where(lower > 0, up, down))
