"""The hot tail: rows that are in somebody's log but not in a sealed segment yet.

Every process reads all logs, its own too, by following the files; so what one writes the others see at once, and there
is one way only in which a row becomes visible.
"""

import threading
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa

from firstlight.model import Series
from firstlight.store import columns, schema
from firstlight.store.frame import RowGroup, rows_of, series_in, unpack
from firstlight.store.hot import Block, HotSamples
from firstlight.store.layout import FileKey, Layout
from firstlight.store.wal import read_frames

_SMALL_PIECES = 32
_PORTION_BYTES = 2**20
_LEAST_SERIES_BYTES = 20  # a number of nine bytes and nine more fields


class FileTail:
    """What one log file holds; all but samples is decoded when somebody first asks for it."""

    def __init__(self) -> None:
        self.offset = 0
        self.torn_bytes = 0
        self.damaged = False
        self.batch_ids: list[bytes] = []
        self._series: list[bytes] = []
        self._series_bytes = 0
        self._rows: list[bytes] = []
        self._samples = HotSamples()
        self._tables: dict[str, _Growing] = {name: _Growing() for name in _ROW_TABLES}

    def follow(self, layout: Layout, key: FileKey) -> None:
        """Read what was appended since the last call.

        Raises:
            FileNotFoundError: the file was sealed and is gone.
        """
        path = layout.wal_path(*key)
        if self.offset and path.stat().st_size == self.offset:
            return
        frames, self.offset, self.torn_bytes, self.damaged = read_frames(path, self.offset)
        sections = [unpack(frame.payload) for frame in frames]
        self.batch_ids += [frame.batch_id for frame in frames]
        self._series += [bytes(section.series) for section in sections if section.series]
        self._series_bytes += sum(len(section.series) for section in sections)
        self._rows += [bytes(section.rows) for section in sections if section.rows]
        self._samples.add(columns.samples_table(sections))

    @property
    def samples(self) -> int:
        """How many samples it holds."""
        return self._samples.rows

    @property
    def series(self) -> dict[int, Series]:
        """Every series that it defines; decoded anew each time, since they are many times larger than in the log."""
        return dict(self.series_since(0))

    @property
    def definitions(self) -> int:
        """How many pieces of definitions it holds; see :meth:`series_since`."""
        return len(self._series)

    @property
    def series_at_most(self) -> int:
        """A bound of how many series it defines, known without decoding them."""
        return self._series_bytes // _LEAST_SERIES_BYTES

    def series_since(self, piece: int) -> Iterator[tuple[int, Series]]:
        """Yield the series of its pieces of definitions from number ``piece`` on."""
        for encoded in self._series[piece:]:
            yield from series_in(encoded)

    def table(self, name: str) -> pa.Table:
        """Return the file's rows of table ``name`` (``samples`` in the tail's schema)."""
        if name == "samples":
            return self._samples.table()
        if self._rows:
            for groups in _in_portions(self._rows):
                for table, build in _ROW_TABLES.items():
                    self._tables[table].add(build(groups))
            self._rows = []
        return self._tables[name].whole(name)

    def blocks(self) -> list[Block]:
        """Return the file's samples sorted by series and time, in blocks, the ones that came first first."""
        return self._samples.blocks()


def _in_portions(encoded: Iterable[bytes]) -> Iterator[list[RowGroup]]:
    """Decode a portion at a time: as Python objects rows are many times larger than as columns."""
    portion: list[RowGroup] = []
    size = 0
    for data in encoded:
        portion += rows_of(data)
        size += len(data)
        if size > _PORTION_BYTES:
            yield portion
            portion, size = [], 0
    yield portion


_ROW_TABLES: dict[str, Callable[[Iterable[RowGroup]], pa.Table]] = {
    "events": columns.events_table,
    "spans": columns.spans_table,
    "exponential": columns.exponential_table,
}


TAIL_TABLES = ("samples", *_ROW_TABLES)


class _Growing:
    """A table that is added to; many small pieces become one, large ones are left alone."""

    def __init__(self) -> None:
        self._large: list[pa.Table] = []
        self._small: list[pa.Table] = []

    def add(self, more: pa.Table) -> None:
        if not more.num_rows:
            return
        self._small.append(more)
        if len(self._small) >= _SMALL_PIECES:
            self._large.append(pa.concat_tables(self._small).unify_dictionaries().combine_chunks())
            self._small = []

    def whole(self, name: str) -> pa.Table:
        pieces = [*self._large, *self._small]
        return pa.concat_tables([schema.nothing(name), *pieces]) if pieces else schema.nothing(name)


class Tail:
    """All log files of a lake that are not sealed yet, followed."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.RLock()
        self._files: dict[FileKey, FileTail] = {}

    def refresh(self) -> dict[FileKey, FileTail]:
        """Read what is new and return the files that exist now.

        A file that vanishes while it is read was sealed; whoever looks at the catalog after this call finds its rows
        there.
        """
        with self._lock:
            present: dict[FileKey, FileTail] = {}
            for key in self._list():
                file = self._files.get(key) or FileTail()
                try:
                    file.follow(self._layout, key)
                except FileNotFoundError:
                    continue
                present[key] = file
            self._files = present
            return dict(present)

    def tables(self, name: str, keys: Iterable[FileKey], files: dict[FileKey, FileTail]) -> list[pa.Table]:
        """Return the non-empty tables ``name`` of the files ``keys``."""
        with self._lock:
            return [table for key in keys if (table := files[key].table(name)).num_rows]

    def blocks(self, files: dict[FileKey, FileTail]) -> list[Block]:
        """Return the samples of ``files`` as sorted blocks; see :meth:`FileTail.blocks`."""
        with self._lock:
            return [block for file in files.values() for block in file.blocks()]

    def _list(self) -> list[FileKey]:
        return [(writer, n) for writer in self._layout.writers() for n in self._layout.wal_files(writer)]
