"""Several sorted segments of one table into one, a stretch of the sort key at a time, so that memory stays bounded."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.store import schema, segment
from firstlight.store.sorting import Samples, joined, ordered

STRETCH_ROWS = {"samples": 131_072, "exponential": 65_536, "events": 65_536, "spans": 65_536}
"""Rows that are sorted together; the rows of one key are never parted."""


def merged(table: str, paths: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the rows of the segments ``paths``, oldest first, in the order of ``table``.

    Of two samples of one series and moment the later written one is kept; a series that is defined twice keeps its
    first definition.

    Raises:
        OSError: a segment cannot be read.
        pa.ArrowException: a segment is damaged.
    """
    if table == "series":
        yield _series(paths)
    elif table == "samples":
        yield from map(segment.samples_table, merged_samples(paths))
    else:
        yield from (_in_order(table, parts) for parts in _stretches(table, paths))


def merged_samples(paths: Sequence[str]) -> Iterator[Samples]:
    """Yield the samples of segments as :func:`merged` does, with their values."""
    for parts in _stretches("samples", paths):
        samples = [segment.samples_of(part) for part in parts]
        yield samples[0] if len(samples) == 1 else ordered(joined(samples))


def _stretches(table: str, paths: Sequence[str]) -> Iterator[list[pa.Table]]:
    """Yield what each of the segments has of a stretch of the sort key."""
    inputs = [_Input(path, schema.SORT_KEYS[table][0]) for path in paths]
    try:
        for cut in _cuts(inputs, STRETCH_ROWS[table]):
            parts = [part for found in inputs if (part := found.until(cut)).num_rows]
            if parts:
                yield parts
    finally:
        for found in inputs:
            found.close()


class _Input:
    """One segment, read from its beginning to its end."""

    def __init__(self, path: str, key: str) -> None:
        self._file = pq.ParquetFile(path, page_checksum_verification=True)
        self._key = key
        self._next = 0
        self._rest: pa.Table | None = None
        meta = self._file.metadata
        column = self._file.schema_arrow.get_field_index(key)
        leaf = next(i for i in range(meta.num_columns) if meta.schema.column(i).path == key) if column >= 0 else 0
        groups = [meta.row_group(i) for i in range(meta.num_row_groups)]
        self.rows = [group.num_rows for group in groups]
        self.lasts = [_number(group.column(leaf).statistics.max) for group in groups]

    def until(self, cut: int) -> pa.Table:
        """Return the rows not read yet whose key is at most ``cut``."""
        parts = [] if self._rest is None else [self._rest]
        last = _keys(parts[0], self._key)[-1] if parts else None
        while self._next < len(self.rows) and (last is None or last <= cut):
            part = self._file.read_row_group(self._next, use_threads=False)
            parts.append(part)
            last = _keys(part, self._key)[-1]
            self._next += 1
        if not parts:
            return self._file.schema_arrow.empty_table()
        table = pa.concat_tables(parts)
        end = int(np.searchsorted(_keys(table, self._key), cut, side="right"))
        self._rest = table.slice(end) if end < table.num_rows else None
        return table.slice(0, end)

    def close(self) -> None:
        self._file.close()


def _cuts(inputs: Sequence[_Input], stretch_rows: int) -> Iterator[int]:
    """Yield ascending keys such that some ``stretch_rows`` rows lie between two of them."""
    groups = sorted((last, rows) for found in inputs for last, rows in zip(found.lasts, found.rows, strict=True))
    waiting = 0
    for number, (last, rows) in enumerate(groups):
        waiting += rows
        is_final = number == len(groups) - 1
        if is_final or (waiting >= stretch_rows and groups[number + 1][0] > last):
            yield last
            waiting = 0


def _in_order(table: str, parts: Sequence[pa.Table]) -> pa.Table:
    rows = pa.concat_tables([schema.completed(table, part).cast(schema.TABLES[table]) for part in parts])
    keys = np.lexsort([rows[name].to_numpy() for name in reversed([*schema.SORT_KEYS[table], "ns"])])
    return rows.take(pa.array(keys))


def _series(paths: Sequence[str]) -> pa.Table:
    rows = pa.concat_tables([pq.read_table(path, page_checksum_verification=True) for path in paths])
    first = np.unique(rows["series_id"].to_numpy(), return_index=True)[1]
    found = rows.take(pa.array(np.sort(first))).cast(schema.SERIES)
    return found.sort_by([(name, "ascending") for name in schema.SORT_KEYS["series"]])


def _keys(table: pa.Table, key: str) -> Any:
    column = table[key]
    return column.to_numpy() if key != "time" else column.cast(schema.TIME).cast(pa.int64()).to_numpy()


def _number(value: Any) -> int:
    """Return a statistic as the keys are: times as microseconds."""
    return value if isinstance(value, int) else pa.scalar(value, schema.TIME).cast(pa.int64()).as_py()
