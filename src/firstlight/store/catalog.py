"""The catalog: a DuckLake whose metadata is a SQLite file.

Any number of processes may hold one open; only the keeper writes it.
"""

import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import duckdb

from firstlight.errors import StorageError
from firstlight.store import schema
from firstlight.store.layout import FileLock, Layout
from firstlight.store.tail import FileKey

LAKE = "lake"
_EXTENSIONS = ("ducklake", "sqlite_scanner")
_BUSY_WORDS = ("database is locked", "database schema is locked", "cannot start a transaction")
_BUSY_TRIES = 60
_BUSY_WAIT_S = 0.05
_MAX_SPILL = "4GB"
_CREATE_MEMORY_BYTES = 64 * 2**20
_T = TypeVar("_T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEALED_LOGS = "writer VARCHAR, sequence BIGINT, sealed_at TIMESTAMPTZ"


def connect(
    layout: Layout, *, memory_limit_bytes: int, threads: int, read_only: bool = False, temp_dir: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """Return a database with the lake attached as ``lake``, made when it is missing.

    Raises:
        StorageError: the catalog cannot be opened, or an extension is missing.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_limit_bytes}B",
        "threads": threads,
        "temp_directory": str(temp_dir or ""),
        "max_temp_directory_size": _MAX_SPILL,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    connection = duckdb.connect(":memory:", config=config)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        for name in _EXTENSIONS:
            _load_extension(connection, name)
        if read_only or is_complete(layout):
            _attach(layout, connection, read_only=read_only)
        else:
            _create(layout, connection)
    except (duckdb.Error, sqlite3.Error) as error:
        connection.close()
        raise StorageError(f"cannot open the catalog {layout.catalog}: {error}") from error
    return connection


def create(layout: Layout) -> None:
    """Make the catalog when it is missing.

    Raises:
        StorageError: it cannot be made.
    """
    if not is_complete(layout):
        connect(layout, memory_limit_bytes=_CREATE_MEMORY_BYTES, threads=1).close()


def snapshot_id(layout: Layout) -> int:
    """Return the number of the newest snapshot, read past the database engine (some 20 µs)."""
    with _metadata(layout) as metadata:
        return int(metadata.execute("SELECT max(snapshot_id) FROM ducklake_snapshot").fetchone()[0])


def newest_time_us(layout: Layout, table: str) -> int | None:
    """Return the newest ``time`` of a table's sealed rows in microseconds, from the catalog's statistics."""
    query = (
        "SELECT max(s.max_value) FROM ducklake_file_column_stats s "
        "JOIN ducklake_data_file f USING (data_file_id) "
        "JOIN ducklake_table t ON t.table_id = s.table_id AND t.end_snapshot IS NULL "
        "JOIN ducklake_column c ON c.table_id = s.table_id AND c.column_id = s.column_id AND c.end_snapshot IS NULL "
        "WHERE t.table_name = ? AND c.column_name = 'time' AND f.end_snapshot IS NULL"
    )
    with _metadata(layout) as metadata:
        text = metadata.execute(query, (table,)).fetchone()[0]
    return None if text is None else _micros(str(text))


def table_totals(layout: Layout) -> dict[str, tuple[int, int, int]]:
    """Return segments, rows and bytes of each table."""
    query = (
        "SELECT t.table_name, count(f.data_file_id), coalesce(sum(f.record_count), 0), "
        "coalesce(sum(f.file_size_bytes), 0) FROM ducklake_table t "
        "LEFT JOIN ducklake_data_file f ON f.table_id = t.table_id AND f.end_snapshot IS NULL "
        "WHERE t.end_snapshot IS NULL GROUP BY t.table_name"
    )
    with _metadata(layout) as metadata:
        return {name: (files, rows, size) for name, files, rows, size in metadata.execute(query)}


def _micros(text: str) -> int:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def sealed_logs(connection: duckdb.DuckDBPyConnection, snapshot: int) -> set[FileKey]:
    """Return the log files whose rows are in segments as of ``snapshot``."""
    query = f"SELECT writer, sequence FROM {LAKE}.sealed_logs AT (VERSION => {snapshot})"
    rows = patiently(lambda: connection.execute(query).fetchall())
    return {(str(writer), int(sequence)) for writer, sequence in rows}


def register(
    connection: duckdb.DuckDBPyConnection, layout: Layout, segments: dict[str, list[Path]], logs: list[FileKey]
) -> None:
    """Make segments part of the lake and mark the logs they came from as sealed, in one transaction.

    Raises:
        StorageError: the catalog refused; nothing changed.
    """
    try:
        patiently(lambda: _register_once(connection, segments, logs))
    except duckdb.Error as error:
        raise StorageError(f"cannot register segments: {error}") from error
    _make_relative(layout)


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


def _register_once(
    connection: duckdb.DuckDBPyConnection, segments: dict[str, list[Path]], logs: list[FileKey]
) -> None:
    connection.execute("BEGIN")
    try:
        for table, paths in segments.items():
            for path in paths:
                connection.execute(f"CALL ducklake_add_data_files('{LAKE}', '{table}', ?)", [str(path)])
        rows = [[writer, sequence] for writer, sequence in logs]
        connection.executemany(f"INSERT INTO {LAKE}.sealed_logs VALUES (?, ?, now())", rows)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _make_relative(layout: Layout) -> None:
    """Name segments relative to their table's directory, so that the whole lake can be moved."""
    with _metadata(layout) as metadata:
        for table in schema.TABLES:
            prefix = f"{layout.table_dir(table)}/"
            metadata.execute(
                "UPDATE ducklake_data_file SET path = substr(path, ?), path_is_relative = 1 "
                "WHERE path_is_relative = 0 AND substr(path, 1, ?) = ?",
                (len(prefix) + 1, len(prefix), prefix),
            )
        metadata.commit()


class _metadata:  # noqa: N801 - used as a function
    """The catalog as plain SQLite."""

    def __init__(self, layout: Layout) -> None:
        self._connection = sqlite3.connect(layout.catalog, timeout=_BUSY_TRIES * _BUSY_WAIT_S)

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def is_complete(layout: Layout) -> bool:
    """Return whether the catalog is there with all its tables."""
    if not layout.catalog.exists():
        return False
    with _metadata(layout) as metadata:
        try:
            found = metadata.execute("SELECT count(*) FROM ducklake_table WHERE table_name = 'sealed_logs'").fetchone()
        except sqlite3.OperationalError:
            return False
    return bool(found[0])


def _create(layout: Layout, connection: duckdb.DuckDBPyConnection) -> None:
    """Attach and make the tables; whoever comes first does it while the others wait."""
    lock = FileLock(layout.root / "create.lock")
    lock.acquire(wait=True)
    try:
        _attach(layout, connection, read_only=False)
        _create_tables(layout, connection)
    finally:
        lock.release()


def _attach(layout: Layout, connection: duckdb.DuckDBPyConnection, *, read_only: bool) -> None:
    path, data = _quoted(f"ducklake:sqlite:{layout.catalog}"), _quoted(f"{layout.data}/")
    mode = ", READ_ONLY" if read_only else ""
    patiently(lambda: connection.execute(f"ATTACH {path} AS {LAKE} (DATA_PATH {data}, OVERRIDE_DATA_PATH true{mode})"))


def _create_tables(layout: Layout, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("BEGIN")
    for name, columns in schema.TABLES.items():
        connection.execute(f"CREATE TABLE IF NOT EXISTS {LAKE}.{name} ({schema.sql_columns(columns)})")
    connection.execute(f"CREATE TABLE IF NOT EXISTS {LAKE}.sealed_logs ({_SEALED_LOGS})")
    connection.execute("COMMIT")
    with _metadata(layout) as metadata:
        metadata.execute("PRAGMA journal_mode = WAL")


def _load_extension(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load the copy that its PyPI package carries, else what DuckDB itself installs."""
    spec = find_spec(f"duckdb_extension_{name}")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in Path(folder).glob(f"extensions/v{duckdb.__version__}/*.duckdb_extension"):
            connection.execute(f"LOAD {_quoted(str(file))}")
            return
    connection.execute(f"INSTALL {name}")
    connection.execute(f"LOAD {name}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
