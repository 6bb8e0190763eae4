"""Sealing: finished log files become sorted segments.

Exactly one process does it at a time (``keeper.lock``).  It usually runs in a process of its own, so that it takes
neither time nor memory from the one that ingests: ``python -m firstlight.store.seal DIR``.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from firstlight.errors import StorageError
from firstlight.store import columns, lakehouse, schema, segment
from firstlight.store.catalog import Catalog, Note
from firstlight.store.delivery import newest
from firstlight.store.layout import FileKey, FileLock, Layout, explain
from firstlight.store.tail import TAIL_TABLES, FileTail

MAX_GROUP_BYTES = 128 * 2**20
"""Log bytes that are sealed together; bounds memory."""

_UNANSWERED_MAX = 256
"""A writer that died may have left this many deliveries unanswered; more are never in flight."""

_NEWBORN_S = 60.0
"""A younger directory may belong to a writer that has not taken its lock yet."""


@dataclass
class Report:
    """What one run did."""

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


def seal(layout: Layout) -> Report | None:
    """Seal every finished log file; return what was done, or None when another process is at it.

    Raises:
        StorageError: a segment or the catalog could not be written; all rows are still in the logs.
        StorageFull: no space; all rows are still in the logs.
    """
    keeper = FileLock(layout.keeper_lock)
    if not keeper.acquire():
        return None
    try:
        return _seal_all(layout)
    except OSError as error:
        raise explain(error, layout.root) from error
    finally:
        keeper.release()


def _seal_all(layout: Layout) -> Report:
    report = Report()
    pending = dict(finished_logs(layout))
    if pending:
        connection = lakehouse.connect(layout)
        try:
            sealed = Catalog(layout).snapshot().sealed
            for group in _groups(layout, [key for key in pending if key not in sealed]):
                _seal_group(layout, connection, {key: pending[key] for key in group}, report)
        finally:
            connection.close()
        for key in pending:
            layout.wal_path(*key).unlink(missing_ok=True)
    _forget_dead_writers(layout)
    return report


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


def _seal_group(
    layout: Layout, connection: duckdb.DuckDBPyConnection, group: dict[FileKey, bool], report: Report
) -> None:
    files = {key: _read(layout, key, report) for key in group}
    series = {i: s for file in files.values() for i, s in file.series.items()}
    tables = {name: pa.concat_tables([f.table(name) for f in files.values()]) for name in TAIL_TABLES}
    tables["series"] = _new_series(connection, columns.series_table(series.items()))
    first = next(iter(group))
    segments = {name: _write(layout, name, table, first, report) for name, table in tables.items() if table.num_rows}
    last = (name for key, file in files.items() if group[key] for name in file.batch_ids[-_UNANSWERED_MAX:])
    numbered = newest(name for file in files.values() for name in file.batch_ids).values()
    note = Note(frozenset(group), frozenset(name for name in last if any(name)).union(numbered))
    lakehouse.register(connection, layout, segments, note)
    report.logs += len(group)


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


def _new_series(connection: duckdb.DuckDBPyConnection, found: pa.Table) -> pa.Table:
    """Return the rows of ``found`` that the lake does not have yet."""
    if not found.num_rows:
        return found
    connection.register("found_series", found.select(["series_id"]))
    query = f"SELECT DISTINCT series_id FROM {lakehouse.LAKE}.series SEMI JOIN found_series USING (series_id)"
    known = lakehouse.patiently(lambda: connection.execute(query).to_arrow_table())
    connection.unregister("found_series")
    return found.filter(pc.invert(pc.is_in(found["series_id"], known["series_id"].combine_chunks())))


def _write(layout: Layout, name: str, table: pa.Table, first: FileKey, report: Report) -> list[Path]:
    """Write one segment per day that ``table`` touches."""
    report.rows[name] = report.rows.get(name, 0) + table.num_rows
    layout.staging.mkdir(exist_ok=True)
    written = []
    for day, rows in _by_day(table):
        ordered = segment.sealed_samples(rows) if name == "samples" else _sorted(rows, name)
        file = f"{day}-{first[0]}-{first[1]:08d}.parquet"
        target = layout.table_dir(name) / file
        report.segment_bytes += segment.write(ordered, name, layout.staging / f"{name}-{file}", target)
        written.append(target)
    return written


def _by_day(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    if "time" not in table.column_names:
        yield "all", table
        return
    days = pc.floor_temporal(table["time"], unit="day")
    if pc.min(days) == pc.max(days):
        yield f"{days[0].as_py():%Y-%m-%d}", table
        return
    for day in sorted(pc.unique(days).to_pylist()):
        yield f"{day:%Y-%m-%d}", table.filter(pc.equal(days, pa.scalar(day, schema.TIME)))


def _sorted(table: pa.Table, name: str) -> pa.Table:
    ordered = table.sort_by([(column, "ascending") for column in schema.SORT_KEYS[name]])
    return ordered.cast(schema.TABLES[name])


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


def main() -> int:
    """Seal the lake named on the command line once; print what was done as JSON."""
    started = time.monotonic()
    os.nice(5)
    report = seal(Layout(sys.argv[1]))
    done = {} if report is None else vars(report)
    seconds = round(time.monotonic() - started, 3)
    sys.stdout.write(json.dumps({**done, "busy": report is None, "seconds": seconds}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
