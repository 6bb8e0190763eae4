"""Rollups: a row an hour, or a minute, that stands for the samples of a series in it.

A day's rollups are derived from that day's one segment of samples and bear its file name.  So whoever reads knows
whether they still say what the samples say: they do as long as the day has that one segment and no rows beside it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from firstlight.store import merge, schema
from firstlight.store.catalog import Segment, Snapshot
from firstlight.store.checksum import without_sum
from firstlight.store.commit import commit
from firstlight.store.compact import QUIET_S, US_PER_DAY
from firstlight.store.layout import Layout
from firstlight.store.segment import SegmentWriter
from firstlight.store.sorting import Samples

STEPS_US = {"rollup_1m": 60_000_000, "rollup_1h": 3_600_000_000}

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Kept of each row, where it has ``QUANTILE_ROWS`` samples; columns ``p01`` … ``p99``."""

QUANTILE_ROWS = 20
LEAST_ROWS = 10
"""Rollups by the minute are made for a day where each row stands for so many samples; those by the hour always."""

STALE_NAN = 0x7FF0_0000_0000_0002
"""Bits of the value by which Prometheus says that a series ended (https://prometheus.io/docs/specs/prw)."""

_US_PER_S = 1_000_000


class Work(NamedTuple):
    """A day whose rollups are to be made.

    Attributes:
        day: since the epoch.
        samples: its one segment of samples.
        stale: rollups that are no longer true.
        tables: those whose rows of that day may stay.
    """

    day: int
    samples: Segment
    stale: tuple[tuple[str, str], ...]
    tables: frozenset[str] = frozenset(STEPS_US)


class Made(NamedTuple):
    """What was made: rows of each table."""

    day: str
    samples: int
    rows: dict[str, int]


def _all_stay(_table: str, _now_us: int) -> int | None:
    return None


def due(snapshot: Snapshot, now_us: int, goes_before_us: Callable[[str, int], int | None] = _all_stay) -> list[Work]:
    """Return the days that are over and at rest and have no rollups, or such that are no longer true.

    Args:
        snapshot: the lake.
        now_us: now.
        goes_before_us: from a table and now to the time before which its rows go; None when they stay.
    """
    days: dict[int, list[Segment]] = {}
    for found in snapshot.segments.get("samples", ()):
        days.setdefault(found.begin_us // US_PER_DAY, []).append(found)
    rollups = _by_day(snapshot)
    limits = {table: goes_before_us(table, now_us) for table in STEPS_US}
    work = []
    for day, segments in days.items():
        if len(segments) == 1 and day < now_us // US_PER_DAY and now_us - segments[0].since_us > QUIET_S * _US_PER_S:
            there = rollups.get(day, [])
            stay = frozenset(t for t, limit in limits.items() if limit is None or (day + 1) * US_PER_DAY > limit)
            if "rollup_1h" in stay and not any(_same_name(path, segments[0].path) for _, path in there):
                work.append(Work(day, segments[0], tuple(there), stay))
    return work


def run(layout: Layout, work: Work) -> Made:
    """Make the rollups of a day.

    Raises:
        StorageError: the segment is no longer part of the lake, or the catalog cannot be written; nothing changed.
        StorageFull: no space; nothing changed.
        OSError: a segment cannot be read or written; nothing changed.
        pa.ArrowException: the segment is damaged; nothing changed.
    """
    stretches = merge.merged_samples([work.samples.path])
    first = next(stretches)
    with ExitStack() as stack:
        made = [
            stack.enter_context(_writer(layout, table, work)) for table in _worth_while(first) if table in work.tables
        ]
        for samples in chain([first], stretches):
            for writer in made:
                writer.write(rolled_up(samples, STEPS_US[writer.name]))
    written = [writer.written() for writer in made]
    commit(layout, "rollup", add=written, remove=work.stale)
    return Made(str(np.datetime64(work.day, "D")), work.samples.rows, {found.table: found.rows for found in written})


def true_rollups(snapshot: Snapshot, table: str) -> dict[int, Segment]:
    """Return the rollups of ``table`` that still say what the sealed samples say, by day since the epoch.

    Days of which only rollups are left are among them.
    """
    samples: dict[int, list[str]] = {}
    for found in snapshot.segments.get("samples", ()):
        samples.setdefault(found.begin_us // US_PER_DAY, []).append(found.path)
    true = {}
    for found in snapshot.segments.get(table, ()):
        day = found.begin_us // US_PER_DAY
        there = samples.get(day, [])
        if not there or (len(there) == 1 and _same_name(there[0], found.path)):
            true[day] = found
    return true


def rolled_up(samples: Samples, step_us: int) -> pa.Table:
    """Return the rollup rows of sorted samples: one for each series and step that has any.

    Steps begin at multiples of ``step_us`` since the epoch.  The mark by which Prometheus ends a series is no sample
    here.  Another not-a-number makes the sum one too; least, greatest and quantiles pass over it.
    """
    samples = samples.rows(samples.values.view(np.int64) != STALE_NAN)
    if not len(samples.ids):
        return schema.ROLLUP.empty_table()
    steps = samples.times_us // step_us
    starts = np.flatnonzero(np.concatenate(([True], (np.diff(samples.ids) != 0) | (np.diff(steps) != 0))))
    ends = np.append(starts[1:], len(steps))
    values = samples.values
    columns = {
        "series_id": samples.ids[starts],
        "time": steps[starts] * step_us,
        "count": ends - starts,
        "sum": np.add.reduceat(values, starts),
        "min": np.fmin.reduceat(values, starts),
        "max": np.fmax.reduceat(values, starts),
        "first": values[starts],
        "last": values[ends - 1],
    }
    arrays = [pa.array(columns[field.name]).cast(field.type) for field in schema.ROLLUP if field.name in columns]
    return pa.Table.from_arrays([*arrays, *_quantiles(values, starts, ends)], schema=schema.ROLLUP)


def _quantiles(values: Any, starts: Any, ends: Any) -> Iterator[pa.Array]:
    """Yield a column for each of ``QUANTILES``; null where there are few samples or they only grow, as counters do."""
    lengths = ends - starts
    falls = np.concatenate(([False], np.diff(values) < 0))
    falls[starts] = False
    known = lengths - np.add.reduceat(np.isnan(values), starts)
    wanted = (np.add.reduceat(falls, starts) > 0) & (known >= QUANTILE_ROWS)
    found = np.zeros((len(QUANTILES), len(starts)), np.float32)
    for length in np.unique(lengths[wanted]):
        alike = np.flatnonzero(wanted & (lengths == length))
        ranked = np.sort(values[starts[alike][:, None] + np.arange(length)], axis=1)
        found[:, alike] = _interpolated(ranked, known[alike])
    for column in _rounded(found):
        yield pa.array(column, mask=~wanted)


def _interpolated(ranked: Any, known: Any) -> Any:
    """Return the quantiles of each row of ``ranked``, of which the first ``known`` are numbers."""
    rows = np.arange(len(ranked))
    places = np.multiply.outer(QUANTILES, known - 1)
    below = places.astype(np.int64)
    above = np.minimum(below + 1, known - 1)
    share = places - below
    return ranked[rows, below] * (1 - share) + ranked[rows, above] * share


def _rounded(numbers: Any) -> Any:
    """Return float32 with 12 of their 23 bits, 0.01 % off at worst: the rest would be most of their bytes."""
    bits = numbers.view(np.uint32)
    return ((bits + (1 << 10)) & ~np.uint32((1 << 11) - 1)).view(np.float32)


def _worth_while(samples: Samples) -> list[str]:
    """Return the tables to make, judging by some series of the day."""
    fine = rolled_up(samples, STEPS_US["rollup_1m"]).num_rows
    return ["rollup_1h", *(["rollup_1m"] if fine * LEAST_ROWS <= len(samples.ids) else [])]


def _writer(layout: Layout, table: str, work: Work) -> SegmentWriter:
    name = without_sum(work.samples.path)
    return SegmentWriter(table, layout.staging / f"{table}-{name}", layout.table_dir(table) / name)


def _by_day(snapshot: Snapshot) -> dict[int, list[tuple[str, str]]]:
    days: dict[int, list[tuple[str, str]]] = {}
    for table in STEPS_US:
        for found in snapshot.segments.get(table, ()):
            days.setdefault(found.begin_us // US_PER_DAY, []).append((table, found.path))
    return days


def _same_name(path: str, other: str) -> bool:
    return without_sum(path) == without_sum(other)
