"""Reading a lake: sealed segments and the logs' tail as one."""

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.errors import CorruptSegment, StorageError
from firstlight.store import footer, schema
from firstlight.store.catalog import Catalog, Segment, Snapshot
from firstlight.store.database import confined_database, quoted
from firstlight.store.event_reader import EventReader
from firstlight.store.forks import no_fork, restart_in_children
from firstlight.store.hot import Block
from firstlight.store.index import SeriesIndex
from firstlight.store.intact import Intact
from firstlight.store.layout import FileKey, Layout
from firstlight.store.runs import NO_RUNS, Runs, merged_pieces
from firstlight.store.segment_reader import SegmentReader
from firstlight.store.tail import FileTail, Tail

DEFAULT_MEMORY_BYTES = 128 * 2**20
DEFAULT_THREADS = 2
DEFAULT_TIME_LIMIT_S = 30.0
T = TypeVar("T")
_TRIES = 5
_OLDEST_US, _NEWEST_US = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class View:
    """What a query sees: a snapshot of the catalog and the log files whose rows are not in it."""

    snapshot: Snapshot
    files: dict[FileKey, FileTail]


class LakeReader:
    """Opens a lake for reading; many threads may use it, and forked children.

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
        self.database = confined_database(layout, memory_limit_bytes, threads)
        self.restart()
        self.catalog.snapshot()
        restart_in_children(self)

    def restart(self) -> None:
        """Know nothing yet, with locks of its own, as a forked child does: a thread may have been changing anything."""
        self.tail = Tail(self.layout)
        self.catalog = Catalog(self.layout)
        self.samples = SegmentReader()
        self.events = EventReader()
        self.intact = Intact(self.layout)
        self._lock = threading.Lock()
        self._index = SeriesIndex()
        self._indexed_segments: set[str] = set()
        self._indexed_logs: dict[FileKey, int] = {}
        self._indexed_at_ns = self._forgotten_ns()

    def view(self) -> View:
        """Look at the logs first and the catalog after: a file sealed in between is then taken from the catalog."""
        files = self.tail.refresh()
        snapshot = self.intact.without_damaged(self.catalog.snapshot())
        return View(snapshot, {key: file for key, file in files.items() if key not in snapshot.sealed})

    def sealed(self, table: str, view: View, begin_us: int | None = None, end_us: int | None = None) -> list[Segment]:
        """Return the segments of ``table`` that are whole; see :meth:`segments`."""
        begin_us = _OLDEST_US if begin_us is None else begin_us
        end_us = _NEWEST_US if end_us is None else end_us
        found = view.snapshot.segments.get(table, ())
        return self.intact.whole_ones(table, (segment for segment in found if segment.touches(begin_us, end_us)))

    def segments(self, table: str, view: View, begin_us: int | None = None, end_us: int | None = None) -> str:
        """Return SQL for the sealed rows of ``table``: something that can follow FROM.

        Args:
            table: one of :data:`firstlight.store.schema.TABLES`.
            view: from :meth:`view`.
            begin_us: leave out segments that end before; only for tables with times.
            end_us: leave out segments that begin after.
        """
        paths = [segment.path for segment in self.sealed(table, view, begin_us, end_us)]
        if not paths:
            nothing = ", ".join(f'NULL::{schema.SQL_TYPES[c.type]} AS "{c.name}"' for c in schema.TABLES[table])
            return f"(SELECT {nothing} WHERE false)"
        return _parquet(paths, by_name=table in schema.OPTIONAL)

    def reading(self, read: Callable[[View], T]) -> T:
        """Return what ``read`` returns for the newest view; again when a segment was replaced or is damaged.

        Raises:
            StorageError: segments cannot be read, though they are there and whole.
        """
        _settle_arrow()
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

    def missing(self, tables: Iterable[str]) -> tuple[str, ...]:
        """Return what answers from ``tables`` lack since segments are damaged, for people."""
        return self.intact.warnings(self.catalog.snapshot(), tables)

    def runs(self, view: View, ids: Any, start_ns: int, end_ns: int) -> Runs:
        """Return the samples of series ``ids`` (int64, ascending) with ``start_ns <= time < end_ns``.

        Of several samples of a series at one time only the one that was written last is returned.

        Raises:
            FileNotFoundError: a segment was replaced; take a new view.
            CorruptSegment: one cannot be read.
        """
        if not len(ids):
            return NO_RUNS
        begin_us, end_us = start_ns // 1000, (end_ns - 1) // 1000
        segments = self.sealed("samples", view, begin_us, end_us)
        sealed = [self.samples.pieces(segment, ids, start_ns, end_ns) for segment in segments]
        return merged_pieces([*sealed, *([block.runs(ids, start_ns, end_ns)] for block in self.blocks(view))])

    def blocks(self, view: View) -> list[Block]:
        """Return the tail's samples as sorted blocks."""
        return self.tail.blocks(view.files)

    def tail_table(self, name: str, view: View) -> pa.Table:
        """Return the tail's rows of table ``name`` (``samples`` in its own schema) in ``view``."""
        pieces = [table for table in self.tail.tables(name, view.files, view.files) if table.num_rows]
        return pa.concat_tables([schema.nothing(name), *pieces]) if pieces else schema.nothing(name)

    def series(self, view: View) -> SeriesIndex:
        """Return the index with every series of ``view``."""
        _settle_arrow()
        with self._lock:
            self._index_segments(view)
            for key, file in view.files.items():
                seen = self._indexed_logs.get(key, 0)
                if file.definitions > seen:
                    self._indexed_logs[key] = file.definitions
                    self._index.add(file.series_since(seen))
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
        segments = self.sealed("series", view)
        if (forgotten := self._forgotten_ns()) != self._indexed_at_ns:
            self._index, self._indexed_segments, self._indexed_logs = SeriesIndex(), set(), {}
            self._indexed_at_ns = forgotten
        fresh = [segment.path for segment in segments if segment.path not in self._indexed_segments]
        for path in fresh:
            with footer.reading(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
                self._index.add_table(file.read(use_threads=False))
            self._indexed_segments.add(path)
        if fresh:
            self._indexed_logs = {key: count for key, count in self._indexed_logs.items() if key in view.files}

    def _forgotten_ns(self) -> int:
        """Return when definitions of series were last taken out of the lake; 0 for never."""
        try:
            return os.stat(self.layout.forgotten).st_mtime_ns
        except FileNotFoundError:
            return 0


@cache
def _settle_arrow() -> None:
    """Let Arrow look for pandas now, which it does when it first makes an array: a fork may not come amid that."""
    with no_fork:
        pa.array([0])


def _parquet(paths: Sequence[str], *, by_name: bool = False) -> str:
    options = ", union_by_name = true" if by_name else ""
    return f"read_parquet([{', '.join(map(quoted, paths))}]{options})"
