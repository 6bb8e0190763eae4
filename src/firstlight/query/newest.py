"""The newest of many rows that come in any order."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

_NS_PER_US = 1000


@dataclass(frozen=True, eq=False)
class Hits:
    """Rows of which some columns are known, and where the others are.

    Attributes:
        table: the known columns.
        sources: number of the place that has each row, int64.
        addresses: which row it is there, int64.
    """

    table: pa.Table
    sources: Any
    addresses: Any

    def take(self, rows: Any) -> "Hits":
        """Return the rows with these numbers, in this order."""
        return Hits(taken(self.table, rows), self.sources[rows], self.addresses[rows])

    def completed(self, rest: Callable[[int, Any], pa.Table]) -> pa.Table:
        """Return the rows, at least one, with the columns that ``rest(source, addresses)`` knows, texts written out."""
        pieces, places = [], []
        for source in np.unique(self.sources).tolist():
            rows = np.flatnonzero(self.sources == source)
            known, more = taken(self.table, rows), rest(source, self.addresses[rows])
            pieces.append(
                pa.Table.from_arrays([*known.columns, *more.columns], [*known.column_names, *more.column_names])
            )
            places.append(rows)
        return pa.concat_tables(pieces).take(pa.array(np.argsort(np.concatenate(places))))


class Newest:
    """Keeps the newest rows of all that are added.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._hits: Hits | None = None
        self._oldest_ns: int | None = None

    def __len__(self) -> int:
        return 0 if self._hits is None else len(self._hits.sources)

    def add(self, source: int, table: pa.Table, rows: Any, addresses: Any) -> None:
        """Add the rows of ``table`` with the numbers ``rows``.

        Args:
            source: number of the place they are from.
            table: has at least the columns ``time`` and ``ns``.
            rows: int64.
            addresses: of each row of ``table`` in ``source``, int64.
        """
        if not len(rows):
            return
        rows = rows[_newest(times_ns(table)[rows], self._most)]
        more = Hits(table, np.full(table.num_rows, source), addresses).take(rows)
        self._hits = more if self._hits is None else _joined(self._hits, more)
        if len(self) > self._most:
            self._hits = self._hits.take(_newest(times_ns(self._hits.table), self._most))
        if len(self) == self._most:
            self._oldest_ns = int(times_ns(self._hits.table).min())

    def has_nothing_before(self, time_us: int) -> bool:
        """Return whether rows up to that microsecond would all be too old."""
        return self._oldest_ns is not None and self._oldest_ns >= (time_us + 1) * _NS_PER_US

    def hits(self, most: int) -> Hits | None:
        """Return the newest rows, newest first; None when there are none."""
        if self._hits is None:
            return None
        order = np.argsort(-times_ns(self._hits.table), kind="stable")
        return self._hits.take(order[:most])


def _newest(when_ns: Any, most: int) -> Any:
    """Return the numbers of the ``most`` newest moments, in any order."""
    if len(when_ns) <= most:
        return np.arange(len(when_ns))
    return np.argpartition(when_ns, len(when_ns) - most)[len(when_ns) - most :]


def _joined(one: Hits, other: Hits) -> Hits:
    return Hits(
        pa.concat_tables([one.table, other.table]),
        np.concatenate([one.sources, other.sources]),
        np.concatenate([one.addresses, other.addresses]),
    )


def times_ns(table: pa.Table) -> Any:
    """Return the moment of each row in nanoseconds since the epoch, int64."""
    return table["time"].cast(pa.int64()).to_numpy() * _NS_PER_US + table["ns"].to_numpy()


def taken(table: pa.Table, rows: Any) -> pa.Table:
    """Return the rows with these numbers, in this order, texts written out.

    Arrow's own ``take`` copies all of a table in pieces before it takes a few rows.
    """
    batches = table.to_batches()
    if len(batches) <= 1 or not len(rows):
        return plain(table.take(pa.array(rows)))
    starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
    order = np.argsort(rows, kind="stable")
    ascending = rows[order]
    which = np.searchsorted(starts, ascending, side="right") - 1
    found = []
    for number in np.unique(which).tolist():
        own = ascending[which == number] - starts[number]
        found.append(plain(pa.Table.from_batches([batches[number].take(pa.array(own))])))
    return pa.concat_tables(found).combine_chunks().take(pa.array(np.argsort(order)))


def plain(table: pa.Table) -> pa.Table:
    """Return ``table`` with each text written out."""
    for place, column in enumerate(table.columns):
        if pa.types.is_dictionary(column.type):
            table = table.set_column(place, table.column_names[place], column.cast(pa.string()))
    return table
