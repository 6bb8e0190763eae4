"""Retention: rows that are too old leave the lake.

Segments whose newest row is too old go whole, as soon as they are.  Segments where only some series are too old are
written anew without them, once a day: each loses rows once for each time that the rules name, so this costs little.
Series that no sample refers to any more go at the same time.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from firstlight.store import rewrite, schema
from firstlight.store.ages import SampleAges, sample_ages
from firstlight.store.catalog import Catalog, Segment, Snapshot
from firstlight.store.commit import commit
from firstlight.store.damage import Lost, whole_ones
from firstlight.store.layout import Layout
from firstlight.store.policy import Policy, begin_us

US_PER_DAY = 86_400_000_000
OF_SERIES = ("samples", "exponential")
"""Tables whose rows stay as long as their series say."""

_KEY = ("series_id", "time")


@dataclass(frozen=True)
class Retained:
    """What went from one table, or would go.

    Attributes:
        table: which.
        segments: that went whole.
        rewritten: that lost some of their rows.
        rows: that are gone.
        bytes: that the table's segments are smaller by, as soon as the replaced ones are swept.
    """

    table: str
    segments: int
    rewritten: int
    rows: int
    bytes: int


class Retention:
    """Applies a policy to a lake.

    Args:
        layout: the lake.
        policy: what may go.
    """

    def __init__(self, layout: Layout, policy: Policy) -> None:
        self._layout = layout
        self._policy = policy
        self._catalog = Catalog(layout)

    def is_due(self, snapshot: Snapshot, now_us: int) -> bool:
        """Return whether :meth:`run` would look at segments."""
        return bool(self._too_old(snapshot, now_us)) or self._is_daily_due(snapshot, now_us)

    def run(
        self,
        now_us: int,
        lost: Callable[[Lost], object],
        between: Callable[[], object] = bool,
        *,
        thorough: bool = False,
    ) -> Iterator[Retained]:
        """Let go what is too old, table by table; yield what went.  Whoever calls it holds the keeper lock.

        Args:
            now_us: now.  A clock that is behind lets go too little, and times in the future are never too old.
            lost: told of each damaged segment that was set aside.
            between: called now and then, for what cannot wait.
            thorough: look for rows of single series though it was done today.

        Raises:
            QueryError: a rule's selector is wrong.
            StorageError: as :func:`firstlight.store.rewrite.without`.
            StorageFull: likewise.
            OSError: a segment cannot be read or written.
            pa.ArrowException: a segment is damaged.
        """
        for table, segments in self._too_old(self._catalog.snapshot(), now_us).items():
            commit(self._layout, "retain", remove=[(table, found.path) for found in segments])
            yield _gone(table, segments)
        if thorough or self._is_daily_due(self._catalog.snapshot(), now_us):
            yield from self._go_through(now_us, lost, between)
            self._layout.retained.write_text(json.dumps(self._mark(now_us)))

    def plan(self, now_us: int) -> Iterator[Retained]:
        """Yield what :meth:`run` would let go, series definitions apart; nothing is changed and no lock needed."""
        snapshot = self._catalog.snapshot()
        whole = self._too_old(snapshot, now_us)
        for table, segments in whole.items():
            yield _gone(table, segments)
        for table, found, ages in self._partly(snapshot, now_us):
            if found not in whole.get(table, ()):
                rows = rewrite.count(found.path, _KEY, ages.expired)
                if rows:
                    yield Retained(table, 0, 1, rows, found.bytes * rows // found.rows)

    def _too_old(self, snapshot: Snapshot, now_us: int) -> dict[str, list[Segment]]:
        """Return the segments whose newest row is too old, by table."""
        found = {}
        for table, segments in snapshot.segments.items():
            limit_us = self.limit_us(table, now_us)
            old = [one for one in segments if limit_us is not None and one.end_us < limit_us]
            if old:
                found[table] = old
        return found

    def limit_us(self, table: str, now_us: int) -> int | None:
        """Return the time before which all rows of ``table`` may go; None for a table that keeps them."""
        if table not in self._policy.days or (table in schema.TABLES and "time" not in schema.TABLES[table].names):
            return None
        days = [self._policy.days[table]]
        if table in OF_SERIES:
            days += [rule.days for rule in self._policy.series]
        return None if 0 in days else begin_us(now_us, max(days))

    def _is_daily_due(self, snapshot: Snapshot, now_us: int) -> bool:
        if not self._policy.series and not any(self._policy.days.get(table) for table in OF_SERIES):
            return False
        if not any(snapshot.segments.get(table) for table in ("series", *OF_SERIES)):
            return False
        try:
            return bool(json.loads(self._layout.retained.read_bytes()) != self._mark(now_us))
        except (FileNotFoundError, ValueError):
            return True

    def _mark(self, now_us: int) -> dict[str, Any]:
        """Return what says that today's work is done."""
        digest = hashlib.sha256(msgspec.json.encode(self._policy)).hexdigest()[:16]
        return {"day": now_us // US_PER_DAY, "policy": digest}

    def _go_through(
        self, now_us: int, lost: Callable[[Lost], object], between: Callable[[], object]
    ) -> Iterator[Retained]:
        for table in ("series", *OF_SERIES):
            whole_ones(self._layout, table, self._catalog.snapshot().segments.get(table, ()), lost)
        for table, found, ages in self._partly(self._catalog.snapshot(), now_us):
            if not rewrite.count(found.path, _KEY, ages.expired):
                continue
            before = _bytes_of(self._catalog.snapshot(), table)
            rows = rewrite.without(self._layout, table, found, ages.expired, "retain", between)
            yield Retained(table, 0, 1, rows, before - _bytes_of(self._catalog.snapshot(), table))
        yield from self._forget_series()

    def _partly(self, snapshot: Snapshot, now_us: int) -> Iterator[tuple[str, Segment, SampleAges]]:
        """Yield the segments that may have rows of series that are too old."""
        if not self._policy.series:
            return
        series = series_of(snapshot)
        for table in OF_SERIES:
            ages = sample_ages(self._policy, table, series, now_us)
            for found in snapshot.segments.get(table, ()):
                if found.begin_us < ages.none_since_us:
                    yield table, found, ages

    def _forget_series(self) -> Iterator[Retained]:
        snapshot = self._catalog.snapshot()
        ids = unreferenced(snapshot)
        if len(ids):
            yield from forget_series(self._layout, snapshot, ids, "retain")


def total(parts: Iterable[Retained]) -> list[Retained]:
    """Return the sums by table."""
    sums: dict[str, Retained] = {}
    for one in parts:
        before = sums.get(one.table, Retained(one.table, 0, 0, 0, 0))
        pairs = zip(astuple(before)[1:], astuple(one)[1:], strict=True)
        sums[one.table] = Retained(one.table, *(a + b for a, b in pairs))
    return list(sums.values())


def series_of(snapshot: Snapshot) -> pa.Table:
    """Return all sealed series definitions."""
    pieces = (rows for found in snapshot.segments.get("series", ()) for rows in rewrite.row_groups(found.path))
    return pa.concat_tables([schema.SERIES.empty_table(), *(rows.cast(schema.SERIES) for rows in pieces)])


def unreferenced(snapshot: Snapshot) -> Any:
    """Return the ids of sealed series that no sealed row refers to; int64, ascending."""
    defined = np.unique(series_of(snapshot)["series_id"].to_numpy())
    referenced = np.zeros(len(defined), bool)
    for table in (*OF_SERIES, *schema.DERIVED):
        for found in snapshot.segments.get(table, ()):
            for rows in rewrite.row_groups(found.path, ["series_id"]):
                referenced |= np.isin(defined, np.unique(rows["series_id"].to_numpy()))
    return defined[~referenced]


def forget_series(layout: Layout, snapshot: Snapshot, ids: Any, what: str) -> Iterator[Retained]:
    """Take the definitions of the series ``ids`` out, and tell readers; what logs define stays in them."""

    def chosen(rows: pa.Table) -> Any:
        return np.isin(rows["series_id"].to_numpy(), ids)

    for found in snapshot.segments.get("series", ()):
        if rewrite.count(found.path, ["series_id"], chosen):
            yield Retained("series", 0, 1, rewrite.without(layout, "series", found, chosen, what), 0)
    layout.forgotten.write_text(f"{time.time_ns()}\n")


def _gone(table: str, segments: list[Segment]) -> Retained:
    return Retained(table, len(segments), 0, sum(s.rows for s in segments), sum(s.bytes for s in segments))


def _bytes_of(snapshot: Snapshot, table: str) -> int:
    return sum(found.bytes for found in snapshot.segments.get(table, ()))
