"""Variance and slope over windows, by merging moments of stretches.

Chan, Golub, LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979: means and
central moments of two stretches give those of both without subtracting large sums.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from firstlight.query.promql.windows.gathered import each_table, rows_of
from firstlight.query.promql.windows.ranges import Windows

_SHORT = 64
"""Windows of up to so many samples are looked at sample by sample."""


@dataclass(slots=True)
class _Moments:
    """Count, means and central moments; ``count`` is a number when it is the same for all."""

    count: Any
    x: Any
    y: Any
    xx: Any
    xy: Any
    yy: Any

    def at(self, where: Any) -> "_Moments":
        count = self.count if np.isscalar(self.count) else self.count[where]
        return _Moments(count, self.x[where], self.y[where], self.xx[where], self.xy[where], self.yy[where])

    def put(self, where: Any, other: "_Moments") -> None:
        for name in ("count", "x", "y", "xx", "xy", "yy"):
            getattr(self, name)[where] = getattr(other, name)


def _joined(a: _Moments, b: _Moments) -> _Moments:
    count = a.count + b.count
    share = b.count / count
    dx, dy = b.x - a.x, b.y - a.y
    weight = a.count * share
    # Where nothing is yet, the other's mean is taken as it is, since infinities have no differences.
    return _Moments(
        count,
        a.x + dx * share,
        np.where(np.equal(a.count, 0), b.y, a.y + dy * share),
        a.xx + b.xx + dx * dx * weight,
        a.xy + b.xy + np.where(np.equal(a.count, 0), 0.0, dx * dy * weight),
        a.yy + b.yy + np.where(np.equal(a.count, 0), 0.0, dy * dy * weight),
    )


def moments(windows: Windows, x: Any) -> _Moments:
    """Return count, means and central moments of ``x`` and the values in each window."""
    shape, counts = windows.first.shape, windows.counts
    zero = np.zeros(len(windows.values))
    level = _Moments(1.0, x, windows.values, zero, zero, zero)
    found = _Moments(*(np.zeros(shape) for _ in range(6)))
    at, span, most = windows.first.copy(), 1, int(counts.max(initial=0))
    with np.errstate(all="ignore"):
        while span <= most:
            takes = (counts & span) != 0
            if takes.any():
                found.put(takes, _joined(found.at(takes), level.at(at[takes])))
                at[takes] += span
            if 2 * span <= most:
                level = _joined(level.at(slice(None, -span)), level.at(slice(span, None)))
            span *= 2
    return found


def variances(windows: Windows) -> Any:
    """Return the variance of each window (of the population)."""
    if windows.counts.max(initial=0) <= _SHORT:
        return each_table(windows, _row_variances)
    found = moments(windows, np.zeros(len(windows.values)))
    return np.where(np.isfinite(found.y), found.yy / np.maximum(found.count, 1), np.nan)


def _row_variances(values: Any, _first: Any, _chosen: Any) -> Any:
    # Counted from the first, so that equal values have a variance of exactly 0.
    apart = values - values[:, :1]
    apart -= apart.mean(axis=1)[:, None]
    return np.einsum("ij,ij->i", apart, apart) / values.shape[1]


def _short_moments(windows: Windows, x: Any) -> _Moments:
    """Return what :func:`moments` does, sample by sample."""
    shape = windows.first.shape
    found = _Moments(windows.counts, *(np.zeros(windows.first.size) for _ in range(5)))

    def kernel(y: Any, first: Any, chosen: Any) -> Any:
        xs = rows_of(x, first, y.shape[1])
        base = xs[:, :1], y[:, :1]
        xs, ys = xs - base[0], y - base[1]
        middle = xs.mean(axis=1), ys.mean(axis=1)
        found.x[chosen], found.y[chosen] = base[0][:, 0] + middle[0], base[1][:, 0] + middle[1]
        xs -= middle[0][:, None]
        ys -= middle[1][:, None]
        found.xx[chosen], found.xy[chosen], found.yy[chosen] = (
            np.einsum("ij,ij->i", a, b) for a, b in ((xs, xs), (xs, ys), (ys, ys))
        )
        return 0.0

    each_table(windows, kernel)
    return _Moments(found.count, *(getattr(found, name).reshape(shape) for name in ("x", "y", "xx", "xy", "yy")))


def lines(windows: Windows, origin_ns: Any) -> tuple[Any, Any]:
    """Return slope per second, and value at ``origin_ns``, ``(S,)`` or ``(N, S)``, of the least-squares line.

    A window whose values are all the same has slope 0 exactly; one with infinities has no line.
    """
    base_ns = int(windows.times_ns[0]) if len(windows.times_ns) else 0
    x = (windows.times_ns - base_ns) / 1e9
    found = _short_moments(windows, x) if windows.counts.max(initial=0) <= _SHORT else moments(windows, x)
    with np.errstate(all="ignore"):
        slope = found.xy / found.xx
        value = found.y + slope * ((origin_ns - base_ns) / 1e9 - found.x)
    even = found.yy == 0
    lost = ~np.isfinite(found.y)
    return np.where(lost, np.nan, np.where(even, 0.0, slope)), np.where(lost, np.nan, np.where(even, found.y, value))
