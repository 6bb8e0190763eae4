"""Aggregations from rollups, where these say the same as the samples."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from firstlight.query import kernels
from firstlight.store.catalog import Segment
from firstlight.store.compact import US_PER_DAY
from firstlight.store.footer import Footer
from firstlight.store.reader import LakeReader, View
from firstlight.store.rollup import STEPS_US, true_rollups
from firstlight.store.runs import Runs

MEASURES = {"mean": ("sum", "count"), "sum": ("sum",), "count": ("count",), "min": ("min",), "max": ("max",)}
"""What of a rollup each aggregation needs; the others need the samples."""

_NS_PER_US = 1000
_OF_SAMPLES = {"sum": kernels.total, "count": kernels.count, "min": kernels.least, "max": kernels.greatest}
_OF_ROLLUPS = _OF_SAMPLES | {"count": kernels.total}
_TOGETHER = {"sum": np.add, "count": np.add, "min": np.fmin, "max": np.fmax}
_BEFORE = {"sum": 0.0, "count": 0.0, "min": np.nan, "max": np.nan}

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the parts of a range of time come from.

    Attributes:
        rolled: rollups and what of them to take, nanoseconds.
        rest: what must be taken from samples.
    """

    rolled: list[tuple[Segment, Range]]
    rest: list[Range]


@dataclass(frozen=True, slots=True)
class Grid:
    """Which cell a sample falls into; see :func:`firstlight.query.kernels.cells_of`."""

    ids: Any
    groups: Any
    step_ns: int
    first: int
    count: int

    def cells(self, runs: Runs) -> kernels.Cells:
        """Cut ``runs``, the series of which are some of ``ids``."""
        at = self.groups[np.searchsorted(self.ids, runs.ids)]
        return kernels.cells_of(runs, at, self.step_ns, self.first, self.count)


def plan(reader: LakeReader, view: View, within: Range, step_ns: int) -> Plan:
    """Return how to aggregate ``within`` by ``step_ns``: as far as possible from the coarsest rollups that fit."""
    table = _coarsest(step_ns)
    if table is None:
        return Plan([], [within])
    unit_ns = STEPS_US[table] * _NS_PER_US
    begin_ns, end_ns = -(-within[0] // unit_ns) * unit_ns, within[1] // unit_ns * unit_ns
    rolled = []
    for day, found in sorted(_usable(reader, view, table).items()):
        part = max(begin_ns, day * US_PER_DAY * _NS_PER_US), min(end_ns, (day + 1) * US_PER_DAY * _NS_PER_US)
        if part[0] < part[1]:
            rolled.append((found, part))
    return Plan(rolled, list(_between(within, [part for _, part in rolled])))


def cells_of(reader: LakeReader, view: View, where: Plan, grid: Grid, how: str) -> tuple[Any, Any]:
    """Return the keys of all cells, ascending, and their values.

    Args:
        reader: the lake.
        view: what of it.
        where: from :func:`plan`.
        grid: the cells.
        how: one of :data:`MEASURES`.
    """
    names = MEASURES[how]
    pieces: list[tuple[Any, list[Any]]] = []
    for start_ns, end_ns in where.rest:
        runs = kernels.without_stale(reader.runs(view, grid.ids, start_ns, end_ns))
        if len(runs.times_ns):
            cells = grid.cells(runs)
            pieces.append((cells.keys, [_OF_SAMPLES[name](cells) for name in names]))
    for found, part in where.rolled:
        pieces += _of_rollups(found, part, grid, names)
    if not pieces:
        return np.empty(0, np.int64), np.empty(0)
    keys, at = np.unique(np.concatenate([keys for keys, _ in pieces]), return_inverse=True)
    values = [_together(name, at, len(keys), [found[n] for _, found in pieces]) for n, name in enumerate(names)]
    return keys, values[0] / values[1] if how == "mean" else values[0]


def _coarsest(step_ns: int) -> str | None:
    fitting = [table for table, step_us in STEPS_US.items() if step_ns % (step_us * _NS_PER_US) == 0]
    return max(fitting, key=STEPS_US.__getitem__, default=None)


def _usable(reader: LakeReader, view: View, table: str) -> dict[int, Segment]:
    """Return the rollups by day of which nothing beside what they were derived from has rows."""
    found = true_rollups(view.snapshot, table)
    if not found:
        return {}
    hot = [(int(block.micros.min()), int(block.micros.max())) for block in reader.blocks(view) if len(block.micros)]
    sealed = [(s.begin_us, s.end_us) for s in view.snapshot.segments.get("samples", ())]
    other = [*hot, *(span for span in sealed if span[0] // US_PER_DAY != span[1] // US_PER_DAY)]
    touched = {day for begin_us, end_us in other for day in range(begin_us // US_PER_DAY, end_us // US_PER_DAY + 1)}
    return {
        day: segment for day, segment in found.items() if day not in touched and reader.intact.is_whole(table, segment)
    }


def _between(within: Range, parts: Sequence[Range]) -> Iterator[Range]:
    at = within[0]
    for begin_ns, end_ns in parts:
        if at < begin_ns:
            yield at, begin_ns
        at = end_ns
    if at < within[1]:
        yield at, within[1]


def _of_rollups(found: Segment, part: Range, grid: Grid, names: Sequence[str]) -> Iterator[tuple[Any, list[Any]]]:
    """Yield the cells of each row group of rollups that has any."""
    footer = Footer.of(found.path, ("series_id", "time"))
    first = np.searchsorted(grid.ids, footer.low["series_id"])
    end = np.searchsorted(grid.ids, footer.high["series_id"], "right")
    groups = np.flatnonzero(end > first).tolist()
    if not groups:
        return
    table = footer.read(groups, ["series_id", "time", *names])
    ids, times_ns = table["series_id"].to_numpy(), table["time"].cast(pa.int64()).to_numpy() * _NS_PER_US
    at = np.minimum(np.searchsorted(grid.ids, ids), len(grid.ids) - 1)
    kept = (grid.ids[at] == ids) & (times_ns >= part[0]) & (times_ns < part[1])
    if not kept.any():
        return
    present, lengths = np.unique(ids[kept], return_counts=True)
    columns = (table[name].to_numpy()[kept].astype(np.float64) for name in names)
    runs = [Runs(present, lengths, times_ns[kept], column) for column in columns]
    cells = [grid.cells(one) for one in runs]
    yield cells[0].keys, [_OF_ROLLUPS[name](one) for name, one in zip(names, cells, strict=True)]


def _together(name: str, at: Any, count: int, pieces: Sequence[Any]) -> Any:
    found = np.full(count, _BEFORE[name])
    _TOGETHER[name].at(found, at, np.concatenate(pieces))
    return found
