"""How many events there were of each kind."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from firstlight.errors import QueryError
from firstlight.model import level_name
from firstlight.store.event_reader import Counts, count
from firstlight.store.reader import LakeReader, View

COLUMNS = ("level", "level_number", "subsystem", "component", "name", "service", "session_id", "host")
_NS_PER_US = 1000


def count_events(reader: LakeReader, start_ns: int, end_ns: int, by: Sequence[str] = ("level",)) -> Counts:
    """Return how many events with ``start_ns <= time < end_ns`` have each combination of values.

    Args:
        reader: the lake.
        start_ns: the first time.
        end_ns: the first time that is too late.
        by: some of :data:`COLUMNS`; each key of the answer has their values in this order.

    Raises:
        QueryError: one is not among them.
        StorageError: a segment cannot be read.
    """
    unknown = [name for name in by if name not in COLUMNS]
    if unknown:
        raise QueryError(f"events are not counted by {unknown[0]!r}; there are {', '.join(COLUMNS)}")
    columns = ["level_number" if name == "level" else name for name in by]

    def read(view: View) -> Counts:
        begin_us, end_us = start_ns // _NS_PER_US, (end_ns - 1) // _NS_PER_US
        segments = reader.sealed("events", view, begin_us, end_us)
        found: Counts = Counter()
        for segment in segments:
            found.update(reader.events.counts(segment, columns, start_ns, end_ns))
        tail = reader.tail_table("events", view)
        if tail.num_rows:
            found.update(count(tail, columns, start_ns, end_ns))
        return _named(found, by) if "level" in by else found

    return reader.reading(read)


def _named(counts: Counts, by: Sequence[str]) -> Counts:
    named: Counts = Counter()
    for key, rows in counts.items():
        values: list[Any] = [level_name(v) if name == "level" else v for name, v in zip(by, key, strict=True)]
        named[tuple(values)] += rows
    return named
