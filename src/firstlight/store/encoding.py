"""Values as the shortest exact columns.

Most metrics are whole numbers or decimals of a few places.  Those compress far better as scaled integers with delta
encoding than as doubles, so each series is stored as ``integer / divisor`` with the smallest power of ten that gives
back every finite value bit for bit; what has none stays a double.  Not-a-number (with its payload), infinities and
negative zero always stay doubles.
"""

from typing import Any

import numpy as np

DIVISORS = (1, 10, 100, 1000, 10_000, 1_000_000)
PROBES = 8
"""Values of a series that are tried first: most divisors that do not fit are known by them."""

_EXACT_LIMIT = 2.0**53
_NEGATIVE_ZERO = np.iinfo(np.int64).min


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
    probes = values[_probed_rows(starts, lengths)]
    is_open = np.ones(len(starts), bool)
    for candidate in DIVISORS:
        possible = np.flatnonzero(is_open & _scaled(probes, candidate)[2].all(axis=1))
        if not len(possible):
            continue
        rows, row_starts = _rows_of(starts[possible], lengths[possible])
        scaled, exact, settled = _scaled(values[rows], candidate)
        fits = np.logical_and.reduceat(settled, row_starts)
        chosen = np.repeat(fits, lengths[possible]) & exact
        whole[rows[chosen]] = scaled[chosen]
        divisor[rows[chosen]] = candidate
        is_open[possible[fits]] = False
    return divisor, whole, divisor > 0


def _probed_rows(starts: Any, lengths: Any) -> Any:
    """Return rows spread over each series, ``(m, PROBES)``."""
    steps = np.arange(PROBES) / PROBES
    return starts[:, None] + (lengths[:, None] * steps).astype(np.int64)


def _rows_of(starts: Any, lengths: Any) -> tuple[Any, Any]:
    """Return the rows of some series, and where among them each series begins."""
    begins = np.concatenate(([0], np.cumsum(lengths)[:-1])).astype(np.int64)
    return np.repeat(starts - begins, lengths) + np.arange(int(lengths.sum())), begins


def _scaled(values: Any, divisor: int) -> tuple[Any, Any, Any]:
    """Return the nearest integers, where they are exact, and where nothing speaks against this divisor."""
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.rint(values * divisor)
        inside = np.abs(scaled) < _EXACT_LIMIT
        whole = np.where(inside, scaled, 0.0).astype(np.int64)
    bits = values.view(np.int64)
    exact = inside & ((whole / divisor).view(np.int64) == bits)
    if exact.all():
        return whole, exact, exact
    return whole, exact, exact | ~np.isfinite(values) | (bits == _NEGATIVE_ZERO)
