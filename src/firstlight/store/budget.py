"""The disk budget: when the lake's directory is larger than it may be, the oldest days go."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from firstlight.store import catalog, schema
from firstlight.store.catalog import Catalog, Segment, Snapshot
from firstlight.store.commit import commit
from firstlight.store.layout import Layout
from firstlight.store.sweep import SIDECAR

_US_PER_DAY = 86_400_000_000
_ROLLUPS = "rollup"
"""Tables whose names begin so hold sums over long times in little room, so they go last."""


@dataclass(frozen=True)
class Reduced:
    """What went because the lake was too large.

    Attributes:
        segments: that went, of all tables.
        rows: in them.
        bytes: of them, sidecars included.
        begin_us: oldest time of a row that went; 0 when nothing went.
        end_us: newest one; 0 likewise.
        over_bytes: what the lake is still too large by, since nothing more may go.
    """

    segments: int
    rows: int
    bytes: int
    begin_us: int
    end_us: int
    over_bytes: int


def excess_bytes(layout: Layout, budget_bytes: int) -> int:
    """Return by how much the lake is larger than it may be, files aside that are swept soon; 0 when it is not."""
    if not budget_bytes:
        return 0
    return max(0, size_bytes(layout.root) - _replaced_bytes(layout) - budget_bytes)


def may_reduce(layout: Layout, snapshot: Snapshot, budget_bytes: int) -> bool:
    """Return whether :func:`reduce` would take something out."""
    return excess_bytes(layout, budget_bytes) > 0 and any(oldest_first(snapshot.segments, 0))


def reduce(layout: Layout, budget_bytes: int, now_us: int) -> Reduced | None:
    """Take segments out until the lake is as small as it must be; None when it is.  The keeper lock is held.

    Raises:
        StorageError: the catalog cannot be written; nothing changed.
        StorageFull: likewise.
    """
    over_bytes = excess_bytes(layout, budget_bytes)
    if not over_bytes:
        return None
    going: list[tuple[str, Segment]] = []
    gone_bytes = 0
    for table, found in oldest_first(Catalog(layout).snapshot().segments, now_us):
        if gone_bytes >= over_bytes:
            break
        going.append((table, found))
        gone_bytes += found.bytes + _sidecar_bytes(found.path)
    if going:
        commit(layout, "budget", remove=[(table, found.path) for table, found in going])
    segments = [found for _, found in going]
    begin_us, end_us = min((s.begin_us for s in segments), default=0), max((s.end_us for s in segments), default=0)
    left = max(0, over_bytes - gone_bytes)
    return Reduced(len(going), sum(s.rows for s in segments), gone_bytes, begin_us, end_us, left)


def oldest_first(segments: Mapping[str, Sequence[Segment]], now_us: int) -> Iterator[tuple[str, Segment]]:
    """Yield what may go in the order in which it goes; definitions of series never do.

    The day of ``now_us`` comes after all other days: while a clock is wrong, what is recorded now is not the oldest.
    """
    today = now_us // _US_PER_DAY

    def rank(item: tuple[str, Segment]) -> tuple[bool, bool, int, str]:
        table, found = item
        day = found.end_us // _US_PER_DAY
        return table.startswith(_ROLLUPS), day == today, day if day != today else found.end_us, table

    timed = ((table, found) for table, parts in segments.items() if _has_times(table) for found in parts)
    yield from sorted(timed, key=rank)


def size_bytes(root: Path) -> int:
    """Return the bytes of all files below ``root``; what vanishes meanwhile does not count."""
    total = 0
    for folder, _, names in os.walk(root):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _replaced_bytes(layout: Layout) -> int:
    return sum(size_bytes + _sidecar_bytes(path) for path, size_bytes in catalog.replaced(layout))


def _sidecar_bytes(path: str) -> int:
    try:
        return Path(path).with_suffix(SIDECAR).stat().st_size
    except FileNotFoundError:
        return 0


def _has_times(table: str) -> bool:
    return table not in schema.TABLES or "time" in schema.TABLES[table].names
