"""Changing what a lake consists of: one SQLite transaction adds segments, takes segments away and notes why.

The catalog is a DuckLake (https://ducklake.select/docs/stable/specification/introduction), whose format is plain SQL.
Written directly, a change needs no engine and can replace segments without delete files, which no reader has to know.
"""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from firstlight.errors import StorageError
from firstlight.store import catalog, schema
from firstlight.store.catalog import Note
from firstlight.store.layout import Layout

FORMAT_VERSION = "1.0"
"""Of the catalog, as DuckLake numbers it."""

_LATEST = (
    "SELECT snapshot_id, schema_version, next_catalog_id, next_file_id FROM ducklake_snapshot "
    "ORDER BY snapshot_id DESC LIMIT 1"
)
_ADD_SNAPSHOT = "INSERT INTO ducklake_snapshot VALUES (?, ?, ?, ?, ?)"
_ADD_CHANGES = "INSERT INTO ducklake_snapshot_changes VALUES (?, ?, 'firstlight', ?, ?)"
_ADD_FILE = (
    "INSERT INTO ducklake_data_file (data_file_id, table_id, begin_snapshot, path, path_is_relative, file_format, "
    "record_count, file_size_bytes, footer_size, row_id_start, file_order) "
    "VALUES (?, ?, ?, ?, 1, 'parquet', ?, ?, ?, ?, ?)"
)
_ADD_STATS = (
    "INSERT INTO ducklake_file_column_stats (data_file_id, table_id, column_id, value_count, null_count, min_value, "
    "max_value) VALUES (?, ?, ?, ?, 0, ?, ?)"
)
_END_FILE = (
    "UPDATE ducklake_data_file SET end_snapshot = ? WHERE table_id = ? AND path = ? AND end_snapshot IS NULL "
    "RETURNING record_count, file_size_bytes"
)
_GROW = (
    "UPDATE ducklake_table_stats SET record_count = record_count + ?, next_row_id = next_row_id + ?, "
    "file_size_bytes = file_size_bytes + ? WHERE table_id = ?"
)


@dataclass(frozen=True)
class NewSegment:
    """A segment that is on the disk and not yet part of the lake.

    Attributes:
        table: whose rows it holds.
        path: where it lies, inside the table's directory.
        rows: how many.
        bytes: size of the file.
        footer_bytes: of that, its metadata.
        begin_us: first time of its rows in microseconds, None where the table has no times.
        end_us: the last one.
        order: see ``catalog.Segment``; None puts it after all others.
    """

    table: str
    path: Path
    rows: int
    bytes: int
    footer_bytes: int
    begin_us: int | None = None
    end_us: int | None = None
    order: int | None = None


def commit(
    layout: Layout,
    what: str,
    *,
    add: Sequence[NewSegment] = (),
    remove: Sequence[tuple[str, str]] = (),
    note: Note | None = None,
) -> int:
    """Change the lake, all or nothing; return the number of the new snapshot.

    Args:
        layout: the lake.
        what: word that the catalog keeps about the change: ``seal``, ``compact``, ``retain`` …
        add: segments that become part of it.
        remove: table and path of segments that are no longer part of it; their files stay until :func:`expire`.
        note: what else readers must know.

    Raises:
        StorageError: nothing changed: a segment to remove is gone, or the catalog cannot be written.
        StorageFull: no space; nothing changed.
    """
    with catalog.opened(layout, write=True) as database:
        change = _Change(database, layout)
        for segment in add:
            change.add(segment)
        for table, path in remove:
            change.remove(table, path)
        change.conclude(what, note)
        return change.snapshot


class _Change:
    """A change under way, inside a transaction."""

    def __init__(self, database: sqlite3.Connection, layout: Layout) -> None:
        self._database = database
        self._layout = layout
        self._refuse_other_formats()
        latest, self._schema_version, self._next_catalog_id, self._next_file_id = database.execute(_LATEST).fetchone()
        self.snapshot: int = latest + 1
        tables = "SELECT table_name, table_id FROM ducklake_table WHERE end_snapshot IS NULL"
        self._tables: dict[str, int] = dict(database.execute(tables))
        self._inserted: set[int] = set()
        self._deleted: set[int] = set()

    def _refuse_other_formats(self) -> None:
        found = self._database.execute("SELECT value FROM ducklake_metadata WHERE key = 'version'").fetchone()
        if found != (FORMAT_VERSION,):
            version = "without a version" if found is None else f"of version {found[0]}"
            raise StorageError(
                f"the catalog {self._layout.catalog} is a DuckLake {version}; this Firstlight writes {FORMAT_VERSION}. "
                "Update Firstlight, or make a lake of your own with another directory"
            )

    def add(self, segment: NewSegment) -> None:
        table_id = self._tables[segment.table]
        first_row = self._grow(table_id, segment.rows, segment.rows, segment.bytes)
        path = segment.path.relative_to(self._layout.table_dir(segment.table)).as_posix()
        sizes = (segment.rows, segment.bytes, segment.footer_bytes, first_row)
        self._database.execute(_ADD_FILE, (self._next_file_id, table_id, self.snapshot, path, *sizes, segment.order))
        if segment.begin_us is not None and segment.end_us is not None:
            column_id = schema.field_ids(segment.table)["time"]
            times = (time_text(segment.begin_us), time_text(segment.end_us))
            self._database.execute(_ADD_STATS, (self._next_file_id, table_id, column_id, segment.rows, *times))
        self._next_file_id += 1
        self._inserted.add(table_id)

    def remove(self, table: str, path: str) -> None:
        table_id = self._tables[table]
        relative = Path(path).relative_to(self._layout.table_dir(table)).as_posix()
        ended = self._database.execute(_END_FILE, (self.snapshot, table_id, relative)).fetchone()
        if ended is None:
            raise StorageError(f"segment {path} is not part of the lake any more; look again")
        rows, size_bytes = ended
        self._grow(table_id, -rows, 0, -size_bytes)
        self._deleted.add(table_id)

    def conclude(self, what: str, note: Note | None) -> None:
        for table_id in self._inserted | self._deleted:
            # Bounds of whole tables would have to be widened for each column; without them engines look at the files.
            self._database.execute("DELETE FROM ducklake_table_column_stats WHERE table_id = ?", (table_id,))
        changes = [f"inserted_into_table:{table_id}" for table_id in sorted(self._inserted)]
        changes += [f"deleted_from_table:{table_id}" for table_id in sorted(self._deleted)]
        at = (self._schema_version, self._next_catalog_id, self._next_file_id)
        self._database.execute(_ADD_SNAPSHOT, (self.snapshot, time_text(time.time_ns() // 1000), *at))
        text = None if note is None else catalog.write_note(note)
        self._database.execute(_ADD_CHANGES, (self.snapshot, ",".join(changes), what, text))

    def _grow(self, table_id: int, rows: int, row_ids: int, size_bytes: int) -> int:
        """Add to a table's totals; return its next row id before that."""
        query = "SELECT next_row_id FROM ducklake_table_stats WHERE table_id = ?"
        found = self._database.execute(query, (table_id,)).fetchone()
        if found is None:
            totals = (table_id, rows, row_ids, size_bytes)
            self._database.execute("INSERT INTO ducklake_table_stats VALUES (?, ?, ?, ?)", totals)
            return 0
        self._database.execute(_GROW, (rows, row_ids, size_bytes, table_id))
        return int(found[0])


def time_text(time_us: int) -> str:
    """Return microseconds since the epoch as the catalog writes times."""
    seconds, micros = divmod(time_us, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{micros:06d}+00"
