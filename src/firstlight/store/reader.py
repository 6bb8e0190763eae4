"""Reading a lake: sealed segments and the logs' tail as one."""

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from firstlight.errors import StorageError
from firstlight.model import Kind, Series
from firstlight.store import catalog, columns, schema
from firstlight.store.layout import Layout
from firstlight.store.tail import FileKey, FileTail, Tail

DEFAULT_MEMORY_BYTES = 128 * 2**20
DEFAULT_THREADS = 2


@dataclass(frozen=True)
class View:
    """What a query sees: a snapshot of the catalog and the log files whose rows are not in it."""

    snapshot: int
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
        spill = layout.spill if os.access(layout.root, os.W_OK) else None
        self.database = catalog.connect(
            layout, memory_limit_bytes=memory_limit_bytes, threads=threads, read_only=True, temp_dir=spill
        )
        confine(self.database, [layout.root])
        self._lock = threading.Lock()
        self._sealed: tuple[int, frozenset[FileKey]] = (-1, frozenset())
        self._sealed_series: tuple[int, dict[int, Series]] = (-1, {})
        self._merged_key: tuple[int, ...] = ()
        self._merged: dict[int, Series] = {}
        self._series_table: pa.Table | None = None

    def view(self) -> View:
        """Look at the logs first and the catalog after: a file sealed in between is then taken from the catalog."""
        files = self.tail.refresh()
        snapshot = catalog.snapshot_id(self.layout)
        sealed = self._sealed_at(snapshot)
        return View(snapshot, {key: file for key, file in files.items() if key not in sealed})

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

    def newest_sealed_us(self, table: str) -> int | None:
        """Return the newest time in the sealed rows of ``table``, microseconds; None when there are none."""
        return catalog.newest_time_us(self.layout, table)

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def _sealed_at(self, snapshot: int) -> frozenset[FileKey]:
        known, sealed = self._sealed
        if known != snapshot:
            with self.database.cursor() as cursor:
                sealed = frozenset(catalog.sealed_logs(cursor, snapshot))
            self._sealed = snapshot, sealed
        return sealed

    def _merge_series(self, view: View) -> None:
        key = (view.snapshot, *(len(file.series) for file in view.files.values()))
        if key == self._merged_key:
            return
        known, sealed = self._sealed_series
        if known != view.snapshot:
            sealed = self._read_series(view.snapshot)
            self._sealed_series = view.snapshot, sealed
        merged = dict(sealed)
        for file in view.files.values():
            merged.update(file.series)
        self._merged_key, self._merged, self._series_table = key, merged, None

    def _read_series(self, snapshot: int) -> dict[int, Series]:
        query = f"SELECT * FROM {catalog.LAKE}.series AT (VERSION => {snapshot})"
        with self.database.cursor() as cursor:
            rows = catalog.patiently(lambda: cursor.execute(query).to_arrow_table())
        return dict(_series_rows(rows))


def _series_rows(table: pa.Table) -> Iterable[tuple[int, Series]]:
    for row in zip(*(table.column(name).to_pylist() for name in schema.SERIES.names), strict=True):
        series_id, name, labels, service, session_id, scope, field, kind, unit, description = row
        yield (
            series_id,
            Series(name, tuple(labels), service, session_id, scope, field, Kind(kind), unit, description),
        )


def confine(database: duckdb.DuckDBPyConnection, directories: list[Path]) -> None:
    """Let a database touch no files but those below ``directories``, for good."""
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in directories)
    database.execute(f"SET allowed_directories = [{listed}]")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
