"""Compaction: the many small segments of a day become one."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.store import merge, schema
from firstlight.store.catalog import Segment, Snapshot
from firstlight.store.commit import commit
from firstlight.store.layout import Layout
from firstlight.store.segment import SegmentWriter

FAN_IN = 8
"""So many segments of a day, none larger than those after it together, are merged at once."""

QUIET_S = 120.0
"""A day that is over is made one segment when nothing has come for it for so long."""

US_PER_DAY = 86_400_000_000
_US_PER_S = 1_000_000


class Merge(NamedTuple):
    """Segments of one table and day that are to become one, oldest first."""

    table: str
    day: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Merged:
    """What a merge did: how many segments became one, its rows, and the bytes before and after."""

    table: str
    day: str
    segments: int
    rows: int
    bytes_before: int
    bytes_after: int


def due(snapshot: Snapshot, now_us: int) -> list[Merge]:
    """Return the merges that are worth while now."""
    return [found for days in _days(snapshot) if (found := _worth_while(days, now_us)) is not None]


def possible(snapshot: Snapshot) -> list[Merge]:
    """Return what makes every day one segment."""
    return [days for days in _days(snapshot) if len(days.segments) > 1]


def run(layout: Layout, work: Merge, between: Callable[[], object] = bool) -> Merged:
    """Do ``work``; the segments merged stay on the disk until they are swept.

    Args:
        layout: the lake.
        work: what to merge.
        between: called now and then, for what cannot wait until a large merge is done.

    Raises:
        StorageError: one of them is no longer part of the lake, or the catalog cannot be written; nothing changed.
        StorageFull: no space; nothing changed.
        OSError: a segment cannot be read or written; nothing changed.
        pa.ArrowException: a segment is damaged; nothing changed.
    """
    name = f"{work.day}-{time.time_ns():016x}-{secrets.token_hex(3)}.parquet"
    target = layout.table_dir(work.table) / name
    paths = [found.path for found in work.segments]
    whole_ms = work.table != "series" and all(_has_whole_ms(path) for path in paths)
    staging = layout.staging / f"{work.table}-{name}"
    with SegmentWriter(work.table, staging, target, whole_ms=whole_ms, use="merged") as writer:
        for rows in merge.merged(work.table, paths):
            writer.write(rows)
            between()
    written = replace(writer.written(), order=max(found.order for found in work.segments))
    commit(layout, "compact", add=[written], remove=[(work.table, path) for path in paths])
    before = sum(found.bytes for found in work.segments)
    return Merged(work.table, work.day, len(paths), written.rows, before, written.bytes)


def day_of(time_us: int) -> str:
    """Return the name of the day (UTC) of a time."""
    return str(pa.scalar(time_us // US_PER_DAY, pa.date32()))


def _days(snapshot: Snapshot) -> Iterator[Merge]:
    for table, segments in snapshot.segments.items():
        if table in schema.DERIVED:
            continue
        days: dict[str, list[Segment]] = {}
        for found in segments:
            days.setdefault(day_of(found.begin_us) if _has_times(table) else "all", []).append(found)
        for day, parts in days.items():
            yield Merge(table, day, tuple(parts))


def _worth_while(days: Merge, now_us: int) -> Merge | None:
    segments = days.segments
    if len(segments) == 1:
        return None
    is_quiet = now_us - max(found.since_us for found in segments) > QUIET_S * _US_PER_S
    is_over = _has_times(days.table) and segments[0].begin_us // US_PER_DAY < now_us // US_PER_DAY
    if is_quiet and is_over:
        return days
    newest = _newest_alike(segments)
    return days._replace(segments=newest) if len(newest) >= FAN_IN else None


def _newest_alike(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return the newest segments, none larger than all that are newer than it."""
    total, count = segments[-1].bytes, 1
    for found in reversed(segments[:-1]):
        if found.bytes > 2 * total:
            break
        total += found.bytes
        count += 1
    return tuple(segments[-count:])


def _has_times(table: str) -> bool:
    return "time" in schema.TABLES[table].names


def _has_whole_ms(path: str) -> bool:
    return bool(pq.read_schema(path).field("time").type == schema.TIME_MS)
