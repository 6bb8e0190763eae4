"""How many events there are of each kind, straight from the columns that tell."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from firstlight.errors import QueryError
from firstlight.model import Level, level_name
from firstlight.query.event_search import VIEW_TRIES, Patience, portions, touched
from firstlight.query.newest import times_ns
from firstlight.query.rows import RowSet
from firstlight.store.blocks import Blocks, SegmentBlocks
from firstlight.store.catalog import Segment
from firstlight.store.reader import LakeReader, View

BY = ("level", "subsystem", "component", "name", "service", "session_id", "host")
"""What events can be counted by."""

_PORTION_BLOCKS = 512
_COUNTED_AT_ONCE = 2**18
_NS_PER_US = 1000
_WHEN = ("time", "ns")
Counts = Counter[tuple[Any, ...]]


class EventCounter:
    """Counts the events of a lake; many threads may use it.

    Args:
        reader: the lake.
        segments: opens its segments.
    """

    def __init__(self, reader: LakeReader, segments: SegmentBlocks) -> None:
        self._reader = reader
        self._segments = segments

    def count(self, start_ns: int, end_ns: int, by: Sequence[str], patience: Patience) -> RowSet:
        """Return how many events in ``[start_ns, end_ns)`` have each combination of ``by``, the most frequent first.

        Raises:
            QueryError: it took too long or was cancelled, or ``by`` has something else than :data:`BY`.
            CorruptSegment: a segment is damaged.
        """
        if not by or not set(by) <= set(BY) or len(set(by)) < len(by):
            raise QueryError(f"events are counted by one or more of {', '.join(BY)}")
        columns = ["level_number" if name == "level" else name for name in by]
        check = patience.watch()
        for _ in range(VIEW_TRIES):
            try:
                counts: Counts = Counter()
                for rows in self._parts(self._reader.view(), start_ns, end_ns, columns):
                    check()
                    counts.update(_counted(rows, columns))
                return _row_set(by, counts)
            except FileNotFoundError:
                # A segment was merged into another one before it was opened.
                check()
        raise QueryError("segments were replaced faster than they could be read; try again")

    def _parts(self, view: View, start_ns: int, end_ns: int, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield ``columns`` of all rows in ``[start_ns, end_ns)``."""
        tail = self._reader.tail_table("events", view).select([*columns, *_WHEN])
        yield _within(tail, start_ns, end_ns).unify_dictionaries().combine_chunks()
        for segment in touched(view, start_ns, end_ns):
            with self._segments.opened(segment) as blocks:
                yield from _parts_of(blocks, segment, start_ns, end_ns, columns)


def _parts_of(
    blocks: Blocks, segment: Segment, start_ns: int, end_ns: int, columns: Sequence[str]
) -> Iterator[pa.Table]:
    begins_ns = blocks.begins_us * _NS_PER_US
    ends_ns = np.append(blocks.begins_us[1:], segment.end_us) * _NS_PER_US + _NS_PER_US
    is_inside = (begins_ns >= start_ns) & (ends_ns <= end_ns)
    is_touched = (begins_ns < end_ns) & (ends_ns > start_ns)
    for portion in portions(np.flatnonzero(is_inside).tolist(), blocks.inflated_bytes(columns), _PORTION_BLOCKS):
        yield blocks.read(columns, portion)[0]
    for number in np.flatnonzero(is_touched & ~is_inside).tolist():
        yield _within(blocks.read([*columns, *_WHEN], [number])[0], start_ns, end_ns)


def _within(rows: pa.Table, start_ns: int, end_ns: int) -> pa.Table:
    when_ns = times_ns(rows)
    return rows.filter(pa.array((when_ns >= start_ns) & (when_ns < end_ns)))


def _counted(rows: pa.Table, columns: Sequence[str]) -> Counts:
    """Return how many rows there are of each combination of values."""
    counts: Counts = Counter()
    for batch in rows.select(columns).to_batches():
        numbers, values = zip(*map(_numbered, batch.columns), strict=True)
        sizes = [len(found) for found in values]
        combined = numbers[0].astype(np.int64)
        for more, size in zip(numbers[1:], sizes[1:], strict=True):
            combined = combined * size + more
        for kind, count in _frequencies(combined, int(np.prod(sizes))):
            places = np.unravel_index(kind, sizes)
            counts[tuple(found[place] for found, place in zip(values, places, strict=True))] += count
    return counts


def _frequencies(numbers: Any, size: int) -> Iterator[tuple[int, int]]:
    """Yield each of ``numbers``, all below ``size``, with how often it is there."""
    if size <= _COUNTED_AT_ONCE:
        counts = np.bincount(numbers, minlength=size)
        found = np.flatnonzero(counts)
        counts = counts[found]
    else:
        found, counts = np.unique(numbers, return_counts=True)
    yield from zip(found.tolist(), counts.tolist(), strict=True)


def _numbered(column: pa.Array) -> tuple[Any, list[Any]]:
    """Return a number for each value of ``column``, and the values by number; the last one is None."""
    if pa.types.is_int8(column.type):
        # OTLP's severity numbers need no dictionary.
        known = list(range(128))
        return pc.fill_null(column.cast(pa.int16()), 128).to_numpy(), [*known, None]
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    values = column.dictionary.to_pylist()
    return column.indices.fill_null(len(values)).to_numpy(), [*values, None]


def _row_set(by: Sequence[str], counts: Counts) -> RowSet:
    shown: Counts = Counter()
    for values, count in counts.items():
        pairs = zip(by, values, strict=True)
        shown[tuple(level_name(v or Level.INFO) if name == "level" else v or "" for name, v in pairs)] += count
    rows = sorted(((*values, count) for values, count in shown.items()), key=lambda row: (-row[-1], row[:-1]))
    return RowSet([*by, "count"], ["VARCHAR"] * len(by) + ["BIGINT"], rows)
