"""What a lake holds: sizes, growth, what its series are made of, what comes in, and what its upkeep did.

Nearly all of it comes from the catalog and from the segments of the series, so it takes no longer on a large lake.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.app.cardinality import Cardinality, explore
from firstlight.store import catalog, columns, schema
from firstlight.store.catalog import Segment
from firstlight.store.held import Held, hold
from firstlight.store.layout import Layout
from firstlight.store.sweep import SIDECAR
from firstlight.store.tail import TAIL_TABLES

DEFAULT_TOP = 10
EXACT_ROWS = 20_000_000
"""Recent rows that are counted one by one; of more, those of a segment are taken as evenly spread over its time."""

CHANGES_SHOWN = 20

_EXPLORED = ("series_id", "name", "labels")
_SERIES_AT_ONCE = 50_000
_MINUTES = 60
_US_PER_MINUTE = 60_000_000
_US_PER_DAY = 86_400_000_000
_EVER_US = 2**63
_RATED = ("samples", "events", "spans")
_CHANGES = (
    "SELECT c.snapshot_id, s.snapshot_time, c.commit_message, "
    "(SELECT count(*) FROM ducklake_data_file f WHERE f.begin_snapshot = c.snapshot_id), "
    "(SELECT count(*) FROM ducklake_data_file f WHERE f.end_snapshot = c.snapshot_id) "
    "FROM ducklake_snapshot_changes c JOIN ducklake_snapshot s USING (snapshot_id) "
    "WHERE c.commit_message IS NOT NULL ORDER BY c.snapshot_id DESC LIMIT ?"
)
_WAITING = "SELECT count(*), coalesce(sum(file_size_bytes), 0) FROM ducklake_data_file WHERE end_snapshot IS NOT NULL"


@dataclass(frozen=True, slots=True)
class TableSize:
    """Size of one table.

    Attributes:
        rows: sealed ones.
        bytes: of its segments.
        index_bytes: of the indexes beside them.
        segments: files.
        tail_rows: rows that are in the logs only.
        bytes_per_row: of sealed rows; None when there are none.
        oldest_us: time of the oldest row, microseconds; None where there is none.
        newest_us: likewise.
    """

    rows: int
    bytes: int
    index_bytes: int
    segments: int
    tail_rows: int
    bytes_per_row: float | None
    oldest_us: int | None
    newest_us: int | None


@dataclass
class DaySize:
    """What the sealed rows of one day take."""

    day: str
    rows: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    segments: int = 0


@dataclass(frozen=True, slots=True)
class Rate:
    """Rows of the last hour by the minute of their own time, oldest minute first.

    Attributes:
        minutes: rows of each minute, by table.
        last_hour: rows, by table.
        estimated: whether rows were taken as evenly spread within segments.
    """

    minutes: dict[str, list[int]]
    last_hour: dict[str, int]
    estimated: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One change of what the lake consists of.

    Attributes:
        snapshot: number of the catalog's snapshot.
        time: when.
        what: ``seal``, ``compact`` and so on.
        added: segments.
        removed: segments.
    """

    snapshot: int
    time: str
    what: str
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What sealing and compaction left.

    Attributes:
        changes: the newest ones that the catalog still remembers, newest first.
        days_in_one_segment: days of tables that are one segment.
        days_in_many: days of tables that are several.
        replaced_segments: files that wait to be removed.
        replaced_bytes: size of these.
    """

    changes: list[Change]
    days_in_one_segment: int
    days_in_many: int
    replaced_segments: int
    replaced_bytes: int


@dataclass(frozen=True, slots=True)
class LakeStats:
    """What a lake holds.

    Attributes:
        directory: of the lake.
        snapshot: number of the catalog's snapshot.
        tables: size of each.
        bytes: of segments, indexes, catalog and logs together.
        catalog_bytes: of the catalog.
        log_bytes: of logs that are not sealed.
        logs: how many of these.
        cardinality: what the series are made of.
        days: what each day takes, oldest first.
        rate: what comes in.
        upkeep: what sealing and compaction left.
    """

    directory: str
    snapshot: int
    tables: dict[str, TableSize]
    bytes: int
    catalog_bytes: int
    log_bytes: int
    logs: int
    cardinality: Cardinality
    days: list[DaySize]
    rate: Rate
    upkeep: Upkeep


def measure(lake: str | PathLike[str], *, top: int = DEFAULT_TOP, now_ns: int | None = None) -> LakeStats:
    """Return what the lake in directory ``lake`` holds; others may be writing to it.

    Args:
        lake: its directory.
        top: how many metrics, labels and values to name.
        now_ns: now; the clock's when None.

    Raises:
        StorageError: it cannot be read.
        CorruptSegment: a segment of series is damaged.
    """
    layout = Layout(lake)
    now_us = (time.time_ns() if now_ns is None else now_ns) // 1000
    with hold(layout, _RATED) as held:
        tables = {name: _table(held, name) for name in schema.TABLES}
        log_bytes = sum(file.offset for file in held.files.values())
        catalog_bytes = sum(_size(path) for path in layout.root.glob(f"{layout.catalog.name}*"))
        return LakeStats(
            str(layout.root),
            held.snapshot.number,
            tables,
            sum(table.bytes + table.index_bytes for table in tables.values()) + catalog_bytes + log_bytes,
            catalog_bytes,
            log_bytes,
            len(held.files),
            explore(list(_series(held)), top),
            _days(held),
            _rate(held, now_us),
            _upkeep(layout, held),
        )


def _series(held: Held) -> Iterator[pa.Table]:
    yield schema.SERIES.empty_table().select(_EXPLORED)
    yield from held.series_tables(_EXPLORED)
    for tail in held.files.values():
        definitions = iter(tail.series.items())
        while portion := list(islice(definitions, _SERIES_AT_ONCE)):
            yield columns.series_table(portion).select(_EXPLORED)


def _table(held: Held, name: str) -> TableSize:
    segments = held.snapshot.segments.get(name, ())
    rows, size = sum(found.rows for found in segments), sum(found.bytes for found in segments)
    tails = [tail.table(name) for tail in held.files.values()] if name in TAIL_TABLES else []
    times = [bound for found in segments if _has_times(found, name) for bound in (found.begin_us, found.end_us)]
    times += [int(edge) for tail in tails if tail.num_rows for edge in _bounds(tail)]
    return TableSize(
        rows,
        size,
        sum(_size(Path(found.path).with_suffix(SIDECAR)) for found in segments),
        len(segments),
        sum(tail.num_rows for tail in tails),
        round(size / rows, 3) if rows else None,
        min(times, default=None),
        max(times, default=None),
    )


def _has_times(found: Segment, table: str) -> bool:
    """Return whether the catalog knows the times of a segment: another engine may have written it without."""
    return "time" in schema.TABLES[table].names and found.end_us - found.begin_us < _EVER_US


def _bounds(rows: pa.Table) -> tuple[int, int]:
    micros = _micros(rows["time"])
    return micros.min(), micros.max()


def _micros(column: Any) -> Any:
    return column.cast(schema.TIME).cast(pa.int64()).to_numpy()


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _days(held: Held) -> list[DaySize]:
    days: dict[str, DaySize] = {}
    for table, segments in held.snapshot.segments.items():
        for found in (found for found in segments if _has_times(found, table)):
            name = str(pa.scalar(found.begin_us // _US_PER_DAY, pa.date32()))
            day = days.setdefault(name, DaySize(name))
            day.rows[table] = day.rows.get(table, 0) + found.rows
            day.bytes += found.bytes
            day.segments += 1
    return [days[name] for name in sorted(days)]


def _rate(held: Held, now_us: int) -> Rate:
    start_us = now_us - _MINUTES * _US_PER_MINUTE
    touched = [
        found for name in _RATED for found in held.snapshot.segments.get(name, ()) if found.touches(start_us, now_us)
    ]
    estimated = sum(found.rows for found in touched) > EXACT_ROWS
    minutes = {name: _minutes(held, name, start_us, estimated=estimated) for name in _RATED}
    listed = {name: np.rint(counts).astype(int).tolist() for name, counts in minutes.items()}
    return Rate(listed, {name: sum(counts) for name, counts in listed.items()}, estimated)


def _minutes(held: Held, name: str, start_us: int, *, estimated: bool) -> Any:
    end_us = start_us + _MINUTES * _US_PER_MINUTE
    counts = np.zeros(_MINUTES)
    for found, file in held.segments(name):
        if found.touches(start_us, end_us - 1):
            counts += _spread(found, start_us) if estimated else _binned(_times(file), start_us)
    for tail in held.files.values():
        counts += _binned(_micros(tail.table(name)["time"]), start_us)
    return counts


def _times(file: Any) -> Any:
    return _micros(pq.ParquetFile(file).read(columns=["time"])["time"])


def _binned(micros: Any, start_us: int) -> Any:
    bins = (micros - start_us) // _US_PER_MINUTE
    return np.bincount(bins[(bins >= 0) & (bins < _MINUTES)], minlength=_MINUTES)


def _spread(found: Segment, start_us: int) -> Any:
    """Return the rows of a segment by minute, as if they were evenly spread over its time."""
    edges = start_us + np.arange(_MINUTES + 1) * _US_PER_MINUTE
    inside = np.clip(edges, found.begin_us, found.end_us + 1) - found.begin_us
    return np.diff(inside) * (found.rows / (found.end_us + 1 - found.begin_us))


def _upkeep(layout: Layout, held: Held) -> Upkeep:
    with catalog.opened(layout) as database:
        changes = [Change(*row) for row in database.execute(_CHANGES, (CHANGES_SHOWN,))]
        replaced, replaced_bytes = database.execute(_WAITING).fetchone()
    per_day = [count for table in held.snapshot.segments.values() for count in _segments_by_day(table)]
    one = sum(count == 1 for count in per_day)
    return Upkeep(changes, one, len(per_day) - one, replaced, replaced_bytes)


def _segments_by_day(segments: tuple[Segment, ...]) -> list[int]:
    days = np.array([found.begin_us // _US_PER_DAY for found in segments], np.int64)
    counts: list[int] = np.unique(days, return_counts=True)[1].tolist()
    return counts
