"""Reading a lake: sealed segments and the logs' tail as one."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import duckdb
import pyarrow as pa

from firstlight.errors import CorruptSegment, StorageError
from firstlight.model import Kind, Series
from firstlight.store import schema
from firstlight.store.catalog import Catalog, Snapshot
from firstlight.store.index import SeriesIndex
from firstlight.store.intact import Intact
from firstlight.store.layout import FileKey, Layout
from firstlight.store.tail import FileTail, Tail

DEFAULT_MEMORY_BYTES = 128 * 2**20
DEFAULT_THREADS = 2
_MAX_SPILL = "4GB"
_TRIES = 5
_T = TypeVar("_T")
_OLDEST_US, _NEWEST_US = -(2**63), 2**63 - 1


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
        self.intact = Intact(layout)
        self._lock = threading.Lock()
        self._index = SeriesIndex()
        self._indexed_segments: set[str] = set()
        self._indexed_logs: dict[FileKey, int] = {}
        self._indexed_at_ns = self._forgotten_ns()

    def view(self) -> View:
        """Look at the logs first and the catalog after: a file sealed in between is then taken from the catalog."""
        files = self.tail.refresh()
        snapshot = self.catalog.snapshot()
        snapshot = self.intact.without_damaged(snapshot)
        return View(snapshot, {key: file for key, file in files.items() if key not in snapshot.sealed})

    def segments(self, table: str, view: View, begin_us: int | None = None, end_us: int | None = None) -> str:
        """Return SQL for the sealed rows of ``table``: something that can follow FROM.

        Args:
            table: one of :data:`firstlight.store.schema.TABLES`.
            view: from :meth:`view`.
            begin_us: leave out segments that end before; only for tables with times.
            end_us: leave out segments that begin after.
        """
        found = view.snapshot.segments.get(table, ())
        begin_us = _OLDEST_US if begin_us is None else begin_us
        end_us = _NEWEST_US if end_us is None else end_us
        touched = (segment for segment in found if segment.touches(begin_us, end_us))
        paths = [segment.path for segment in self.intact.whole_ones(table, touched)]
        if not paths:
            nothing = ", ".join(f'NULL::{schema.SQL_TYPES[c.type]} AS "{c.name}"' for c in schema.TABLES[table])
            return f"(SELECT {nothing} WHERE false)"
        return _parquet(paths)

    def reading(self, read: Callable[[View], _T]) -> _T:
        """Return what ``read`` returns for the newest view; again when a segment was replaced or is damaged.

        Raises:
            StorageError: segments cannot be read, though they are there and whole.
        """
        problem: Exception | None = None
        for _ in range(_TRIES):
            view = self.view()
            try:
                return read(view)
            except FileNotFoundError as error:
                problem = error
            except CorruptSegment as error:
                problem = error
                if not self.intact.look_at(view.snapshot):
                    break
        raise StorageError(f"cannot read a segment; 'firstlight lake verify' says more: {problem}") from problem

    @contextmanager
    def outdated_is_known(self, view: View) -> Iterator[None]:
        """Inside the block: when the engine cannot open a file, tell whether that is since a segment was replaced.

        Raises:
            FileNotFoundError: it is; take a new view.
        """
        try:
            yield
        except duckdb.IOException as error:
            segments = (found for parts in view.snapshot.segments.values() for found in parts)
            if any(not os.path.exists(found.path) for found in segments):
                raise FileNotFoundError(str(error)) from error
            raise

    def tail_table(self, name: str, view: View) -> pa.Table:
        """Return the tail's rows of table ``name`` (``samples`` in its own schema) in ``view``."""
        return pa.concat_tables([schema.TAIL[name].empty_table(), *self.tail.tables(name, view.files, view.files)])

    def series(self, view: View) -> SeriesIndex:
        """Return the index with every series of ``view``."""
        with self._lock:
            self._index_segments(view)
            for key, file in view.files.items():
                seen = self._indexed_logs.get(key, 0)
                if len(file.series) > seen:
                    self._index.add(islice(file.series.items(), seen, None))
                    self._indexed_logs[key] = len(file.series)
            return self._index

    def series_table(self, view: View) -> pa.Table:
        """Return every series of ``view`` as rows."""
        index = self.series(view)
        with self._lock:
            return index.table()

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def _index_segments(self, view: View) -> None:
        segments = self.intact.whole_ones("series", view.snapshot.segments.get("series", ()))
        if (forgotten := self._forgotten_ns()) != self._indexed_at_ns:
            self._index, self._indexed_segments, self._indexed_logs = SeriesIndex(), set(), {}
            self._indexed_at_ns = forgotten
        known = self._indexed_segments
        fresh = [segment.path for segment in segments if segment.path not in known]
        if fresh:
            with self.database.cursor() as cursor:
                rows = cursor.execute(f"FROM {_parquet(fresh)}").to_arrow_table()
            self._index.add(_series_rows(rows))
            self._indexed_segments.update(fresh)
            self._indexed_logs = {key: count for key, count in self._indexed_logs.items() if key in view.files}

    def _forgotten_ns(self) -> int:
        """Return when definitions of series were last taken out of the lake; 0 for never."""
        try:
            return os.stat(self.layout.forgotten).st_mtime_ns
        except FileNotFoundError:
            return 0


def _parquet(paths: Sequence[str]) -> str:
    return f"read_parquet([{', '.join(map(_quoted, paths))}])"


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
