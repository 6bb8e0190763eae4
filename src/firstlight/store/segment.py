"""Writing sealed segments: sorted Parquet with an encoding chosen for each column."""

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from firstlight.store import encoding, schema, sidecar
from firstlight.store.checksum import SummedFile, with_sum
from firstlight.store.commit import NewSegment
from firstlight.store.layout import sync_directory
from firstlight.store.pages import BLOCK_ROWS
from firstlight.store.sorting import Samples

Use = Literal["fresh", "merged", "apart"]
"""What a segment is for: it holds what has just come; it replaces others, and may take time over being small; or it is
no part of a lake, and has nothing beside it."""

_COMPRESSION = "zstd"
_COMPRESSION_LEVEL = 3
ROW_GROUP_ROWS = 65_536
FRESH_ROW_GROUP_ROWS = 16_384
"""Of samples that have just come: a merge holds a row group of each of its inputs."""

ROLLUP_ROW_GROUP_ROWS = 4096
_SYNC_BYTES = 4 * 2**20
"""Written at once; more would make others wait for the disk, above all those who sync their log."""

_US_PER_MS = 1000
_DELTA = "DELTA_BINARY_PACKED"
_SPLIT = "BYTE_STREAM_SPLIT"
_ROLLUP = {column.name: _SPLIT if pa.types.is_floating(column.type) else _DELTA for column in schema.ROLLUP}
_LENGTHS_APART = "DELTA_LENGTH_BYTE_ARRAY"
_HEX_IDS = {"trace_id": _LENGTHS_APART, "span_id": _LENGTHS_APART, "parent_id": _LENGTHS_APART}
# Level 1 is smaller than 3 where there is little but Huffman's coding to gain: hexadecimal digits, numbers in JSON.
_LEVELS = {"trace_id": 1, "span_id": 1, "parent_id": 1, "attributes": 1}
_THOROUGH_LEVELS = {"body": 9, "attributes": 9}
_COLUMN_ENCODINGS = {
    "samples": {
        "series_id": _DELTA,
        "time": _DELTA,
        "ns": _DELTA,
        "value_int": _DELTA,
        "value_divisor": _DELTA,
        "value_double": _SPLIT,
    },
    "events": {"time": _DELTA, "ns": _DELTA, "pid": _DELTA, "trace_id": _LENGTHS_APART, "span_id": _LENGTHS_APART},
    "spans": {"time": _DELTA, "ns": _DELTA, "duration_ns": _DELTA, "pid": _DELTA, **_HEX_IDS},
    "exponential": {"series_id": _DELTA, "time": _DELTA, "ns": _DELTA},
    "rollup_1m": _ROLLUP,
    "rollup_1h": _ROLLUP,
}
_LIKELY_DISTINCT = frozenset({"body", "attributes"})
_STATISTICS = {"events": ["time"], "spans": ["time", "duration_ns"]}
"""Columns whose bounds rule row groups out; those of text would take more room than they save."""

_PAGES_IN_BLOCKS = {"max_rows_per_page": BLOCK_ROWS, "data_page_size": 64 * 2**20}
"""Pages are cut by rows alone, whatever their bytes; see :mod:`firstlight.store.pages`."""


def samples_table(samples: Samples) -> pa.Table:
    """Return sorted samples with their values split into exact integers and doubles."""
    ids, times_us, ns, values = samples
    starts = np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1])))
    divisor, whole, exact = encoding.split(values, starts)
    columns = [
        pa.array(ids),
        pa.array(times_us, schema.TIME),
        pa.array(ns),
        pa.array(whole, mask=~exact),
        pa.array(divisor, mask=~exact),
        pa.array(values, mask=exact),
    ]
    return pa.Table.from_arrays(columns, schema=schema.SAMPLES)


def samples_of(table: pa.Table) -> Samples:
    """Return the rows of a segment of samples with their values, bit for bit."""
    ids, ns = (table[name].to_numpy() for name in ("series_id", "ns"))
    times_us = table["time"].cast(schema.TIME).cast(pa.int64()).to_numpy()
    doubles = table["value_double"].combine_chunks()
    if doubles.null_count == 0:
        return Samples(ids, times_us, ns, doubles.to_numpy())
    # Null slots of an Arrow array hold anything, but are there.
    is_double = doubles.is_valid().to_numpy(zero_copy_only=False)
    whole, divisor = (table[name].fill_null(1).to_numpy() for name in ("value_int", "value_divisor"))
    return Samples(ids, times_us, ns, np.where(is_double, doubles.fill_null(0.0).to_numpy(), whole / divisor))


def has_whole_ms(table: pa.Table) -> bool:
    """Return whether each time is a whole number of milliseconds."""
    if "time" not in table.column_names or not table.num_rows:
        return False
    return are_whole_ms(table["time"].cast(pa.int64()).to_numpy(), table["ns"].to_numpy())


def are_whole_ms(times_us: Any, ns: Any) -> bool:
    """Return whether each time, microseconds and the nanoseconds beyond them, is a whole number of milliseconds."""
    return not ns.any() and not (times_us % _US_PER_MS).any()


class SegmentWriter:
    """Writes one segment, piece by piece: first to ``staging``; at the end it is synced and renamed to ``target``.

    Use as a context manager; an exception inside leaves nothing behind.

    Args:
        name: its table.
        staging: path on the same file system as ``target``.
        target: where it is to lie.
        whole_ms: times are whole milliseconds, all of them.
        columns: of a table that is not one of the lake's.
        use: what it is for, see :data:`Use`.

    Attributes:
        name: its table.

    Raises:
        OSError: the disk refused.
    """

    def __init__(
        self,
        name: str,
        staging: Path,
        target: Path,
        *,
        whole_ms: bool = False,
        columns: pa.Schema | None = None,
        use: Use = "fresh",
    ) -> None:
        self.name = name
        self._staging = staging
        self._target = target
        self._schema = _file_schema(name, columns or schema.TABLES[name], whole_ms=whole_ms)
        self._use = use
        self._beside = sidecar.Builder() if name in sidecar.TABLES and use != "apart" else None
        self._row_group_rows = _row_group_rows(name, use)
        self._rows = self._synced_bytes = 0
        self._waiting: list[pa.Table] = []
        self._begin_us: int | None = None
        self._end_us: int | None = None

    def __enter__(self) -> Self:
        self._staging.parent.mkdir(exist_ok=True)
        self._file = SummedFile(self._staging)
        encodings = _COLUMN_ENCODINGS.get(self.name, {})
        self._writer = pq.ParquetWriter(
            self._file,
            self._schema,
            compression=_COMPRESSION,
            compression_level=_levels(self._schema, thorough=self._use == "merged"),
            use_dictionary=[f.name for f in self._schema if _wants_dictionary(f, encodings)],
            column_encoding=encodings or None,
            write_statistics=_STATISTICS.get(self.name, True),
            write_page_checksum=True,
            version="2.6",
            **(_PAGES_IN_BLOCKS if self.name in sidecar.TABLES else {}),
        )
        return self

    def write(self, table: pa.Table) -> None:
        """Append rows, which must come after those written before in the table's order; row groups are filled."""
        if not table.num_rows:
            return
        if "time" in table.column_names:
            self._bound(table["time"])
        self._rows += table.num_rows
        self._waiting.append(table)
        waiting = sum(piece.num_rows for piece in self._waiting)
        if waiting >= self._row_group_rows:
            self._put(waiting - waiting % self._row_group_rows)
        if self._file.tell() - self._synced_bytes > _SYNC_BYTES:
            self._sync()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None and self._waiting:
                self._put()
            self._writer.close()
            if error is None:
                self._sync()
        finally:
            self._file.close()
            if error is not None:
                self._staging.unlink(missing_ok=True)
        if error is None:
            if self._use != "apart":
                self._target = with_sum(self._target, self._file.crc32)
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._staging.replace(self._target)
            if self._beside is not None:
                self._beside.write(self._target)
            sync_directory(self._target.parent)

    def written(self) -> NewSegment:
        """Return what has been written, once it is in its place."""
        size_bytes = self._target.stat().st_size
        footer_bytes = _footer_bytes(self._target, size_bytes)
        span = (self._begin_us, self._end_us)
        return NewSegment(self.name, self._target, self._rows, size_bytes, footer_bytes, *span)

    def _put(self, rows: int | None = None) -> None:
        """Write so many of the rows that wait, or all."""
        waiting = pa.concat_tables(self._waiting)
        table = waiting.slice(0, rows)
        whole = schema.completed(self.name, table) if _is_the_lakes(self.name, self._schema) else table
        self._writer.write_table(whole.cast(self._schema), self._row_group_rows)
        if self._beside is not None:
            self._beside.add(table)
        self._waiting = [waiting.slice(rows)] if rows is not None and rows < waiting.num_rows else []

    def _bound(self, times: pa.ChunkedArray) -> None:
        bounds = pc.min_max(times)
        first, last = (bounds[key].cast(schema.TIME).cast(pa.int64()).as_py() for key in ("min", "max"))
        self._begin_us = first if self._begin_us is None else min(first, self._begin_us)
        self._end_us = last if self._end_us is None else max(last, self._end_us)

    def _sync(self) -> None:
        self._file.flush()
        os.fdatasync(self._file.fileno())
        self._synced_bytes = self._file.tell()


def _row_group_rows(name: str, use: Use) -> int:
    if name in schema.DERIVED:
        return ROLLUP_ROW_GROUP_ROWS
    return FRESH_ROW_GROUP_ROWS if name == "samples" and use == "fresh" else ROW_GROUP_ROWS


def write(table: pa.Table, name: str, staging: Path, target: Path, *, use: Use = "fresh") -> NewSegment:
    """Write ``table``, which is in its order, as one segment of table ``name``; see :class:`SegmentWriter`."""
    columns = schema.TABLES[name] if _is_the_lakes(name, table.schema) else table.schema
    with SegmentWriter(name, staging, target, whole_ms=has_whole_ms(table), columns=columns, use=use) as writer:
        writer.write(table)
    return writer.written()


def _file_schema(name: str, columns: pa.Schema, *, whole_ms: bool) -> pa.Schema:
    """Return the columns of a file; those of the lake's tables have their number in the catalog."""
    kept = [column.with_type(schema.TIME_MS) if whole_ms and column.name == "time" else column for column in columns]
    return pa.schema(
        [_numbered(found, schema.field_ids(name)) for found in kept] if _is_the_lakes(name, columns) else kept
    )


def _is_the_lakes(name: str, columns: pa.Schema) -> bool:
    return name in schema.TABLES and columns.names == schema.TABLES[name].names


def _numbered(column: pa.Field, numbers: dict[str, int]) -> pa.Field:
    kind = column.type
    if pa.types.is_map(kind):
        parts = [
            _with_number(part, numbers[f"{column.name}.{part.name}"]) for part in (kind.key_field, kind.item_field)
        ]
        kind = pa.map_(*parts)
    elif pa.types.is_list(kind):
        kind = pa.list_(_with_number(kind.value_field, numbers[f"{column.name}.element"]))
    return _with_number(column.with_type(kind), numbers[column.name])


def _with_number(column: pa.Field, number: int) -> pa.Field:
    return column.with_metadata({"PARQUET:field_id": str(number)})


def _footer_bytes(path: Path, size_bytes: int) -> int:
    """Return the length that a Parquet file notes before its last four bytes."""
    with path.open("rb") as file:
        file.seek(size_bytes - 8)
        return int.from_bytes(file.read(4), "little")


def _levels(columns: pa.Schema, *, thorough: bool) -> int | dict[str, int]:
    """Return the level of compression, by column where they differ."""
    if not _LEVELS.keys() & set(columns.names):
        return _COMPRESSION_LEVEL
    levels = _LEVELS | (_THOROUGH_LEVELS if thorough else {})
    return {column.name: levels.get(column.name, _COMPRESSION_LEVEL) for column in columns}


def _wants_dictionary(field: pa.Field, encodings: dict[str, str]) -> bool:
    if field.name in encodings or field.name in _LIKELY_DISTINCT:
        return False
    return bool(pa.types.is_string(field.type) or pa.types.is_int8(field.type))
