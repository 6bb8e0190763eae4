"""Samples straight from sealed segments: only the row groups and columns that hold what is asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.errors import CorruptSegment
from firstlight.store.catalog import Segment
from firstlight.store.growing import ranges
from firstlight.store.kept import Kept
from firstlight.store.runs import NO_RUNS, Runs, between, joined, within

DEFAULT_KEPT_BYTES = 48 * 2**20
_NS_PER_US = 1000
_FEW_SERIES = 16
"""So many series of one row group are kept apart, decoded; when more are asked for, the rest of the work is larger."""

_ENTRY_BYTES = 400
_FOOTER_ROW_GROUP_BYTES = 4096
_COLUMNS = ("series_id", "time", "ns", "value_int", "value_divisor", "value_double")
_ID, _TIME, _NS = 0, 1, 2


@dataclass(frozen=True, slots=True)
class _Footer:
    """What a file says of its row groups.

    Attributes:
        metadata: pyarrow's.
        low_ids: ``(g,)`` the first series of each.
        high_ids: ``(g,)`` the last.
        low_us: ``(g,)`` the oldest time.
        high_us: ``(g,)`` the newest.
        whole_us: ``(g,)`` whether no time has nanoseconds beyond its microseconds.
    """

    metadata: Any
    low_ids: Any
    high_ids: Any
    low_us: Any
    high_us: Any
    whole_us: Any


@dataclass(frozen=True, slots=True)
class _Group:
    """A decoded row group.

    Attributes:
        ids: ``(k,)`` its series, ascending.
        starts: ``(k + 1,)`` where each begins.
        micros: ``(n,)``.
        rest: ``(n,)`` nanoseconds; None when all are 0.
        whole: ``(n,)`` int64 and ``divisor`` ``(n,)`` int32: the exact values; nothing where ``is_exact`` is False.
        double: ``(n,)`` float64, the others.
        is_exact: ``(n,)``.
    """

    ids: Any
    starts: Any
    micros: Any
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

    def last(self) -> Runs:
        """Return the newest sample of each series."""
        rows = self.starts[1:] - 1
        return Runs(self.ids, np.ones(len(rows), np.int64), self._times_ns(rows), self._values(rows))

    def _times_ns(self, rows: Any) -> Any:
        times_ns = self.micros[rows] * _NS_PER_US
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
        """Return the samples of series ``ids`` (int64, ascending) with ``start_ns <= time < end_ns``.

        Raises:
            FileNotFoundError: the file was replaced by another one; look at the catalog again.
            CorruptSegment: it cannot be read.
        """
        footer = self._footer(segment.path)
        first, end = np.searchsorted(ids, footer.low_ids), np.searchsorted(ids, footer.high_ids, "right")
        touched = (end > first) & (footer.high_us >= start_ns // _NS_PER_US)
        touched &= footer.low_us <= end_ns // _NS_PER_US
        groups = np.flatnonzero(touched).tolist()
        pieces: list[Runs] = []
        for group in groups:
            wanted = ids[first[group] : end[group]]
            if len(wanted) > _FEW_SERIES:
                pieces.append(within(self._read(segment.path, footer, group).runs(wanted), start_ns, end_ns))
            else:
                found = self._of_group(segment.path, footer, group, wanted)
                pieces += (between(one, start_ns, end_ns) for one in found)
        return joined(pieces)

    def last(self, segment: Segment) -> Runs:
        """Return the newest sample of each series in a segment; raises like :meth:`runs`."""
        found: Runs | None = self._kept.get((segment.path, "last"))
        if found is None:
            footer = self._footer(segment.path)
            groups = range(len(footer.low_ids))
            found = _last_of_each([self._read(segment.path, footer, group).last() for group in groups])
            self._kept.put((segment.path, "last"), found, 32 * len(found.ids) + _ENTRY_BYTES)
        return found

    def _of_group(self, path: str, footer: _Footer, group: int, ids: Any) -> list[Runs]:
        """Return all samples of each of ``ids`` in a row group."""
        keys = [(path, group, series_id) for series_id in ids.tolist()]
        found: list[Runs | None] = [self._kept.get(key) for key in keys]
        missing = [at for at, runs in enumerate(found) if runs is None]
        if missing:
            decoded = self._read(path, footer, group)
            for at in missing:
                runs = found[at] = decoded.runs(ids[at : at + 1])
                self._kept.put(keys[at], runs, 16 * len(runs.values) + _ENTRY_BYTES)
        return [runs for runs in found if runs is not None]

    def _footer(self, path: str) -> _Footer:
        footer: _Footer | None = self._kept.get(path)
        if footer is None:
            with _Reading(path):
                footer = _footer(pq.read_metadata(path))
            self._kept.put(path, footer, _FOOTER_ROW_GROUP_BYTES * len(footer.low_ids) + _ENTRY_BYTES)
        return footer

    def _read(self, path: str, footer: _Footer, group: int) -> _Group:
        names = [name for at, name in enumerate(_COLUMNS) if at != _NS or not footer.whole_us[group]]
        with _Reading(path), pq.ParquetFile(path, metadata=footer.metadata, page_checksum_verification=True) as file:
            return _decoded(file.read_row_group(group, columns=names, use_threads=False))


def _footer(metadata: Any) -> _Footer:
    places = {metadata.schema.column(at).name: at for at in range(metadata.num_columns)}
    columns = [places[name] for name in _COLUMNS[:3]]
    rows = [_limits(metadata.row_group(group), columns) for group in range(metadata.num_row_groups)]
    low_ids, high_ids, low_us, high_us, low_ns, high_ns = np.array(rows, np.int64).reshape(-1, 6).T
    return _Footer(metadata, low_ids, high_ids, low_us, high_us, (low_ns == 0) & (high_ns == 0))


def _limits(group: Any, columns: list[int]) -> list[int]:
    """Return the least and greatest value of each of ``columns``; any value, where the file does not say."""
    limits: list[int] = []
    for column in columns:
        statistics = group.column(column).statistics
        known = statistics is not None and statistics.has_min_max
        limits += (statistics.min_raw, statistics.max_raw) if known else (-(2**63), 2**63 - 1)
    return limits


def _decoded(table: pa.Table) -> _Group:
    columns = {name: table.column(name).combine_chunks() for name in table.column_names}
    ids = _raw(columns["series_id"], np.int64)
    firsts = np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1])))
    return _Group(
        ids[firsts],
        np.append(firsts, len(ids)),
        _raw(columns["time"], np.int64),
        _raw(columns["ns"], np.int16) if "ns" in columns else None,
        _raw(columns["value_int"], np.int64),
        _raw(columns["value_divisor"], np.int32),
        _raw(columns["value_double"], np.float64),
        _present(columns["value_int"]),
    )


def _raw(column: pa.Array, dtype: Any) -> Any:
    """Return the column's own memory; what lies where it is NULL means nothing."""
    return np.frombuffer(column.buffers()[1], dtype, len(column), column.offset * np.dtype(dtype).itemsize)


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


class _Reading:
    """Names the file in what goes wrong while it is read."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileNotFoundError):
            return
        if isinstance(error, OSError | pa.ArrowException | KeyError):
            name = Path(self._path).name
            raise CorruptSegment(f"cannot read segment {name}: {error}; 'firstlight lake verify' says more") from error
