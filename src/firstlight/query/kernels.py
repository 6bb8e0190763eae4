"""Arithmetic over the samples of many series at once, step by step.

A *stretch* is what one series has in one step: neighbours in the flat columns.  A *cell* is what one group of series
has in one step: one stretch or several.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from firstlight.store.rollup import STALE_NAN
from firstlight.store.runs import Runs


@dataclass(frozen=True, slots=True)
class Cells:
    """Samples cut into stretches, and which cell each of these belongs to.

    Attributes:
        times_ns: ``(n,)``.
        values: ``(n,)``.
        firsts: ``(s,)`` where each stretch begins.
        counts: ``(s,)`` its samples.
        cell: ``(s,)`` the number of its cell, 0 to ``count - 1``.
        count: of cells.
        keys: ``(count,)`` the group of each cell times ``steps``, plus its step; ascending.
        is_plain: each cell has one stretch, in the same order.
    """

    times_ns: Any
    values: Any
    firsts: Any
    counts: Any
    cell: Any
    count: int
    keys: Any
    is_plain: bool

    def total(self, per_stretch: Any) -> Any:
        """Return the sum over the stretches of each cell."""
        return per_stretch if self.is_plain else np.bincount(self.cell, per_stretch, self.count)

    def extreme(self, choose: Any, per_stretch: Any) -> Any:
        """Return the least or greatest over the stretches of each cell; NaN only where there is nothing else."""
        if self.is_plain:
            return per_stretch
        found = np.full(self.count, np.nan)
        choose.at(found, self.cell, per_stretch)
        return found


def cells_of(runs: Runs, groups: Any, step_ns: int, first_step: int, steps: int) -> Cells:
    """Cut samples at steps.

    Args:
        runs: the samples.
        groups: ``(k,)`` the number of each series' group.
        step_ns: length of a step; steps begin at its multiples.
        first_step: number of the first one since the epoch.
        steps: how many there are.
    """
    step = runs.times_ns // step_ns
    begins = np.empty(len(step), bool)
    begins[:1] = True
    np.not_equal(step[1:], step[:-1], out=begins[1:])
    begins[runs.starts()[runs.lengths > 0]] = True
    firsts = np.flatnonzero(begins)
    owner = np.searchsorted(np.cumsum(runs.lengths), firsts, "right")
    keys = groups[owner].astype(np.int64) * steps + (step[firsts] - first_step)
    counts = np.diff(np.append(firsts, len(step)))
    if (np.diff(keys) > 0).all():
        return Cells(runs.times_ns, runs.values, firsts, counts, np.arange(len(keys)), len(keys), keys, is_plain=True)
    found, cell = np.unique(keys, return_inverse=True)
    return Cells(runs.times_ns, runs.values, firsts, counts, cell, len(found), found, is_plain=False)


def without_stale(runs: Runs) -> Runs:
    """Return ``runs`` without the values that only say that a series ended."""
    if not np.isnan(runs.values).any():
        return runs
    kept = runs.values.view(np.int64) != STALE_NAN
    lengths = np.bincount(np.repeat(np.arange(len(runs.ids)), runs.lengths), kept, len(runs.ids)).astype(np.int64)
    return Runs(runs.ids, lengths, runs.times_ns[kept], runs.values[kept])


def increases(runs: Runs, start_ns: int) -> Runs:
    """Return by how much each sample of a counter is above the one before; what fell began anew at 0.

    The first sample of a series has none before it and is left out, like samples before ``start_ns``.
    """
    before = np.concatenate(([0.0], runs.values[:-1]))
    grown = np.where(runs.values < before, runs.values, runs.values - before)
    kept = runs.times_ns >= start_ns
    kept[runs.starts()[runs.lengths > 0]] = False
    lengths = np.bincount(np.repeat(np.arange(len(runs.ids)), runs.lengths), kept, len(runs.ids)).astype(np.int64)
    return Runs(runs.ids, lengths, runs.times_ns[kept], grown[kept])


def _sums(cells: Cells) -> Any:
    return np.add.reduceat(cells.values, cells.firsts)


def count(cells: Cells) -> Any:
    """Return how many samples each cell has."""
    return cells.total(cells.counts).astype(float)


def total(cells: Cells) -> Any:
    """Return the sum of each cell."""
    return cells.total(_sums(cells))


def mean(cells: Cells) -> Any:
    """Return the mean of each cell."""
    return cells.total(_sums(cells)) / cells.total(cells.counts)


def least(cells: Cells) -> Any:
    """Return the least value of each cell; NaN only where there is nothing else."""
    return cells.extreme(np.fmin, np.fmin.reduceat(cells.values, cells.firsts))


def greatest(cells: Cells) -> Any:
    """Return the greatest value of each cell; NaN only where there is nothing else."""
    return cells.extreme(np.fmax, np.fmax.reduceat(cells.values, cells.firsts))


def first(cells: Cells) -> Any:
    """Return the value of each cell's oldest sample."""
    if cells.is_plain:
        return cells.values[cells.firsts]
    rows = cells.firsts[np.lexsort((-cells.times_ns[cells.firsts], cells.cell))]
    return cells.values[rows[np.cumsum(np.bincount(cells.cell)) - 1]]


def last(cells: Cells) -> Any:
    """Return the value of each cell's newest sample."""
    rows = cells.firsts + cells.counts - 1
    if not cells.is_plain:
        rows = rows[np.lexsort((cells.times_ns[rows], cells.cell))][np.cumsum(np.bincount(cells.cell)) - 1]
    return cells.values[rows]


def deviation(cells: Cells) -> Any:
    """Return the standard deviation of each cell (of the population, as Prometheus has it).

    Chan, Golub, LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
    """
    sums = _sums(cells)
    means = sums / cells.counts
    squares = np.add.reduceat((cells.values - np.repeat(means, cells.counts)) ** 2, cells.firsts)
    counts = cells.total(cells.counts)
    apart = means - (cells.total(sums) / counts)[cells.cell]
    return np.sqrt(cells.total(squares + cells.counts * apart**2) / counts)


def quantile(cells: Cells, q: float) -> Any:
    """Return quantile ``q`` of each cell, between two values in proportion."""
    owners = np.repeat(cells.cell, cells.counts)
    values = cells.values[np.lexsort((cells.values, owners))]
    counts = cells.total(cells.counts).astype(np.int64)
    starts = np.cumsum(counts) - counts
    rank = q * (counts - 1)
    low = np.floor(rank).astype(np.int64)
    high = np.minimum(low + 1, counts - 1)
    share = rank - low
    return values[starts + low] * (1 - share) + values[starts + high] * share


KERNELS: Mapping[str, Callable[[Cells], Any]] = {
    "mean": mean,
    "sum": total,
    "min": least,
    "max": greatest,
    "count": count,
    "first": first,
    "last": last,
    "stddev": deviation,
    "increase": total,
    "rate": total,
}
