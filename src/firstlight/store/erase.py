"""Erasing rows for good: out of segments, logs, definitions, sidecars, quarantine and the catalog's own history.

Logs are sealed first, so that there is one place where rows are taken out.  A living writer is asked to begin a new log
and does so within a second when something tends its log (an open lake does), else with its next delivery.  What is
replaced is removed at once, and at the end the lake is searched again: that search is the proof.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from firstlight.store import damage, retain, rewrite, schema, sweep
from firstlight.store.catalog import Catalog, Segment, opened
from firstlight.store.commit import commit
from firstlight.store.layout import FileKey, Layout
from firstlight.store.retain import series_of
from firstlight.store.seal import Sealer, finished_logs
from firstlight.store.selection import Selection
from firstlight.store.survey import Progress, survey, touched
from firstlight.store.turn import DEFAULT_WAIT_S, turn
from firstlight.store.wal import ROTATE

_POLL_S = 0.1
_SPILL_S = 60.0
"""A spill file that nobody wrote for so long is not of a query that runs."""


@dataclass(frozen=True)
class Patience:
    """For whom to wait, and how long.

    Attributes:
        turn_s: for whoever changes the lake.
        logs_s: for living writers to begin new logs.
        nudge: called meanwhile; begins a new log of this process when it is asked to.
    """

    turn_s: float = DEFAULT_WAIT_S
    logs_s: float = 30.0
    nudge: Callable[[], object] = bool


_PATIENCE = Patience()


@dataclass
class Erased:
    """What was erased, and what is left.

    Attributes:
        before: rows that were meant, by table.
        erased: rows taken out of segments, by table.
        after: rows that a search found afterwards, by table; none when all went well and none came meanwhile.
        open_logs: log files of living writers that still have some of them.
        rewritten: segments that others without these rows replaced; their files are gone.
        deleted: files that were removed, unread ones in quarantine too.
        lost: what was set aside, and removed, since it is damaged.
        is_dry: only counted.
    """

    before: Counter[str]
    erased: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    open_logs: list[str] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    lost: list[damage.Lost] = field(default_factory=list)
    is_dry: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left."""
        return self.is_dry or not self.after


def erase(
    layout: Layout,
    selection: Selection,
    *,
    dry_run: bool = False,
    patience: Patience = _PATIENCE,
    progress: Progress = lambda *_: None,
) -> Erased:
    """Erase the rows that ``selection`` means.  Copies outside the directory, backups above all, are not touched.

    Args:
        layout: the lake.
        selection: which.
        dry_run: only count them.
        patience: how long to wait for others.
        progress: told how far it is.

    Raises:
        Unavailable: nobody made way; nothing was erased.
        StorageError: a segment or the catalog could not be written; erase again.
        StorageFull: likewise.
        OSError: likewise.
    """
    if dry_run:
        return Erased(survey(layout, selection, progress).rows, is_dry=True)
    report = Erased(Counter())
    with turn(layout, patience.turn_s):
        work = _Work(layout, selection, report, progress)
        work.set_damaged_aside()
        report.before = survey(layout, selection, progress).rows
        work.seal(patience)
        work.take_out()
        work.forget_series()
        work.remove_copies()
    left = survey(layout, selection, progress)
    report.after = left.rows
    report.open_logs = [str(layout.wal_path(*key)) for key in left.logs]
    return report


class _Work:
    """One erasure, under the keeper lock."""

    def __init__(self, layout: Layout, selection: Selection, report: Erased, progress: Progress) -> None:
        self._layout = layout
        self._selection = selection
        self._report = report
        self._progress = progress
        self._catalog = Catalog(layout)

    def set_damaged_aside(self) -> None:
        """Take out what cannot be searched."""
        for table in ("series", *self._selection.tables):
            there = self._catalog.snapshot().segments.get(table, ())
            damage.whole_ones(self._layout, table, there, self._report.lost.append)

    def seal(self, patience: Patience) -> None:
        """Seal all logs that have rows that are meant, open ones as soon as their writers have begun new ones."""
        waiting = set(survey(self._layout, self._selection).logs)
        until_s = time.monotonic() + patience.logs_s
        sealer = Sealer(self._layout)
        while True:
            finished = {key for key, _ in finished_logs(self._layout)}
            _ask(self._layout, waiting - finished)
            patience.nudge()
            sealer.seal()
            waiting = {key for key in waiting if self._layout.wal_path(*key).exists()}
            if not waiting or time.monotonic() > until_s:
                return
            self._progress("waiting for writers", 0, 0)
            time.sleep(_POLL_S)

    def take_out(self) -> None:
        """Replace each segment that has rows that are meant."""
        self._series_ids = self._selection.series_ids(series_of(self._catalog.snapshot()))
        parts = list(touched(self._catalog.snapshot(), self._selection))
        for number, (table, found) in enumerate(parts):
            self._progress(table, number, len(parts))
            if rows := rewrite.count(found.path, self._selection.needs(table), self._chosen(table)):
                self._replace(table, found)
                self._report.erased[table] += rows

    def forget_series(self) -> None:
        """Take out the definitions of series that have no rows any more."""
        if "samples" not in self._selection.tables:
            return
        snapshot = self._catalog.snapshot()
        gone = np.intersect1d(self._series_ids, retain.unreferenced(snapshot))
        for part in retain.forget_series(self._layout, snapshot, gone, "erase"):
            self._report.erased["series"] += part.rows
        self._report.rewritten += _paths_gone(snapshot.segments.get("series", ()), self._catalog, "series")

    def remove_copies(self) -> None:
        """Remove every file that may still have such rows, and what the catalog's file remembers of old ones."""
        before = set(_files(self._layout))
        sweep.sweep(self._layout, 0.0, 0.0)
        for path in (*_unreadable(self._layout, self._selection), *_spilled(self._layout)):
            path.unlink(missing_ok=True)
        self._report.deleted = sorted(before - set(_files(self._layout)))
        _compact_catalog(self._layout)

    def _replace(self, table: str, found: Segment) -> None:
        samples = self._catalog.snapshot().segments.get("samples", ())
        if table in schema.DERIVED and any(found.touches(one.begin_us, one.end_us) for one in samples):
            # Made anew of what is left of that day.
            commit(self._layout, "erase", remove=[(table, found.path)])
        else:
            rewrite.without(self._layout, table, found, self._chosen(table), "erase")
        self._report.rewritten.append(found.path)

    def _chosen(self, table: str) -> rewrite.Choose:
        return partial(self._selection.meant, table, self._series_ids)


def _ask(layout: Layout, open_logs: set[FileKey]) -> None:
    """Ask the writers of ``open_logs`` to begin new ones; who cannot be asked is waited for in vain."""
    for writer, _ in open_logs:
        with suppress(OSError):
            (layout.wal / writer / ROTATE).touch()


def _paths_gone(before: Any, catalog: Catalog, table: str) -> list[str]:
    there = {found.path for found in catalog.snapshot().segments.get(table, ())}
    return [found.path for found in before if found.path not in there]


def _files(layout: Layout) -> Iterator[str]:
    folders = (layout.data, layout.staging, layout.quarantine, layout.spill)
    return (str(path) for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file())


def _unreadable(layout: Layout, selection: Selection) -> Iterator[Path]:
    """Yield what in quarantine may have such rows: nobody can search it, so all of it goes."""
    if not layout.quarantine.is_dir():
        return
    for path in layout.quarantine.iterdir():
        table = damage.table_of(path)
        if not table or table == "series" or table in selection.tables:
            yield path


def _spilled(layout: Layout) -> Iterator[Path]:
    if layout.spill.is_dir():
        for path in layout.spill.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - _SPILL_S:
                    yield path


def _compact_catalog(layout: Layout) -> None:
    """Write the catalog's file anew: SQLite leaves what was deleted in pages that it does not use."""
    with opened(layout):
        pass  # raises when it cannot be opened at all
    database = sqlite3.connect(layout.catalog, isolation_level=None)
    try:
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        database.close()
