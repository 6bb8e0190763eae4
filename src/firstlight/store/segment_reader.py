"""Samples straight from sealed segments: only the row groups and columns that hold what is asked for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from firstlight.store.catalog import Segment
from firstlight.store.columns import raw
from firstlight.store.footer import FOOTER_ROW_GROUP_BYTES, Footer
from firstlight.store.growing import ranges
from firstlight.store.kept import Kept
from firstlight.store.runs import NO_RUNS, Runs, between, chosen, joined, within

DEFAULT_KEPT_BYTES = 48 * 2**20
_NS_PER_US = 1000
_FEW_SERIES = 16
"""So many series of one row group are kept apart, decoded; when more are asked for, the whole row group is."""

_ENTRY_BYTES = 400
_COLUMNS = ("series_id", "time", "ns", "value_int", "value_divisor", "value_double")


@dataclass(frozen=True, slots=True)
class _Group:
    """A decoded row group.

    Attributes:
        ids: ``(k,)`` its series, ascending.
        starts: ``(k + 1,)`` where each begins.
        ticks: ``(n,)`` times as the file counts them, in units of ``tick_ns``.
        rest: ``(n,)`` nanoseconds; None when all are 0.
        whole: ``(n,)`` int64 and ``divisor`` ``(n,)`` int32: the exact values; nothing where ``is_exact`` is False.
        double: ``(n,)`` float64, the others.
        is_exact: ``(n,)``.
    """

    ids: Any
    starts: Any
    ticks: Any
    tick_ns: int
    rest: Any
    whole: Any
    divisor: Any
    double: Any
    is_exact: Any

    def runs(self, ids: Any) -> Runs:
        """Return the samples of those of ``ids`` (ascending) that it has."""
        at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        at = at[self.ids[at] == ids]
        if not len(at):
            return NO_RUNS
        lengths = self.starts[at + 1] - self.starts[at]
        rows = slice(self.starts[at[0]], self.starts[at[0] + 1]) if len(at) == 1 else ranges(self.starts[at], lengths)
        return Runs(self.ids[at], lengths, self._times_ns(rows), self._values(rows))

    def all(self) -> Runs:
        """Return all samples."""
        rows = slice(None)
        return Runs(self.ids, np.diff(self.starts), self._times_ns(rows), self._values(rows))

    def last(self) -> Runs:
        """Return the newest sample of each series."""
        rows = self.starts[1:] - 1
        return Runs(self.ids, np.ones(len(rows), np.int64), self._times_ns(rows), self._values(rows))

    def _times_ns(self, rows: Any) -> Any:
        times_ns = self.ticks[rows] * self.tick_ns
        return times_ns if self.rest is None else times_ns + self.rest[rows]

    def _values(self, rows: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            exact = self.whole[rows] / self.divisor[rows]
        return np.where(self.is_exact[rows], exact, self.double[rows])


class SegmentReader:
    """Reads samples; what it read lately it keeps, since segments never change.

    Args:
        kept_bytes: how much of it.
    """

    def __init__(self, kept_bytes: int = DEFAULT_KEPT_BYTES) -> None:
        self._kept = Kept(kept_bytes)

    def runs(self, segment: Segment, ids: Any, start_ns: int, end_ns: int) -> Runs:
        """Return :meth:`pieces` in one; raises likewise."""
        return joined(self.pieces(segment, ids, start_ns, end_ns))

    def pieces(self, segment: Segment, ids: Any, start_ns: int, end_ns: int) -> list[Runs]:
        """Return the samples of series ``ids`` (int64, ascending) with ``start_ns <= time < end_ns``.

        Ids ascend from one piece to the next; the last of one may go on.

        Raises:
            FileNotFoundError: the file was replaced by another one; look at the catalog again.
            CorruptSegment: it cannot be read.
        """
        footer = self._footer(segment.path)
        first = np.searchsorted(ids, footer.low["series_id"])
        end = np.searchsorted(ids, footer.high["series_id"], "right")
        touched = (end > first) & (footer.high["time"] >= start_ns // _NS_PER_US)
        touched &= footer.low["time"] <= end_ns // _NS_PER_US
        groups = np.flatnonzero(touched).tolist()
        pieces: list[Runs] = []
        for group in groups:
            wanted = ids[first[group] : end[group]]
            if len(wanted) > _FEW_SERIES:
                pieces.append(within(chosen(self._whole(footer, group), wanted), start_ns, end_ns))
            else:
                found = self._of_group(footer, group, wanted)
                pieces += (between(one, start_ns, end_ns) for one in found)
        return pieces

    def last(self, segment: Segment) -> Runs:
        """Return the newest sample of each series in a segment; raises like :meth:`runs`."""
        found: Runs | None = self._kept.get((segment.path, "last"))
        if found is None:
            footer = self._footer(segment.path)
            groups = range(len(footer.rows))
            found = _last_of_each([_read(footer, group).last() for group in groups])
            self._kept.put((segment.path, "last"), found, 32 * len(found.ids) + _ENTRY_BYTES)
        return found

    def _whole(self, footer: Footer, group: int) -> Runs:
        """Return all samples of a row group."""
        key = (footer.path, group)
        found: Runs | None = self._kept.get(key)
        if found is None:
            found = _read(footer, group).all()
            self._kept.put(key, found, 16 * len(found.values) + 16 * len(found.ids) + _ENTRY_BYTES)
        return found

    def _of_group(self, footer: Footer, group: int, ids: Any) -> list[Runs]:
        """Return all samples of each of ``ids`` in a row group."""
        keys = [(footer.path, group, series_id) for series_id in ids.tolist()]
        found: list[Runs | None] = [self._kept.get(key) for key in keys]
        missing = [at for at, runs in enumerate(found) if runs is None]
        if missing:
            decoded = _read(footer, group)
            for at in missing:
                runs = found[at] = decoded.runs(ids[at : at + 1])
                self._kept.put(keys[at], runs, 16 * len(runs.values) + _ENTRY_BYTES)
        return [runs for runs in found if runs is not None]

    def _footer(self, path: str) -> Footer:
        footer: Footer | None = self._kept.get(path)
        if footer is None:
            footer = Footer.of(path, _COLUMNS[:3])
            self._kept.put(path, footer, FOOTER_ROW_GROUP_BYTES * len(footer.rows) + _ENTRY_BYTES)
        return footer


def _read(footer: Footer, group: int) -> _Group:
    has_rest = footer.low["ns"][group] != 0 or footer.high["ns"][group] != 0
    table = footer.read([group], [name for name in _COLUMNS if name != "ns" or has_rest])
    return _decoded(table, footer.tick_us * _NS_PER_US)


def _decoded(table: pa.Table, tick_ns: int) -> _Group:
    columns = {name: table.column(name).combine_chunks() for name in table.column_names}
    ids = raw(columns["series_id"], np.int64)
    firsts = np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1])))
    return _Group(
        ids[firsts],
        np.append(firsts, len(ids)),
        raw(columns["time"], np.int64),
        tick_ns,
        raw(columns["ns"], np.int16) if "ns" in columns else None,
        raw(columns["value_int"], np.int64),
        raw(columns["value_divisor"], np.int32),
        raw(columns["value_double"], np.float64),
        _present(columns["value_int"]),
    )


def _present(column: pa.Array) -> Any:
    validity = column.buffers()[0]
    if validity is None:
        return np.ones(len(column), bool)
    bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")
    return bits[column.offset : column.offset + len(column)].view(bool)


def _last_of_each(pieces: list[Runs]) -> Runs:
    """Return the last sample of each series where one may go on from piece to piece."""
    whole = joined(pieces)
    rows = np.cumsum(whole.lengths) - 1
    return Runs(whole.ids, np.ones(len(rows), np.int64), whole.times_ns[rows], whole.values[rows])
