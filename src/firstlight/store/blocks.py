"""A segment of events, read a few blocks of rows at a time."""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.errors import CorruptSegment
from firstlight.store import pages, schema, sidecar
from firstlight.store.catalog import Segment
from firstlight.store.sidecar import Sidecar, Unusable

CACHE_BYTES = 32 * 2**20
"""Sidecars kept in memory; one of a day of 430,000 events has 0.3 MB."""

_INFLATED = 2


class Blocks(Protocol):
    """A segment of events, open for reading.

    Attributes:
        begins_us: not after the first time of each block, microseconds, ascending.
    """

    begins_us: Any

    def candidates(self, column: str, needle: str, *, ignore_case: bool) -> Any:
        """Return for each block whether ``column`` may contain ``needle`` there; never False where it does."""

    def inflated_bytes(self, columns: Sequence[str]) -> Any:
        """Return about what ``columns`` take in memory, for each block."""

    def read(self, columns: Sequence[str], numbers: Sequence[int]) -> tuple[pa.Table, Any]:
        """Return ``columns`` of the blocks ``numbers`` (ascending), and how many rows come from each.

        Raises:
            CorruptSegment: the segment is damaged.
        """


class SegmentBlocks:
    """Opens segments of events; remembers their sidecars within bounds.  Many threads may use it.

    Args:
        cache_bytes: what the sidecars may take.
    """

    def __init__(self, cache_bytes: int = CACHE_BYTES) -> None:
        self._cache_bytes = cache_bytes
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Sidecar] = OrderedDict()
        self._bytes = 0

    @contextmanager
    def opened(self, segment: Segment) -> Iterator[Blocks]:
        """Open a segment; without a sidecar that fits, its row groups are the blocks and nothing is ruled out.

        Raises:
            FileNotFoundError: it was replaced.
            CorruptSegment: it is damaged.
        """
        with open(segment.path, "rb", buffering=0) as file:
            known = self._sidecar(segment.path, file.fileno())
            yield _RowGroups(segment) if known is None else _Pages(segment.path, file.fileno(), known)

    def _sidecar(self, path: str, descriptor: int) -> Sidecar | None:
        with self._lock:
            known = self._known.get(path)
            if known is not None:
                self._known.move_to_end(path)
                return known
        try:
            known = sidecar.decode(sidecar.path_of(path).read_bytes())
        except (OSError, Unusable):
            return None
        size_bytes = os.fstat(descriptor).st_size
        if (known.segment_bytes, known.footer_crc) != (size_bytes, sidecar.footer_crc(descriptor, size_bytes)):
            return None
        self._remember(path, known)
        return known

    def _remember(self, path: str, known: Sidecar) -> None:
        with self._lock:
            if self._known.setdefault(path, known) is known:
                self._bytes += known.bytes
            while self._bytes > self._cache_bytes:
                _, oldest = self._known.popitem(last=False)
                self._bytes -= oldest.bytes


class _Pages:
    """Blocks by the pages that a sidecar names."""

    def __init__(self, path: str, descriptor: int, known: Sidecar) -> None:
        self._path = path
        self._descriptor = descriptor
        self._known = known
        self._names = [name for name, _ in known.pages.columns]
        self.begins_us = known.begins_us

    def candidates(self, column: str, needle: str, *, ignore_case: bool) -> Any:
        text = self._known.texts.get(column)
        return np.ones(len(self.begins_us), bool) if text is None else text.candidates(needle, ignore_case=ignore_case)

    def inflated_bytes(self, columns: Sequence[str]) -> Any:
        places = [self._names.index(name) for name in columns if name not in self._known.constants]
        return self._known.pages.pages[:, places, _INFLATED].sum(axis=1)

    def read(self, columns: Sequence[str], numbers: Sequence[int]) -> tuple[pa.Table, Any]:
        known = self._known
        counts = known.pages.rows[list(numbers)]
        with _damage_named(self._path):
            varying = [name for name in columns if name not in known.constants]
            table = _as_in_the_lake(pages.carve(self._descriptor, known.pages, varying, numbers), known.time_unit)
        rows = int(counts.sum())
        found = dict(zip(table.column_names, table.columns, strict=True))
        found |= {name: _repeated(name, known.constants[name], rows) for name in columns if name in known.constants}
        return pa.table({name: found[name] for name in columns}), counts


class _RowGroups:
    """Blocks by the row groups of a segment that has nothing beside it."""

    def __init__(self, segment: Segment) -> None:
        self._path = segment.path
        with _damage_named(segment.path):
            self._file = pq.ParquetFile(segment.path, page_checksum_verification=True)
        self._groups = [self._file.metadata.row_group(i) for i in range(self._file.metadata.num_row_groups)]
        self._names = self._file.schema_arrow.names
        begins = [_begin_us(group.column(self._names.index("time"))) for group in self._groups]
        # Where one is not known, all must be taken for as old as the oldest.
        known = None not in begins
        self.begins_us = np.array(begins if known else [segment.begin_us] * len(begins), np.int64)

    def candidates(self, column: str, needle: str, *, ignore_case: bool) -> Any:
        del column, needle, ignore_case
        return np.ones(len(self._groups), bool)

    def inflated_bytes(self, columns: Sequence[str]) -> Any:
        places = [self._names.index(name) for name in columns]
        return np.array([sum(g.column(place).total_uncompressed_size for place in places) for g in self._groups])

    def read(self, columns: Sequence[str], numbers: Sequence[int]) -> tuple[pa.Table, Any]:
        with _damage_named(self._path):
            table = self._file.read_row_groups(list(numbers), columns=list(columns), use_threads=False)
        return _as_in_the_lake(table.select(columns), ""), np.array([self._groups[n].num_rows for n in numbers])


def _repeated(column: str, value: str | int, rows: int) -> pa.Array:
    """Return one value as a column of ``rows`` rows."""
    kind = schema.EVENTS.field(column).type
    if pa.types.is_string(kind):
        return pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array([value], kind))
    return pa.array(np.full(rows, value, kind.to_pandas_dtype()))


def _begin_us(column: Any) -> int | None:
    found = column.statistics
    if found is None or not found.has_min_max:
        return None
    begin_us: int = pa.scalar(found.min, schema.TIME).cast(pa.int64()).as_py()
    return begin_us


def _as_in_the_lake(table: pa.Table, time_unit: str) -> pa.Table:
    """Return ``table`` with the lake's types; text may stay in dictionaries."""
    for place, name in enumerate(table.column_names):
        wanted, column = schema.EVENTS.field(name).type, table.column(place)
        if name == "time" and time_unit:
            column = column.cast(pa.timestamp(time_unit, "UTC"))
        if not pa.types.is_dictionary(column.type):
            column = column.cast(wanted)
        table = table.set_column(place, name, column)
    return table


@contextmanager
def _damage_named(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise CorruptSegment(f"segment {path} is damaged: {error}; see 'firstlight lake verify'") from error
