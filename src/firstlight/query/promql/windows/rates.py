"""``rate`` and its kin: how fast counters grow, as Prometheus extrapolates it."""

from typing import Any

import numpy as np

from firstlight.query.promql.windows.folding import total_between
from firstlight.query.promql.windows.ranges import Windows

_NS_PER_S = 1e9
_NEAR = 1.1
"""A window's end is near when it is not further than this many average distances of samples."""


def _ends(windows: Windows) -> tuple[Any, Any]:
    """Return positions of the first and last sample, which are there where a window is not empty."""
    top = max(len(windows.values) - 1, 0)
    return np.minimum(windows.first, top), np.clip(windows.last - 1, 0, top)


def _fallen(windows: Windows) -> Any:
    """Return where a value is below the one before, ``(n,)`` bool; the first sample is not."""
    found = np.zeros(len(windows.values), bool)
    np.less(windows.values[1:], windows.values[:-1], out=found[1:])
    return found


def _growth(windows: Windows, begin: Any, end: Any, *, is_counter: bool) -> Any:
    grown = windows.values[end] - windows.values[begin]
    if not is_counter:
        return grown
    falls = np.flatnonzero(_fallen(windows))
    if not len(falls):
        return grown
    low, high = np.searchsorted(falls, windows.first, "right"), np.searchsorted(falls, windows.last, "left")
    again = high > low
    if again.any():
        before = np.append(windows.values[falls - 1], 0.0)
        pairs = np.stack([low[again], high[again]], axis=-1).reshape(-1)
        grown[again] += np.add.reduceat(before, pairs)[::2]
    return grown


def extrapolated(windows: Windows, *, is_counter: bool, is_rate: bool) -> tuple[Any, Any]:
    """Return increase, rate or delta of each window, extrapolated to its ends.

    The increase between the first and last sample is stretched to the window, but by no more than half an average
    distance of samples where the end is far, and not below 0 for a counter
    (https://prometheus.io/docs/prometheus/3.5/querying/functions/#rate).
    """
    present = windows.at_least(2)
    if not present.any():
        return np.zeros(present.shape), present
    begin, end = _ends(windows)
    with np.errstate(all="ignore"):
        grown = _growth(windows, begin, end, is_counter=is_counter)
        factor = _factor(windows, begin, end, grown if is_counter else None)
        grown *= factor / (windows.range_ns / _NS_PER_S) if is_rate else factor
    return grown, present


def _factor(windows: Windows, begin: Any, end: Any, grown: Any) -> Any:
    # Series with the same times have the same distances.
    rows = slice(0, 1) if windows.is_shared else slice(None)
    first_ns, last_ns = windows.times_ns[begin[rows]], windows.times_ns[end[rows]]
    to_start = (first_ns - (windows.ends_ns - windows.range_ns)) / _NS_PER_S
    to_end = (windows.ends_ns - last_ns) / _NS_PER_S
    sampled = (last_ns - first_ns) / _NS_PER_S
    apart = sampled / (windows.counts[rows] - 1)
    far = apart * _NEAR
    to_start = np.where(to_start >= far, apart / 2, to_start)
    if grown is not None:
        first = windows.values[begin]
        to_zero = np.divide(first, grown, out=np.full(grown.shape, np.inf), where=(grown > 0) & (first >= 0))
        to_zero *= sampled
        to_start = np.minimum(to_start, to_zero, out=to_zero)
    to_end = np.where(to_end >= far, apart / 2, to_end)
    return (to_start + (sampled + to_end)) / sampled


def instant(windows: Windows, *, is_rate: bool) -> tuple[Any, Any]:
    """Return how much the last sample of each window is above the one before, per second when ``is_rate``."""
    present = windows.at_least(2)
    if not present.any():
        return np.zeros(present.shape), present
    end = _ends(windows)[1]
    before = np.maximum(end - 1, 0)
    newest, older = windows.values[end], windows.values[before]
    with np.errstate(all="ignore"):
        found = newest - older
        if is_rate:
            found = np.where(newest < older, newest, found)
            found /= (windows.times_ns[end] - windows.times_ns[before]) / _NS_PER_S
    return found, present


def changes(windows: Windows) -> Any:
    """Return how often the value changes within each window."""
    old, new = windows.values[:-1], windows.values[1:]
    differs = np.zeros(len(windows.values), bool)
    differs[1:] = (new != old) & ~(np.isnan(new) & np.isnan(old))
    return _inner_total(differs, windows)


def resets(windows: Windows) -> Any:
    """Return how often the value falls within each window."""
    return _inner_total(_fallen(windows), windows)


def _inner_total(indicator: Any, windows: Windows) -> Any:
    first = np.minimum(windows.first + 1, len(windows.values))
    return total_between(indicator, first, windows.last).astype(float)
