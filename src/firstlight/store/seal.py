"""Sealing: finished log files become sorted segments.

Exactly one process does it at a time, the one that holds ``keeper.lock``; see :mod:`firstlight.store.maintain`.
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.errors import StorageError
from firstlight.store import columns, schema, segment
from firstlight.store.catalog import Catalog, Note, Snapshot
from firstlight.store.commit import NewSegment, commit
from firstlight.store.delivery import newest
from firstlight.store.layout import FileKey, FileLock, Layout
from firstlight.store.sorting import Samples, ordered
from firstlight.store.tail import TAIL_TABLES, FileTail

MAX_GROUP_BYTES = 16 * 2**20
"""Log bytes that are sealed together; bounds memory."""

_PIECE_ROWS = 8 * segment.FRESH_ROW_GROUP_ROWS
"""Samples that are encoded and written at a time; whole row groups."""

_UNANSWERED_MAX = 256
"""A writer that died may have left this many deliveries unanswered; more are never in flight."""

_US_PER_DAY = 86_400_000_000
_NEWBORN_S = 60.0
"""A younger directory may belong to a writer that has not taken its lock yet."""


@dataclass
class Report:
    """What one run did.

    Attributes:
        logs: files that were sealed.
        rows: how many of each table.
        segment_bytes: size of the segments that were written.
        torn_bytes: at the ends of logs, left by a crash in the middle of a write; they were never acknowledged.
        quarantined: copies of log files with damage inside.
    """

    logs: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    segment_bytes: int = 0
    torn_bytes: int = 0
    quarantined: list[str] = field(default_factory=list)


def finished_logs(layout: Layout) -> Iterator[tuple[FileKey, bool]]:
    """Yield each log file that nobody appends to any more, and whether its writer is gone.

    A writer's file is finished when it has begun the next one, or when it no longer holds its lock.
    """
    for writer in layout.writers():
        sequences = layout.wal_files(writer)
        gone = _is_gone(layout, writer)
        for sequence in sequences if gone else sequences[:-1]:
            yield (writer, sequence), gone


class Sealer:
    """Seals the finished logs of a lake; whoever uses it holds the lake's keeper lock.

    Args:
        layout: the lake.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._catalog = Catalog(layout)
        self._series = _KnownSeries()

    def seal(self) -> Report:
        """Seal every finished log file; return what was done.

        Raises:
            StorageError: a segment or the catalog could not be written; all rows are still in the logs.
            StorageFull: no space; all rows are still in the logs.
            OSError: likewise.
        """
        layout, report = self._layout, Report()
        pending = dict(finished_logs(layout))
        if pending:
            sealed = self._catalog.snapshot().sealed
            for group in _groups(layout, [key for key in pending if key not in sealed]):
                self._seal_group({key: pending[key] for key in group}, report)
                # Whoever followed these logs finds their rows in the catalog now.
                _unlink(layout, group)
            _unlink(layout, pending)
        _forget_dead_writers(layout)
        return report

    def _seal_group(self, group: dict[FileKey, bool], report: Report) -> None:
        layout = self._layout
        files = {key: _read(layout, key, report) for key in group}
        series = {i: s for file in files.values() for i, s in file.series.items()}
        tables = {name: pa.concat_tables([f.table(name) for f in files.values()]) for name in TAIL_TABLES}
        fresh = self._series.fresh(self._catalog.snapshot(), series)
        tables["series"] = columns.series_table((i, series[i]) for i in fresh)
        first = next(iter(group))
        segments = [s for name, table in tables.items() if table.num_rows for s in _write(layout, name, table, first)]
        last = (name for key, file in files.items() if group[key] for name in file.batch_ids[-_UNANSWERED_MAX:])
        numbered = newest(name for file in files.values() for name in file.batch_ids).values()
        note = Note(frozenset(group), frozenset(name for name in last if any(name)).union(numbered))
        commit(layout, "seal", add=segments, note=note)
        report.logs += len(group)
        report.segment_bytes += sum(found.bytes for found in segments)
        for name, table in tables.items():
            if table.num_rows:
                report.rows[name] = report.rows.get(name, 0) + table.num_rows


class _KnownSeries:
    """Which series the lake's segments define, by id."""

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._ids = np.empty(0, np.int64)

    def fresh(self, snapshot: Snapshot, found: dict[int, Any]) -> list[int]:
        """Return those ids of ``found`` that the segments of ``snapshot`` do not define."""
        paths = [s.path for s in snapshot.segments.get("series", ()) if s.path not in self._paths]
        if paths:
            new = [pq.read_table(path, columns=["series_id"])["series_id"].to_numpy() for path in paths]
            self._ids = np.unique(np.concatenate([self._ids, *new]))
            self._paths.update(paths)
        ids = np.fromiter(found, np.int64, len(found))
        return list(ids[~np.isin(ids, self._ids)].tolist())


def _groups(layout: Layout, keys: list[FileKey]) -> Iterator[list[FileKey]]:
    group: list[FileKey] = []
    size = 0
    for key in keys:
        size += layout.wal_path(*key).stat().st_size
        if group and size > MAX_GROUP_BYTES:
            yield group
            group, size = [], layout.wal_path(*key).stat().st_size
        group.append(key)
    if group:
        yield group


def _read(layout: Layout, key: FileKey, report: Report) -> FileTail:
    file = FileTail()
    file.follow(layout, key)
    report.torn_bytes += file.torn_bytes
    if file.damaged:
        layout.quarantine.mkdir(exist_ok=True)
        kept = layout.quarantine / f"{key[0]}-{key[1]:08d}.wal"
        shutil.copyfile(layout.wal_path(*key), kept)
        report.quarantined.append(str(kept))
    return file


def _write(layout: Layout, name: str, table: pa.Table, first: FileKey) -> Iterator[NewSegment]:
    """Write one segment per day that ``table`` touches."""
    for day, rows in by_day(table):
        file = f"{day}-{first[0]}-{first[1]:08d}.parquet"
        places = (layout.staging / f"{name}-{file}", layout.table_dir(name) / file)
        if name == "samples":
            yield _write_samples(rows, *places)
        else:
            yield segment.write(in_order(rows, name), name, *places)


def by_day(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield the rows of each day (UTC) with its name; all rows of a table without times as ``all``."""
    if "time" not in table.column_names:
        yield "all", table
        return
    days = table["time"].cast(pa.int64()).to_numpy() // _US_PER_DAY
    first, last = days.min(), days.max()
    for day in [first] if first == last else np.unique(days):
        rows = table if first == last else table.filter(pa.array(days == day))
        yield str(np.datetime64(int(day), "D")), rows


def _write_samples(rows: pa.Table, staging: Path, target: Path) -> NewSegment:
    times_us = rows["time"].cast(pa.int64()).to_numpy()
    rest = (rows[column].to_numpy() for column in ("ns", "value"))
    samples = ordered(Samples(rows["series_id"].to_numpy(), times_us, *rest))
    whole_ms = segment.are_whole_ms(samples.times_us, samples.ns)
    with segment.SegmentWriter("samples", staging, target, whole_ms=whole_ms) as writer:
        for begin in range(0, len(samples.ids), _PIECE_ROWS):
            writer.write(segment.samples_table(samples.rows(slice(begin, begin + _PIECE_ROWS))))
    return writer.written()


def in_order(table: pa.Table, name: str) -> pa.Table:
    """Return rows of the tail sorted and in the form that a segment of table ``name`` has."""
    ordered_rows = table.sort_by([(column, "ascending") for column in schema.SORT_KEYS[name]])
    return ordered_rows.cast(schema.TABLES[name])


def _unlink(layout: Layout, keys: Any) -> None:
    for key in keys:
        layout.wal_path(*key).unlink(missing_ok=True)


def _is_gone(layout: Layout, writer: str) -> bool:
    lock = FileLock(layout.wal / writer / "lock")
    try:
        free = lock.acquire()
    except StorageError:
        return False
    lock.release()
    return free


def _forget_dead_writers(layout: Layout) -> None:
    for writer in layout.writers():
        directory = layout.wal / writer
        age_s = time.time() - directory.stat().st_mtime
        if age_s > _NEWBORN_S and not layout.wal_files(writer) and _is_gone(layout, writer):
            shutil.rmtree(directory, ignore_errors=True)
