"""A lake as it was at one moment, its files held open: a segment that is replaced meanwhile can still be read."""

import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.errors import CorruptSegment, StorageError
from firstlight.store import lakehouse, schema
from firstlight.store.catalog import Catalog, Segment, Snapshot
from firstlight.store.index import SeriesIndex
from firstlight.store.layout import FileKey, Layout
from firstlight.store.segment import samples_of
from firstlight.store.tail import FileTail, Tail

TRIES = 5
PIECE_ROWS = 16_384
"""Rows that are handled at a time."""

_NS_PER_US = 1000
_SPARE_FILES = 128
"""Descriptors left to the rest of the process."""


class Held:
    """One moment of a lake.  Use :func:`hold`; close it, or use it as a context.

    Attributes:
        snapshot: of the catalog.
        files: logs whose rows are not in it.
    """

    def __init__(self, snapshot: Snapshot, files: dict[FileKey, FileTail], names: Sequence[str]) -> None:
        self.snapshot = snapshot
        self.files = files
        self._stack = ExitStack()
        self._index: SeriesIndex | None = None
        found = [(name, segment) for name in names for segment in snapshot.segments.get(name, ())]
        _make_room(len(found))
        self._open: dict[str, list[tuple[Segment, IO[bytes]]]] = {name: [] for name in names}
        try:
            for name, segment in found:
                file = open(segment.path, "rb")  # noqa: SIM115 - closed by the stack
                self._open[name].append((segment, self._stack.enter_context(file)))
        except BaseException:
            self._stack.close()
            raise

    def close(self) -> None:
        """Let the files go."""
        self._stack.close()

    def __enter__(self) -> "Held":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def index(self) -> SeriesIndex:
        """Return every series.

        Raises:
            CorruptSegment: a segment of them is damaged.
        """
        if self._index is None:
            self._index = SeriesIndex()
            for segment, file in self._open["series"]:
                for rows in _portions(segment, file, _has_any_of(None)):
                    self._index.add_table(rows)
            for tail in self.files.values():
                self._index.add(tail.series.items())
        return self._index

    def segments(self, table: str) -> list[tuple[Segment, IO[bytes]]]:
        """Return the segments of ``table`` with their open files."""
        return self._open[table]

    def series_tables(self, names: Sequence[str]) -> Iterator[pa.Table]:
        """Yield the columns ``names`` of each segment of series; a series may be in several.

        Raises:
            CorruptSegment: one of them is damaged.
        """
        for segment, file in self._open["series"]:
            with _readable(segment):
                yield pq.read_table(file, columns=list(names), page_checksum_verification=True)

    def count(self, table: str, start_ns: int, end_ns: int) -> int:
        """Return how many rows of ``table`` there are at most in ``[start_ns, end_ns)``, by what the catalog knows."""
        inside: list[int] = [segment.rows for segment, _ in self._open[table] if _touches(segment, start_ns, end_ns)]
        tails: list[int] = [tail.table(table).num_rows for tail in self.files.values()]
        return sum(inside) + sum(tails)

    def pieces(self, table: str, start_ns: int, end_ns: int, ids: Any = None) -> Iterator[pa.Table]:
        """Yield the rows of ``table`` whose time is in ``[start_ns, end_ns)``, some thousand at a time.

        Args:
            table: ``samples`` (which have one column ``value`` then), ``exponential``, ``events`` or ``spans``.
            start_ns: first moment.
            end_ns: the moment after the last.
            ids: sorted int64 ids of the series that are wanted; None for all.

        Raises:
            CorruptSegment: a segment is damaged.
        """
        for segment, file in self._open[table]:
            if not _touches(segment, start_ns, end_ns):
                continue
            for rows in _portions(segment, file, _has_any_of(ids)):
                yield from _chosen(_sealed(table, rows), start_ns, end_ns, ids)
        for tail in self.files.values():
            rows = tail.table(table)
            for at in range(0, rows.num_rows, PIECE_ROWS):
                piece = rows.slice(at, PIECE_ROWS)
                whole = piece if table == "samples" else piece.cast(schema.TABLES[table])
                yield from _chosen(whole, start_ns, end_ns, ids)


def hold(layout: Layout, tables: Sequence[str]) -> Held:
    """Return the lake as it is now, with the segments of ``tables`` and of the series held open.

    Raises:
        StorageError: there is no lake, or it cannot be read.
    """
    if not layout.catalog.exists():
        if not layout.wal.is_dir():
            raise StorageError(f"there is no lake in {layout.root}; name its directory with --data")
        lakehouse.create(layout)
    names = sorted({*tables, "series"})
    tail, catalog = Tail(layout), Catalog(layout)
    missing = ""
    for _ in range(TRIES):
        files = tail.refresh()
        snapshot = catalog.snapshot()
        try:
            return Held(snapshot, {key: file for key, file in files.items() if key not in snapshot.sealed}, names)
        except FileNotFoundError as error:
            missing = str(error.filename)
    raise StorageError(f"the segment {missing} is gone; see 'firstlight doctor'")


def _make_room(count: int) -> None:
    """Raise this process's limit of open files, as far as it may be raised, when so many need it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _touches(segment: Segment, start_ns: int, end_ns: int) -> bool:
    return segment.touches(start_ns // _NS_PER_US, (end_ns - 1) // _NS_PER_US)


def _portions(
    segment: Segment, file: IO[bytes], is_wanted: Callable[[pq.RowGroupMetaData], bool]
) -> Iterator[pa.Table]:
    """Yield the rows of the row groups that are wanted, some at a time."""
    with _readable(segment):
        parquet = pq.ParquetFile(file, page_checksum_verification=True)
        for number in range(parquet.num_row_groups):
            if is_wanted(parquet.metadata.row_group(number)):
                for rows in parquet.iter_batches(PIECE_ROWS, row_groups=[number]):
                    yield pa.Table.from_batches([rows])


@contextmanager
def _readable(segment: Segment) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise CorruptSegment(
            f"the segment {segment.path} cannot be read: {error}; see 'firstlight lake verify'"
        ) from error


def _has_any_of(ids: Any) -> Callable[[pq.RowGroupMetaData], bool]:
    """Return what tells whether a row group may hold one of the series ``ids``."""

    def is_wanted(group: pq.RowGroupMetaData) -> bool:
        if ids is None:
            return True
        for column in map(group.column, range(group.num_columns)):
            if column.path_in_schema == "series_id" and column.is_stats_set:
                first = np.searchsorted(ids, column.statistics.min)
                return bool(first < len(ids) and ids[first] <= column.statistics.max)
        return True

    return is_wanted


def _sealed(table: str, rows: pa.Table) -> pa.Table:
    """Return rows of a segment with the columns of the tail: one value, times in microseconds."""
    rows = schema.completed(table, rows).set_column(
        rows.column_names.index("time"), "time", rows["time"].cast(schema.TIME)
    )
    if table != "samples":
        return rows
    found = samples_of(rows)
    columns = [pa.array(found.ids), pa.array(found.times_us, schema.TIME), pa.array(found.ns), pa.array(found.values)]
    return pa.Table.from_arrays(columns, schema=schema.TAIL_SAMPLES)


def _chosen(rows: pa.Table, start_ns: int, end_ns: int, ids: Any) -> Iterator[pa.Table]:
    micros = rows["time"].cast(pa.int64()).to_numpy()
    rest = rows["ns"].to_numpy()
    inside = _at_or_after(micros, rest, start_ns) & ~_at_or_after(micros, rest, end_ns)
    if ids is not None:
        inside &= np.isin(rows["series_id"].to_numpy(), ids)
    if inside.all():
        yield rows
    elif inside.any():
        yield rows.filter(pa.array(inside))


def _at_or_after(micros: Any, rest: Any, time_ns: int) -> Any:
    whole, part = divmod(time_ns, _NS_PER_US)
    return (micros > whole) | ((micros == whole) & (rest >= part))
