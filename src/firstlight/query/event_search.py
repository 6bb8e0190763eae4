"""Events that contain a text, newest first.

The newest rows are looked at first: the tail, then segment by segment, in each only the blocks that its index leaves,
from the last one back, until there are as many hits as are wanted and nothing newer can come.  Of a block the columns
that decide are read first; the others of the hits only.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from firstlight.errors import QueryError
from firstlight.query.newest import Newest, taken, times_ns
from firstlight.query.text_match import TextMatch
from firstlight.store import schema
from firstlight.store.blocks import Blocks, SegmentBlocks
from firstlight.store.catalog import Segment
from firstlight.store.reader import LakeReader, View

MAX_LIMIT = 100_000
"""Hits of one search."""

_PORTION_BYTES = 16 * 2**20
"""Text that is looked through at once; bounds memory."""

_FIRST_PORTION_BLOCKS, _PORTION_BLOCKS = 16, 64
_NS_PER_US = 1000
_TAIL_ROWS = 16_384
_PLACE_BITS = 32
_IN_TAIL = -1


@dataclass(frozen=True)
class EventSearch:
    """What is looked for.

    Attributes:
        match: the text.
        start_ns: first moment.
        end_ns: the moment after the last.
        limit: hits at most, the newest ones.
        level: OTLP severity number; this one and louder.
        equal: columns and what they must be.
    """

    match: TextMatch
    start_ns: int
    end_ns: int
    limit: int
    level: int = 0
    equal: Mapping[str, str] = field(default_factory=dict)

    @property
    def deciding(self) -> list[str]:
        """Columns that tell whether a row is a hit."""
        level = ["level_number"] if self.level else []
        return list(dict.fromkeys(["time", "ns", *level, *self.equal, *self.match.columns]))

    def hits(self, table: pa.Table) -> Any:
        """Return the numbers of the rows of ``table`` that are hits."""
        when_ns = times_ns(table)
        found = (when_ns >= self.start_ns) & (when_ns < self.end_ns)
        if self.level:
            found &= pc.greater_equal(table["level_number"], self.level).fill_null(False).to_numpy()
        for column, value in self.equal.items():
            found &= pc.equal(table[column], value).fill_null(False).to_numpy()
        if found.any():
            found &= self.match.rows(table)
        return np.flatnonzero(found)


@dataclass(frozen=True)
class Patience:
    """When a search is given up.

    Attributes:
        time_limit_s: it may take so long.
        cancel: set by another thread to stop it.
    """

    time_limit_s: float
    cancel: threading.Event | None = None

    def watch(self) -> Callable[[], None]:
        """Return what to call now and then; it raises QueryError when it is time to give up."""
        until_s = time.monotonic() + self.time_limit_s

        def check() -> None:
            if self.cancel is not None and self.cancel.is_set():
                raise QueryError("the search was cancelled")
            if time.monotonic() > until_s:
                raise QueryError(
                    f"the search took longer than {self.time_limit_s:g} s; narrow its time range or raise the limit"
                )

        return check


class EventSearcher:
    """Searches the events of a lake; many threads may use it.

    Args:
        reader: the lake.
    """

    def __init__(self, reader: LakeReader) -> None:
        self._reader = reader
        self._segments = SegmentBlocks()

    def run(self, wanted: EventSearch, patience: Patience) -> tuple[pa.Table, bool]:
        """Return the hits as rows of the ``events`` table, newest first, and whether there are more.

        Raises:
            QueryError: it took too long or was cancelled, or the limit is out of bounds.
            StorageError: segments cannot be read.
        """
        if not 0 < wanted.limit <= MAX_LIMIT:
            raise QueryError(f"the limit must be between 1 and {MAX_LIMIT:,}")
        check = patience.watch()
        return self._reader.reading(lambda view: self._search(wanted, view, check))

    def _search(self, wanted: EventSearch, view: View, check: Callable[[], None]) -> tuple[pa.Table, bool]:
        check()
        tail, segments = self._reader.tail_table("events", view), _touched(view, wanted)
        newest = Newest(wanted.limit + 1)
        _look_through_tail(wanted, tail.select(wanted.deciding), newest, check)
        for number, segment in enumerate(segments):
            if newest.has_nothing_before(segment.end_us):
                break
            if not self._reader.intact.is_whole("events", segment):
                continue
            with self._segments.opened(segment) as blocks:
                _look_through(wanted, blocks, partial(newest.add, number), newest.has_nothing_before, check)
        hits = newest.hits(wanted.limit)
        if hits is None:
            return schema.EVENTS.empty_table(), False
        rest = [name for name in schema.EVENTS.names if name not in wanted.deciding]

        def complete(source: int, addresses: Any) -> pa.Table:
            check()
            if source == _IN_TAIL:
                return taken(tail.select(rest), addresses)
            with self._segments.opened(segments[source]) as blocks:
                return _rows_at(blocks, rest, addresses)

        return hits.completed(complete).select(schema.EVENTS.names), len(newest) > wanted.limit


def _touched(view: View, wanted: EventSearch) -> list[Segment]:
    """Return the segments that may have hits, the one with the newest row first."""
    begin_us, end_us = wanted.start_ns // _NS_PER_US, wanted.end_ns // _NS_PER_US
    found = [s for s in view.snapshot.segments.get("events", ()) if s.touches(begin_us, end_us)]
    return sorted(found, key=lambda segment: -segment.end_us)


def _look_through_tail(wanted: EventSearch, tail: pa.Table, newest: Newest, check: Callable[[], None]) -> None:
    """Look through the tail from its last rows back; they are the newest, but for a few."""
    newest_us = np.maximum.accumulate(tail["time"].cast(pa.int64()).to_numpy())
    for begin in range((tail.num_rows - 1) // _TAIL_ROWS * _TAIL_ROWS, -1, -_TAIL_ROWS):
        check()
        rows = tail.slice(begin, _TAIL_ROWS)
        newest.add(_IN_TAIL, rows, wanted.hits(rows), np.arange(begin, begin + rows.num_rows))
        if begin and newest.has_nothing_before(int(newest_us[begin - 1])):
            return


def _look_through(
    wanted: EventSearch,
    blocks: Blocks,
    add: Callable[[pa.Table, Any, Any], None],
    has_nothing_before: Callable[[int], bool],
    check: Callable[[], None],
) -> None:
    """Look through one segment from its newest block back."""
    numbers = _possible(wanted, blocks)
    sizes = blocks.inflated_bytes(wanted.deciding)
    for portion in portions(numbers[::-1].tolist(), sizes, _FIRST_PORTION_BLOCKS):
        check()
        ascending = portion[::-1]
        table, counts = blocks.read(wanted.deciding, ascending)
        add(table, wanted.hits(table), _addresses(ascending, counts))
        if has_nothing_before(int(blocks.begins_us[ascending[0]])):
            return


def _possible(wanted: EventSearch, blocks: Blocks) -> Any:
    """Return the numbers of the blocks that may have hits."""
    possible = wanted.match.candidates(blocks)
    begins_us = blocks.begins_us
    # A block ends where the next one begins.
    first = int(np.searchsorted(begins_us, wanted.start_ns // _NS_PER_US, side="left")) - 1
    possible[: max(0, first)] = False
    possible[int(np.searchsorted(begins_us, wanted.end_ns // _NS_PER_US, side="right")) :] = False
    return np.flatnonzero(possible)


def portions(numbers: Sequence[int], sizes: Any, first: int) -> Iterator[list[int]]:
    """Yield ``numbers`` in turn, twice as many each time, as long as their sizes keep within bounds."""
    portion: list[int] = []
    most, size = first, 0
    for number in numbers:
        more = int(sizes[number])
        if portion and (len(portion) >= most or size + more > _PORTION_BYTES):
            yield portion
            portion, size, most = [], 0, min(2 * most, _PORTION_BLOCKS)
        portion.append(number)
        size += more
    if portion:
        yield portion


def _addresses(numbers: Sequence[int], counts: Any) -> Any:
    """Return where each row lies in its segment: its block and its place there."""
    starts = np.cumsum(counts) - counts
    within = np.arange(int(counts.sum())) - np.repeat(starts, counts)
    return np.repeat(np.array(numbers, np.int64) << _PLACE_BITS, counts) | within


def _rows_at(blocks: Blocks, columns: Sequence[str], addresses: Any) -> pa.Table:
    """Return ``columns`` of the rows at ``addresses``."""
    order = np.argsort(addresses)
    numbers, places = addresses[order] >> _PLACE_BITS, addresses[order] & ((1 << _PLACE_BITS) - 1)
    pieces = []
    for portion in portions(np.unique(numbers).tolist(), blocks.inflated_bytes(columns), _PORTION_BLOCKS):
        table, counts = blocks.read(columns, portion)
        own = (numbers >= portion[0]) & (numbers <= portion[-1])
        starts = np.cumsum(counts) - counts
        rows = starts[np.searchsorted(portion, numbers[own])] + places[own]
        pieces.append(taken(table, rows))
    return pa.concat_tables(pieces).take(pa.array(np.argsort(order)))
