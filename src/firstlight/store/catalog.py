"""What the catalog says, read as the plain SQLite file that it is.

The catalog is a DuckLake (https://ducklake.select/docs/stable/specification); :mod:`firstlight.store.lakehouse` makes
it and :mod:`firstlight.store.commit` changes it.  Reading needs no engine either: one transaction gives a snapshot, its
segments and the logs sealed in it.
"""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from firstlight.errors import StorageError, StorageFull
from firstlight.store import schema
from firstlight.store.delivery import without_older
from firstlight.store.forks import no_fork
from firstlight.store.layout import FileKey, Layout

_BUSY_TIMEOUT_S = 5.0
_TICK_NS = 100_000_000  # many times the step of any file system's clock
_SHARED_MEMORY_BYTES = 64 * 2**10
"""SQLite makes a file of half of this beside a database in its WAL mode, as soon as that is opened."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVER_US = -(2**63), 2**63 - 1

_COLUMNS = (
    "SELECT c.column_name FROM ducklake_column c JOIN ducklake_table t USING (table_id) "
    "WHERE t.table_name = ? AND t.end_snapshot IS NULL AND c.end_snapshot IS NULL AND c.parent_column IS NULL"
)
_SNAPSHOT = "SELECT max(snapshot_id) FROM ducklake_snapshot"
_SEGMENTS = (
    "SELECT t.table_name, f.path, f.path_is_relative, f.record_count, f.file_size_bytes, s.min_value, s.max_value, "
    "coalesce(f.file_order, f.data_file_id), n.snapshot_time "
    "FROM ducklake_data_file f JOIN ducklake_table t USING (table_id) "
    "LEFT JOIN ducklake_snapshot n ON n.snapshot_id = f.begin_snapshot "
    "LEFT JOIN ducklake_column c ON c.table_id = f.table_id AND c.column_name = 'time' AND c.end_snapshot IS NULL "
    "LEFT JOIN ducklake_file_column_stats s ON s.data_file_id = f.data_file_id AND s.column_id = c.column_id "
    "WHERE f.end_snapshot IS NULL AND t.end_snapshot IS NULL ORDER BY coalesce(f.file_order, f.data_file_id)"
)
_NOTES = (
    "SELECT commit_extra_info FROM ducklake_snapshot_changes WHERE snapshot_id > ? AND commit_extra_info IS NOT NULL"
)
_TOTALS = (
    "SELECT t.table_name, count(f.data_file_id), coalesce(sum(f.record_count), 0), "
    "coalesce(sum(f.file_size_bytes), 0) FROM ducklake_table t "
    "LEFT JOIN ducklake_data_file f ON f.table_id = t.table_id AND f.end_snapshot IS NULL "
    "WHERE t.end_snapshot IS NULL GROUP BY t.table_name"
)
_REPLACED = (
    "SELECT t.table_name, f.path, f.path_is_relative, f.file_size_bytes "
    "FROM ducklake_data_file f JOIN ducklake_table t USING (table_id) WHERE f.end_snapshot IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A sealed file of one table, never changed once it is written.

    Attributes:
        path: absolute.
        rows: in it.
        bytes: of the file.
        begin_us: the oldest time in it, microseconds; 0 in a table without times.
        end_us: the newest time in it; 0 likewise.
        order: of two segments with rows of one moment, the one with the higher number was written later.
        since_us: when it became part of the lake, microseconds; 0 where that is forgotten.
    """

    path: str
    rows: int
    bytes: int
    begin_us: int
    end_us: int
    order: int = 0
    since_us: int = 0

    def touches(self, begin_us: int, end_us: int) -> bool:
        """Return whether it may hold rows between two times, both included."""
        return self.end_us >= begin_us and self.begin_us <= end_us


@dataclass(frozen=True)
class Snapshot:
    """The catalog at one moment.

    Attributes:
        number: DuckLake's snapshot id.
        segments: each table's, oldest registration first.
        sealed: the log files whose rows are in them.
        unanswered: names of deliveries that may be sent again: the last ones in logs of writers that died, and the
            newest one of each sender that numbers them.
    """

    number: int
    segments: dict[str, tuple[Segment, ...]]
    sealed: frozenset[FileKey]
    unanswered: frozenset[bytes]


@dataclass(frozen=True)
class Totals:
    """Size of a table's segments."""

    segments: int
    rows: int
    bytes: int


class Catalog:
    """Follows a lake's catalog.

    Raises:
        StorageError: it cannot be read.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._known = Snapshot(-1, {}, frozenset(), frozenset())
        self._seen: _Marks = ()
        self._lock = threading.Lock()

    def snapshot(self) -> Snapshot:
        """Return the newest snapshot; asking again while nothing changed costs some microseconds."""
        with self._lock:
            looked_ns, marks = time.time_ns(), _marks(self._layout)
            if not marks or marks != self._seen:
                self._known = self._newest()
                # A file written just now may be written again without a later time or another size.
                settled = all(abs(looked_ns - at_ns) > _TICK_NS for _, _, at_ns in marks)
                self._seen = marks if settled else ()
            return self._known

    def _newest(self) -> Snapshot:
        with opened(self._layout) as database:
            number = int(database.execute(_SNAPSHOT).fetchone()[0])
            return self._known if number == self._known.number else self._read(database, number, self._known)

    def totals(self) -> dict[str, Totals]:
        """Return the size of each table."""
        with opened(self._layout) as database:
            return {name: Totals(*sizes) for name, *sizes in database.execute(_TOTALS)}

    def _read(self, database: sqlite3.Connection, number: int, before: Snapshot) -> Snapshot:
        segments: dict[str, list[Segment]] = {}
        for table, *row in database.execute(_SEGMENTS):
            segments.setdefault(table, []).append(_segment(self._layout.table_dir(table), table, row))
        notes = [parse_note(text) for (text,) in database.execute(_NOTES, (before.number,))]
        return Snapshot(
            number,
            {table: tuple(found) for table, found in segments.items()},
            before.sealed.union(*(note.logs for note in notes)),
            without_older(before.unanswered.union(*(note.unanswered for note in notes))),
        )


_Marks = tuple[tuple[int, int, int], ...]


def _marks(layout: Layout) -> _Marks:
    """Return what changes with every commit: number, size and time of SQLite's file and of its log."""
    found = []
    for path in (layout.catalog, layout.catalog.with_name(f"{layout.catalog.name}-wal")):
        try:
            status = os.stat(path)
        except FileNotFoundError:
            continue
        found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def _segment(directory: Path, table: str, row: Sequence[Any]) -> Segment:
    path, is_relative, rows, size, oldest, newest, order, since = row
    begin_us, end_us = (_micros(oldest), _micros(newest)) if oldest and newest else _times_without(table)
    where = str(directory / path) if is_relative else path
    return Segment(where, rows, size, begin_us, end_us, order, _micros(since) if since else 0)


def _times_without(table: str) -> tuple[int, int]:
    """Return the times of a segment that has no statistics of them: another engine may have written it."""
    columns = schema.TABLES.get(table)
    return (0, 0) if columns is None or "time" not in columns.names else _EVER_US


def replaced(layout: Layout) -> list[tuple[str, int]]:
    """Return path and bytes of the segments that are no longer part of the lake and wait to be swept.

    Raises:
        StorageError: the catalog cannot be read.
    """
    with opened(layout) as database:
        rows = database.execute(_REPLACED).fetchall()
    return [
        (str(layout.table_dir(table) / path) if is_relative else path, size) for table, path, is_relative, size in rows
    ]


def columns_of(layout: Layout, table: str) -> list[str]:
    """Return the names of the columns of ``table`` in the catalog; none where there is no such table yet."""
    if not layout.catalog.exists():
        return []
    with opened(layout) as database:
        try:
            return [name for (name,) in database.execute(_COLUMNS, (table,))]
        except sqlite3.OperationalError:
            return []


def is_complete(layout: Layout) -> bool:
    """Return whether the catalog is there, has the last table that is made, and all columns thought of later."""
    if not columns_of(layout, list(schema.TABLES)[-1]):
        return False
    return all(set(names) <= set(columns_of(layout, table)) for table, names in schema.OPTIONAL.items())


@dataclass(frozen=True)
class Note:
    """What a snapshot notes about the logs it seals; see :class:`Snapshot`."""

    logs: frozenset[FileKey] = frozenset()
    unanswered: frozenset[bytes] = frozenset()


def write_note(note: Note) -> str:
    """Return ``note`` as the text that a snapshot carries."""
    return json.dumps({"sealed_logs": sorted(note.logs), "unanswered": sorted(map(bytes.hex, note.unanswered))})


def parse_note(text: str) -> Note:
    """Return what a snapshot's text says; nothing when it is somebody else's."""
    try:
        found = json.loads(text)
        logs = frozenset((str(writer), int(sequence)) for writer, sequence in found["sealed_logs"])
        return Note(logs, frozenset(map(bytes.fromhex, found["unanswered"])))
    except (ValueError, TypeError, KeyError):
        return Note()


@contextmanager
def opened(layout: Layout, *, write: bool = False) -> Iterator[sqlite3.Connection]:
    """Open the catalog as SQLite, everything inside one transaction, which an exception undoes.

    Raises:
        StorageError: it is damaged, no database, or held by somebody for too long.
        StorageFull: no space to write to it.
    """
    # SQLite's own locks would stay held in a child of somebody who reads at that moment.  Writing may take seconds.
    with nullcontext() if write else no_fork, _transaction(layout, write=write) as database:
        yield database


@contextmanager
def _transaction(layout: Layout, *, write: bool) -> Iterator[sqlite3.Connection]:
    try:
        database = sqlite3.connect(
            _address(layout, write=write), timeout=_BUSY_TIMEOUT_S, isolation_level=None, uri=True
        )
    except sqlite3.Error as error:
        raise _unreadable(layout.catalog, error) from error
    try:
        database.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        yield database
        database.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "no such table" in str(error):
            raise
        raise _unreadable(layout.catalog, error) from error
    finally:
        database.close()


def _address(layout: Layout, *, write: bool) -> str:
    """Return the catalog's URI; where nothing can be written it is read without SQLite's shared memory."""
    stuck = not os.access(layout.root, os.W_OK) or not (write or _has_room(layout.root))
    frozen = stuck and not _log_bytes(layout.catalog)
    return f"{layout.catalog.as_uri()}{'?mode=ro&immutable=1' if frozen else ''}"


def _log_bytes(path: Path) -> int:
    """Return the size of what SQLite has not moved into the database ``path`` yet."""
    try:
        return os.stat(f"{path}-wal").st_size
    except FileNotFoundError:
        return 0


def _has_room(directory: Path) -> bool:
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize >= _SHARED_MEMORY_BYTES


def _unreadable(path: Path, error: sqlite3.Error) -> StorageError | StorageFull:
    if "full" in str(error) or ("I/O" in str(error) and not _has_room(path.parent)):
        return StorageFull(f"no space left for {path}; free some or choose another directory with --data DIR")
    return StorageError(f"cannot read the catalog {path}: {error}; see 'firstlight doctor'")


def _micros(text: str) -> int:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)
