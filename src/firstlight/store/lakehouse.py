"""Making a catalog: a DuckLake with an empty table for each signal (https://ducklake.select/docs/stable/specification).

It is plain SQL in one SQLite transaction, as later changes are (``commit``), so nobody has to load a query engine and
its extensions for it; they take 30 MB.
"""

import sqlite3
import time
import uuid
from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple

import pyarrow as pa

from firstlight.errors import StorageError, StorageFull
from firstlight.store import catalog, schema
from firstlight.store.commit import FORMAT_VERSION, time_text
from firstlight.store.layout import FileLock, Layout
from firstlight.version import __version__

_BUSY_TIMEOUT_S = 5.0
_TYPES = {
    pa.int64(): "int64",
    pa.int32(): "int32",
    pa.int16(): "int16",
    pa.int8(): "int8",
    pa.float64(): "float64",
    pa.float32(): "float32",
    pa.string(): "varchar",
    schema.TIME: "timestamptz",
}
_COLUMNS = (
    "SELECT c.column_id FROM ducklake_column c JOIN ducklake_table t USING (table_id) "
    "WHERE t.table_name = ? AND c.end_snapshot IS NULL AND t.end_snapshot IS NULL"
)
_NESTED = frozenset({"map", "list"})
_ADD_COLUMN = "INSERT INTO ducklake_column VALUES (?, ?, NULL, ?, ?, ?, ?, NULL, 'NULL', 1, ?, ?, 'duckdb')"


def create(layout: Layout) -> None:
    """Make the catalog, or what it lacks of tables and columns; whoever comes first does it while the others wait.

    Raises:
        StorageError: it cannot be made.
        StorageFull: no space.
    """
    if catalog.is_complete(layout):
        return
    lock = FileLock(layout.root / "create.lock")
    lock.acquire(wait=True)
    try:
        if not catalog.is_complete(layout):
            _create(layout)
    except sqlite3.Error as error:
        if "full" in str(error):
            raise StorageFull(
                f"no space left for {layout.catalog}; free some or choose another directory with --data DIR"
            ) from error
        raise StorageError(f"cannot use the catalog {layout.catalog}: {error}; see 'firstlight doctor'") from error
    finally:
        lock.release()


def _create(layout: Layout) -> None:
    database = sqlite3.connect(layout.catalog, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("BEGIN IMMEDIATE")
        if database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'ducklake_table'").fetchone() == (0,):
            _found(database, layout)
        _add_missing(database)
        database.execute("COMMIT")
    finally:
        database.close()


def _found(database: sqlite3.Connection, layout: Layout) -> None:
    """Make the catalog's own tables and note what kind of a lake it is."""
    for statement in files("firstlight.store").joinpath("ducklake.sql").read_text("utf-8").split(";"):
        database.execute(statement)
    facts = {
        "version": FORMAT_VERSION,
        "created_by": f"Firstlight {__version__}",
        "data_path": f"{layout.data}/",
        "encrypted": "false",
        # Rows that another client adds must be in segments too, not in the catalog.
        "data_inlining_row_limit": "0",
    }
    database.executemany("INSERT INTO ducklake_metadata VALUES (?, ?, NULL, NULL)", facts.items())
    database.execute("INSERT INTO ducklake_schema VALUES (0, ?, 0, NULL, 'main', 'main/', 1)", (str(uuid.uuid4()),))
    _add_snapshot(database, 0, 0, 1, 'created_schema:"main"')


def _add_missing(database: sqlite3.Connection) -> None:
    """Add the tables that are not there, and to those that are the columns that were thought of later."""
    there = dict(database.execute("SELECT table_name, table_id FROM ducklake_table WHERE end_snapshot IS NULL"))
    latest = "SELECT snapshot_id, schema_version, next_catalog_id FROM ducklake_snapshot ORDER BY snapshot_id DESC"
    snapshot, version, next_id = database.execute(latest).fetchone()
    snapshot, version = snapshot + 1, version + 1
    changes = []
    for name in schema.TABLES:
        if name in there:
            known = {number for (number,) in database.execute(_COLUMNS, (name,))}
            if not set(schema.field_ids(name).values()) - known:
                continue
            changes.append(f"altered_table:{there[name]}")
        else:
            known = set()
            row = (next_id, str(uuid.uuid4()), snapshot, name, f"{name}/")
            database.execute("INSERT INTO ducklake_table VALUES (?, ?, ?, NULL, 0, ?, ?, 1)", row)
            changes.append(f'created_table:"main"."{name}"')
            there[name] = next_id
            next_id += 1
        database.execute("INSERT INTO ducklake_schema_versions VALUES (?, ?, ?)", (snapshot, version, there[name]))
        for place in _places(name):
            if place.number not in known:
                cells = (place.number, snapshot, there[name], place.number, place.name, place.kind, place.parent)
                database.execute(_ADD_COLUMN, (*cells, "" if place.kind in _NESTED else "literal"))
    if changes:
        _add_snapshot(database, snapshot, version, next_id, ",".join(changes))


class _Place(NamedTuple):
    """A column, or part of one, as the catalog lists it."""

    number: int
    name: str
    kind: str
    parent: int | None = None


def _places(table: str) -> Iterator[_Place]:
    numbers = schema.field_ids(table)
    for column in schema.TABLES[table]:
        name, kind, number = column.name, column.type, numbers[column.name]
        if pa.types.is_map(kind):
            yield _Place(number, name, "map")
            yield _Place(numbers[f"{name}.key"], "key", _TYPES[kind.key_type], number)
            yield _Place(numbers[f"{name}.value"], "value", _TYPES[kind.item_type], number)
        elif pa.types.is_list(kind):
            yield _Place(number, name, "list")
            yield _Place(numbers[f"{name}.element"], "element", _TYPES[kind.value_type], number)
        else:
            yield _Place(number, name, _TYPES[kind])


def _add_snapshot(database: sqlite3.Connection, number: int, version: int, next_id: int, changes: str) -> None:
    row = (number, time_text(time.time_ns() // 1000), version, next_id)
    database.execute(
        "INSERT INTO ducklake_snapshot VALUES (?, ?, ?, ?, "
        "(SELECT coalesce(max(next_file_id), 0) FROM ducklake_snapshot))",
        row,
    )
    database.execute("INSERT INTO ducklake_snapshot_changes VALUES (?, ?, NULL, NULL, NULL)", (number, changes))
