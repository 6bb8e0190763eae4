"""The samples of a log file in memory, grouped by series when somebody asks for some of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from firstlight.store import schema
from firstlight.store.columns import arrow_table
from firstlight.store.growing import ranges
from firstlight.store.runs import NO_RUNS, Runs, within
from firstlight.store.sorting import Samples, ordered

_NS_PER_US = 1000
_MANY_PIECES = 32


@dataclass(frozen=True, slots=True)
class Block:
    """Samples sorted by series and time; of two of one series and moment only the one that came later.

    Attributes:
        ids: ``(k,)`` int64, ascending, each once.
        starts: ``(k + 1,)`` where each begins.
        rows: the columns, in the tail's schema.
        micros: of ``rows``, whole microseconds.
        rest: of ``rows``, nanoseconds.
        values: of ``rows``.
    """

    ids: Any
    starts: Any
    rows: pa.Table
    micros: Any
    rest: Any
    values: Any

    def runs(self, ids: Any, start_ns: int, end_ns: int) -> Runs:
        """Return the samples of series ``ids`` (ascending) with ``start_ns <= time < end_ns``."""
        at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        at = at[self.ids[at] == ids]
        if not len(at):
            return NO_RUNS
        lengths = self.starts[at + 1] - self.starts[at]
        rows = ranges(self.starts[at], lengths)
        times_ns = self.times_ns(rows)
        return within(Runs(self.ids[at], lengths, times_ns, self.values[rows]), start_ns, end_ns)

    def last(self) -> Runs:
        """Return the newest sample of each series."""
        rows = self.starts[1:] - 1
        return Runs(self.ids, np.ones(len(rows), np.int64), self.times_ns(rows), self.values[rows])

    def times_ns(self, rows: Any) -> Any:
        """Return the times of ``rows``."""
        return self.micros[rows] * _NS_PER_US + self.rest[rows]


class HotSamples:
    """Samples as they come, at first; sorted blocks once series are asked for.

    Blocks of like size become one, so there are few and each look costs only what came since the last.
    """

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._fresh: list[pa.Table] = []
        self.rows = 0
        """How many came."""

    def add(self, table: pa.Table) -> None:
        """Take more samples, in the tail's schema."""
        if table.num_rows:
            self._fresh.append(table)
            self.rows += table.num_rows

    def table(self) -> pa.Table:
        """Return all samples, in no order but that those of one series and moment come in the order of their arrival.

        Of such samples only the later one is left once they have been in the same block.
        """
        if len(self._fresh) > _MANY_PIECES:
            self._fresh = [pa.concat_tables(self._fresh).combine_chunks()]
        sealed = [block.rows for block in self._blocks]
        return pa.concat_tables([schema.TAIL["samples"].empty_table(), *sealed, *self._fresh])

    def blocks(self) -> list[Block]:
        """Return all samples as sorted blocks, in the order of their arrival."""
        if self._fresh:
            self._blocks.append(_sorted(self._fresh))
            self._fresh = []
            while len(self._blocks) > 1 and len(self._blocks[-2].values) <= 2 * len(self._blocks[-1].values):
                self._blocks[-2:] = [_sorted([block.rows for block in self._blocks[-2:]])]
        return list(self._blocks)


def _sorted(pieces: list[pa.Table]) -> Block:
    columns = (np.concatenate([_numpy(piece, name) for piece in pieces]) for name in schema.TAIL_SAMPLES.names)
    samples = ordered(Samples(*columns))
    rows = arrow_table(samples, schema.TAIL_SAMPLES)
    starts = np.flatnonzero(np.concatenate(([True], samples.ids[1:] != samples.ids[:-1])))
    return Block(samples.ids[starts], np.append(starts, len(samples.ids)), rows, *samples[1:])


def _numpy(table: pa.Table, name: str) -> Any:
    column = table.column(name)
    return (column.cast(pa.int64()) if name == "time" else column).to_numpy()
