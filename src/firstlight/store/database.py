"""Databases of the query engine, which a forked child does not share with its parent.

The threads of an inherited database are not there.  Its end would wait for them, or, where new threads have got their
places in memory, for those, or crash.  So it must never end: not even when the interpreter does.
"""

import concurrent.futures.thread  # noqa: F401 - loaded amid a fork that waits for us, its hooks would not fit
import ctypes
import logging  # noqa: F401 - likewise
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from firstlight.errors import StorageError
from firstlight.store.forks import no_fork, restart_in_children
from firstlight.store.layout import Layout

if TYPE_CHECKING:
    import duckdb

_MAX_SPILL = "4GB"


class Database:
    """A database that is made when it is first needed, and anew in a forked child; any thread may use it.

    Args:
        make: makes it.
    """

    def __init__(self, make: "Callable[[], duckdb.DuckDBPyConnection]") -> None:
        self._make = make
        self._made: duckdb.DuckDBPyConnection | None = None
        self._is_closed = False
        self._lock = threading.Lock()
        restart_in_children(self)

    def cursor(self) -> "duckdb.DuckDBPyConnection":
        """Return a connection to it, to be closed by the caller.

        Raises:
            StorageError: the database is closed.
        """
        with self._lock:
            if self._is_closed:
                raise StorageError("the lake is closed; open it again")
            if self._made is None:
                with no_fork:
                    self._made = self._make()
            return self._made.cursor()

    def close(self) -> None:
        """Give everything free; further calls do nothing."""
        with self._lock:
            self._is_closed = True
            if self._made is not None:
                self._made.close()
                self._made = None

    def restart(self) -> None:
        """Let the parent's be, as a forked child does."""
        if self._made is not None:
            _never_destroy(self._made)
            self._made = None
        self._lock = threading.Lock()


class _Default:
    """DuckDB's default connection, which is there as soon as DuckDB is imported; nobody here uses it."""

    def restart(self) -> None:
        if (duckdb := sys.modules.get("duckdb")) is not None:
            _never_destroy(duckdb.default_connection())


_default = _Default()
restart_in_children(_default)


def _never_destroy(inherited: "duckdb.DuckDBPyConnection") -> None:
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))


def confined_database(layout: Layout, memory_limit_bytes: int, threads: int) -> Database:
    """Return an empty database that can touch no files but those of the lake."""
    return Database(lambda: _confined(layout, memory_limit_bytes, threads))


def _confined(layout: Layout, memory_limit_bytes: int, threads: int) -> "duckdb.DuckDBPyConnection":
    import duckdb
    import pyarrow.dataset  # noqa: F401 - DuckDB loads it when it first answers in Arrow, and then a fork may come

    spill = str(layout.spill) if os.access(layout.root, os.W_OK) else ""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_limit_bytes}B",
        "threads": threads,
        "temp_directory": spill,
        "max_temp_directory_size": _MAX_SPILL,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    database = duckdb.connect(":memory:", config=config)
    database.execute("SET TimeZone = 'UTC'")
    database.execute("SET parquet_metadata_cache = true")
    database.execute(f"SET allowed_directories = [{quoted(str(layout.root))}]")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database


def quoted(text: str) -> str:
    """Return ``text`` as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
