"""Reading a lake: sealed segments and the logs' tail as one."""

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from firstlight.errors import StorageError
from firstlight.model import Kind, Series
from firstlight.store import columns, schema
from firstlight.store.catalog import Catalog, Snapshot
from firstlight.store.layout import FileKey, Layout
from firstlight.store.tail import FileTail, Tail

DEFAULT_MEMORY_BYTES = 128 * 2**20
DEFAULT_THREADS = 2
_MAX_SPILL = "4GB"


@dataclass(frozen=True)
class View:
    """What a query sees: a snapshot of the catalog and the log files whose rows are not in it."""

    snapshot: Snapshot
    files: dict[FileKey, FileTail]


class LakeReader:
    """Opens a lake for reading; many threads may use it.

    Args:
        layout: the lake's directory; must hold a catalog.
        memory_limit_bytes: of the query engine.
        threads: of the query engine.

    Raises:
        StorageError: there is no lake, or it cannot be read.
    """

    def __init__(
        self, layout: Layout, memory_limit_bytes: int = DEFAULT_MEMORY_BYTES, threads: int = DEFAULT_THREADS
    ) -> None:
        if not layout.catalog.exists():
            raise StorageError(f"there is no lake in {layout.root}; 'firstlight up --data {layout.root}' makes one")
        self.layout = layout
        self.tail = Tail(layout)
        self.catalog = Catalog(layout)
        self.catalog.snapshot()
        self.database = confined_database(layout, memory_limit_bytes, threads)
        self._lock = threading.Lock()
        self._sealed_series: tuple[int, dict[int, Series]] = (-1, {})
        self._merged_key: tuple[int, ...] = ()
        self._merged: dict[int, Series] = {}
        self._series_table: pa.Table | None = None

    def view(self) -> View:
        """Look at the logs first and the catalog after: a file sealed in between is then taken from the catalog."""
        files = self.tail.refresh()
        snapshot = self.catalog.snapshot()
        return View(snapshot, {key: file for key, file in files.items() if key not in snapshot.sealed})

    def segments(self, table: str, view: View) -> str:
        """Return SQL for the sealed rows of ``table``: something that can follow FROM."""
        paths = view.snapshot.segments.get(table, ())
        if not paths:
            nothing = ", ".join(f'NULL::{schema.SQL_TYPES[c.type]} AS "{c.name}"' for c in schema.TABLES[table])
            return f"(SELECT {nothing} WHERE false)"
        return f"read_parquet([{', '.join(map(_quoted, paths))}])"

    def tail_table(self, name: str, view: View) -> pa.Table:
        """Return the tail's rows of table ``name`` (``samples`` in its own schema) in ``view``."""
        empty = schema.TAIL_SAMPLES if name == "samples" else schema.TABLES[name]
        return pa.concat_tables([empty.empty_table(), *self.tail.tables(name, view.files, view.files)])

    def series(self, view: View) -> Mapping[int, Series]:
        """Return every series of ``view`` by id."""
        with self._lock:
            self._merge_series(view)
            return self._merged

    def series_table(self, view: View) -> pa.Table:
        """Return every series of ``view`` as rows."""
        with self._lock:
            self._merge_series(view)
            if self._series_table is None:
                self._series_table = columns.series_table(self._merged.items())
            return self._series_table

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def _merge_series(self, view: View) -> None:
        key = (view.snapshot.number, *(len(file.series) for file in view.files.values()))
        if key == self._merged_key:
            return
        known, sealed = self._sealed_series
        if known != view.snapshot.number:
            sealed = self._read_series(view)
            self._sealed_series = view.snapshot.number, sealed
        merged = dict(sealed)
        for file in view.files.values():
            merged.update(file.series)
        self._merged_key, self._merged, self._series_table = key, merged, None

    def _read_series(self, view: View) -> dict[int, Series]:
        with self.database.cursor() as cursor:
            rows = cursor.execute(f"FROM {self.segments('series', view)}").to_arrow_table()
        return dict(_series_rows(rows))


def _series_rows(table: pa.Table) -> Iterable[tuple[int, Series]]:
    for row in zip(*(table.column(name).to_pylist() for name in schema.SERIES.names), strict=True):
        series_id, name, labels, service, session_id, scope, field, kind, unit, description = row
        yield (
            series_id,
            Series(name, tuple(labels), service, session_id, scope, field, Kind(kind), unit, description),
        )


def confined_database(layout: Layout, memory_limit_bytes: int, threads: int) -> duckdb.DuckDBPyConnection:
    """Return an empty database that can touch no files but those of the lake."""
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
    database.execute(f"SET allowed_directories = [{_quoted(str(layout.root))}]")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
