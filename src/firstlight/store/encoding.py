"""Values as the shortest exact columns.

Most metrics are whole numbers or decimals of a few places.  Those compress far better as scaled integers with delta
encoding than as doubles, so each series is stored as ``integer / divisor`` with the smallest power of ten that gives
back every finite value bit for bit; what has none stays a double.  Not-a-number (with its payload), infinities and
negative zero always stay doubles.
"""

from typing import Any

import numpy as np

DIVISORS = (1, 10, 100, 1000, 10_000, 1_000_000)
_EXACT_LIMIT = 2.0**53


def split(values: Any, starts: Any) -> tuple[Any, Any, Any]:
    """Choose integers or doubles for the values of several series.

    Args:
        values: ``(n,)`` float64, series after series.
        starts: ``(m,)`` index of the first value of each series, ascending, beginning with 0.

    Returns:
        ``divisor`` ``(n,)`` int32 (0 where the value stays a double), ``whole`` ``(n,)`` int64 with
        ``whole / divisor == value`` bit for bit where the divisor is not 0, and ``exact`` ``(n,)`` bool.
    """
    n = len(values)
    divisor = np.zeros(n, np.int32)
    whole = np.zeros(n, np.int64)
    lengths = np.diff(np.append(starts, n))
    open_rows = np.arange(n)
    open_lengths = lengths
    for candidate in DIVISORS:
        if not len(open_rows):
            break
        scaled, exact, settled = _try(values[open_rows], candidate)
        series_starts = np.concatenate(([0], np.cumsum(open_lengths)[:-1])).astype(np.int64)
        fits = np.logical_and.reduceat(settled, series_starts)
        row_fits = np.repeat(fits, open_lengths)
        chosen = open_rows[row_fits & exact]
        whole[chosen] = scaled[row_fits & exact]
        divisor[chosen] = candidate
        open_rows = open_rows[~row_fits]
        open_lengths = open_lengths[~fits]
    return divisor, whole, divisor > 0


def _try(values: Any, divisor: int) -> tuple[Any, Any, Any]:
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.rint(values * divisor)
        inside = np.abs(scaled) < _EXACT_LIMIT
        whole = np.where(inside, scaled, 0.0).astype(np.int64)
        back = (whole / divisor).view(np.int64)
    exact = inside & (back == values.view(np.int64))
    negative_zero = values.view(np.int64) == np.iinfo(np.int64).min
    return whole, exact, exact | ~np.isfinite(values) | negative_zero
