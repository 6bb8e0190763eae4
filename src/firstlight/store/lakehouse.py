"""Making a catalog: DuckDB with its DuckLake extension; changes of it later are plain SQL (``commit``)."""

import sqlite3
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import duckdb

from firstlight.errors import FirstlightError, StorageError, StorageFull
from firstlight.store import catalog, schema
from firstlight.store.layout import FileLock, Layout

LAKE = "lake"
_EXTENSIONS = ("ducklake", "sqlite_scanner")
_BUSY_WORDS = ("database is locked", "database schema is locked", "cannot start a transaction")
_BUSY_TRIES = 60
_BUSY_WAIT_S = 0.05
_MEMORY_LIMIT = "256MB"
_T = TypeVar("_T")


def connect(layout: Layout) -> duckdb.DuckDBPyConnection:
    """Return a database with the lake attached for writing as ``lake``, made when it is missing.

    Raises:
        StorageError: the catalog cannot be opened, or an extension is missing.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY_LIMIT,
        "threads": 1,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    connection = duckdb.connect(":memory:", config=config)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        for name in _EXTENSIONS:
            _load_extension(connection, name)
        if catalog.is_complete(layout):
            _attach(layout, connection)
        else:
            _create(layout, connection)
    except (duckdb.Error, sqlite3.Error) as error:
        connection.close()
        raise _refused(layout, error) from error
    return connection


def create(layout: Layout) -> None:
    """Make the catalog when it is missing, or what it lacks since it was made by an older version.

    Raises:
        StorageError: it cannot be made.
    """
    if not catalog.is_complete(layout):
        connect(layout).close()


def patiently(action: Callable[[], _T]) -> _T:
    """Run ``action`` again while another process holds the catalog for a moment.

    Raises:
        StorageError: it was held for several seconds.
    """
    for _ in range(_BUSY_TRIES):
        try:
            return action()
        except duckdb.Error as error:
            if not any(words in str(error) for words in _BUSY_WORDS):
                raise
            time.sleep(_BUSY_WAIT_S)
    raise StorageError("another process has held the catalog for too long; see 'firstlight doctor'")


def _create(layout: Layout, connection: duckdb.DuckDBPyConnection) -> None:
    """Attach and make the tables; whoever comes first does it while the others wait."""
    lock = FileLock(layout.root / "create.lock")
    lock.acquire(wait=True)
    try:
        _attach(layout, connection)
        connection.execute("BEGIN")
        for name, columns in schema.TABLES.items():
            connection.execute(f"CREATE TABLE IF NOT EXISTS {LAKE}.{name} ({schema.sql_columns(columns)})")
            for column in schema.OPTIONAL.get(name, ()):
                kind = schema.SQL_TYPES[columns.field(column).type]
                connection.execute(f'ALTER TABLE {LAKE}.{name} ADD COLUMN IF NOT EXISTS "{column}" {kind}')
        connection.execute("COMMIT")
        # Rows that another client adds must be in segments too, not in the catalog.
        connection.execute(f"CALL {LAKE}.set_option('data_inlining_row_limit', 0)")
        with sqlite3.connect(layout.catalog) as database:
            database.execute("PRAGMA journal_mode = WAL")
        database.close()
    finally:
        lock.release()


def _attach(layout: Layout, connection: duckdb.DuckDBPyConnection) -> None:
    path, data = _quoted(f"ducklake:sqlite:{layout.catalog}"), _quoted(f"{layout.data}/")
    patiently(lambda: connection.execute(f"ATTACH {path} AS {LAKE} (DATA_PATH {data}, OVERRIDE_DATA_PATH true)"))


def _load_extension(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load the copy that its PyPI package carries, else what DuckDB itself installs."""
    spec = find_spec(f"duckdb_extension_{name}")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in Path(folder).glob(f"extensions/v{duckdb.__version__}/*.duckdb_extension"):
            connection.execute(f"LOAD {_quoted(str(file))}")
            return
    connection.execute(f"INSTALL {name}")
    connection.execute(f"LOAD {name}")


def _refused(layout: Layout, error: Exception) -> FirstlightError:
    if "disk is full" in str(error) or "No space left" in str(error):
        return StorageFull(f"no space left for {layout.catalog}; free some or choose another directory with --data DIR")
    return StorageError(f"cannot use the catalog {layout.catalog}: {error}; see 'firstlight doctor'")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
