"""Making a catalog: a DuckLake with an empty table for each signal (https://ducklake.select/docs/stable/specification).

It is plain SQL in one SQLite transaction, as later changes are (``commit``), so nobody has to load a query engine and
its extensions for it; they take 30 MB.
"""

import sqlite3
import time
import uuid
from importlib.resources import files

import pyarrow as pa

from firstlight.errors import StorageError, StorageFull
from firstlight.store import catalog, schema
from firstlight.store.commit import FORMAT_VERSION, time_text
from firstlight.store.layout import FileLock, Layout
from firstlight.version import __version__

_LAST_TABLE = list(schema.TABLES)[-1]
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
_ADD_COLUMN = "INSERT INTO ducklake_column VALUES (?, ?, NULL, ?, ?, ?, ?, NULL, 'NULL', 1, ?, ?, 'duckdb')"


def create(layout: Layout) -> None:
    """Make the catalog, or the tables that it does not have yet; whoever comes first does it while the others wait.

    Raises:
        StorageError: it cannot be made.
        StorageFull: no space.
    """
    if catalog.is_complete(layout, _LAST_TABLE):
        return
    lock = FileLock(layout.root / "create.lock")
    lock.acquire(wait=True)
    try:
        if not catalog.is_complete(layout, _LAST_TABLE):
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
        _add_tables(database)
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


def _add_tables(database: sqlite3.Connection) -> None:
    there = {name for (name,) in database.execute("SELECT table_name FROM ducklake_table WHERE end_snapshot IS NULL")}
    latest = "SELECT snapshot_id, schema_version, next_catalog_id FROM ducklake_snapshot ORDER BY snapshot_id DESC"
    snapshot, version, first_id = database.execute(latest).fetchone()
    snapshot, version = snapshot + 1, version + 1
    missing = [name for name in schema.TABLES if name not in there]
    for table_id, name in enumerate(missing, first_id):
        row = (table_id, str(uuid.uuid4()), snapshot, name, f"{name}/")
        database.execute("INSERT INTO ducklake_table VALUES (?, ?, ?, NULL, 0, ?, ?, 1)", row)
        database.execute("INSERT INTO ducklake_schema_versions VALUES (?, ?, ?)", (snapshot, version, table_id))
        _add_columns(database, snapshot, table_id, name)
    made = ",".join(f'created_table:"main"."{name}"' for name in missing)
    _add_snapshot(database, snapshot, version, first_id + len(missing), made)


def _add_columns(database: sqlite3.Connection, snapshot: int, table_id: int, name: str) -> None:
    numbers = schema.field_ids(name)

    def add(path: str, kind: str, parent: int | None = None) -> None:
        number, default = numbers[path], "" if kind in {"map", "list"} else "literal"
        row = (number, snapshot, table_id, number, path.rpartition(".")[2], kind, parent, default)
        database.execute(_ADD_COLUMN, row)

    for column in schema.TABLES[name]:
        path, kind = column.name, column.type
        if pa.types.is_map(kind):
            add(path, "map")
            add(f"{path}.key", _TYPES[kind.key_type], numbers[path])
            add(f"{path}.value", _TYPES[kind.item_type], numbers[path])
        elif pa.types.is_list(kind):
            add(path, "list")
            add(f"{path}.element", _TYPES[kind.value_type], numbers[path])
        else:
            add(path, _TYPES[kind])


def _add_snapshot(database: sqlite3.Connection, number: int, version: int, next_id: int, changes: str) -> None:
    row = (number, time_text(time.time_ns() // 1000), version, next_id)
    database.execute(
        "INSERT INTO ducklake_snapshot VALUES (?, ?, ?, ?, "
        "(SELECT coalesce(max(next_file_id), 0) FROM ducklake_snapshot))",
        row,
    )
    database.execute("INSERT INTO ducklake_snapshot_changes VALUES (?, ?, NULL, NULL, NULL)", (number, changes))
