"""The lake behind the bridge: opened when it is first needed, and again when it could not be."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock

from firstlight.app.group_commit import GroupCommit, NotKept
from firstlight.app.identity import identity, sender
from firstlight.app.lake import Lake
from firstlight.app.lake_limits import LakeLimits
from firstlight.app.upkeep import Let
from firstlight.compat.bridge.configuration import RetentionPolicy, StorageConfig
from firstlight.errors import FirstlightError, StorageError
from firstlight.model import Batch, Event, Series
from firstlight.sdk.redaction.redact import Redactor
from firstlight.store.forks import restart_in_children
from firstlight.store.policy import Policy
from firstlight.store.schema import DERIVED

SERVICE = "bridge"
RETRY_S = 1.0
"""How long a failure to open the lake is believed."""

SERIES_KEPT = 16_384
"""Series whose identity is not computed anew for each sample."""

Row = Event | tuple[Series, int, int, float]
"""An event, or a series with its id, a time and a value."""

LIMITS = LakeLimits()
_OF_METRICS = ("samples", "exponential", *DERIVED)
_TEMPORARY = "temporary"
_PERCENT = 100.0


class Storage:
    """Keeps events and samples; may be used from any thread, and in forked children, which write a log of their own.

    Args:
        config: where, and how durably.
        kept: for how long.

    Attributes:
        path: the lake's directory.
        policy: what may go, as the lake says it.
        series: returns the series of this process for a metric's name, labels and scope, and its id.
        problem: why the last attempt to keep something or to open the lake failed; empty when it did not.
    """

    def __init__(self, config: StorageConfig, kept: RetentionPolicy) -> None:
        self._config = config
        self.policy = policy_of(kept, config.budget_bytes)
        self._is_temporary = config.backend == _TEMPORARY
        given = tempfile.mkdtemp(prefix="firstlight-bridge-") if self._is_temporary else config.connection_string
        self.path = Path(given).expanduser().absolute()
        self.problem = ""
        self._owner = os.getpid()
        self._redactor = Redactor()
        self._group: GroupCommit[Row] = GroupCommit(self._write)
        self._lake: Lake | None = None
        self._closed = False
        self.restart()
        restart_in_children(self)

    def restart(self) -> None:
        """Have locks and an identity of its own, as a forked child does; the lake sees to itself."""
        self._group.restart()
        self._lock = Lock()
        self._failed: tuple[float, FirstlightError] | None = None
        self.series = lru_cache(SERIES_KEPT)(_series_of(identity().session_id))
        self._resource = sender(SERVICE, {})()

    @property
    def lake(self) -> Lake:
        """The lake.

        Raises:
            FirstlightError: it cannot be opened; that is tried again after a second.
        """
        found = self._lake
        if found is not None:
            return found
        with self._lock:
            if self._lake is None:
                self._lake = self._open()
            return self._lake

    def keep(self, row: Row) -> None:
        """Return when ``row`` is kept as the configuration says.

        Raises:
            FirstlightError: it was not kept.
        """
        self._group.commit(row)

    def retain(self, now_ns: int) -> Let:
        """Let go what is too old now, and what is beyond the budget.

        Raises:
            FirstlightError: it cannot be done now.
        """
        return self.lake.retain(self.policy, now_ns)

    def usage_percent(self) -> float:
        """Return how much of the budget, or of the whole disk where there is no budget, is in use.

        Raises:
            FirstlightError: the lake cannot be read.
        """
        budget = self._config.budget_bytes
        if budget:
            figures = self.lake.stats()
            used: int = figures["sealed_bytes"] + figures["wal_bytes"]
            return round(_PERCENT * used / budget, 1)
        return self.disk_percent()

    def disk_percent(self) -> float:
        """Return how much of the disk is in use."""
        use = shutil.disk_usage(next(place for place in (self.path, *self.path.parents) if place.exists()))
        return round(_PERCENT * use.used / (use.used + use.free), 1)

    def close(self) -> None:
        """Bring everything to the disk and close; a temporary lake goes."""
        with self._lock:
            lake, self._lake = self._lake, None
            self._closed = True
        if lake is not None:
            lake.close()
        if self._is_temporary and self._owner == os.getpid():
            shutil.rmtree(self.path, ignore_errors=True)

    def _open(self) -> Lake:
        if self._closed:
            raise StorageError("the bridge is closed; make another one")
        if self._failed and time.monotonic() - self._failed[0] < RETRY_S:
            raise self._failed[1]
        try:
            found = Lake.open(self.path, durability=self._config.durability, limits=LIMITS, policy=self.policy)
        except FirstlightError as error:
            self._failed = time.monotonic(), error
            self.problem = str(error)
            raise
        self._failed, self.problem = None, ""
        return found

    def _write(self, rows: Sequence[Row]) -> NotKept:
        batch = Batch(self._resource)
        events = []
        for row in rows:
            if isinstance(row, Event):
                events.append(row)
            else:
                series, series_id, time_ns, value = row
                batch.series[series_id] = series
                batch.samples.add(series_id, time_ns, value)
        if events:
            self._redactor.batch(events, [])
            batch.events = events
        try:
            self.lake.append([batch])
        except FirstlightError as error:
            self.problem = str(error)
            raise
        self.problem = ""
        return self._refused(rows, batch) if batch.series else {}

    def _refused(self, rows: Sequence[Row], batch: Batch) -> NotKept:
        """Return the rows that were left out since there may be no more series."""
        refusals = self.lake.refusals(batch.series)
        return {
            place: StorageError(refusals[row[1]])
            for place, row in enumerate(rows)
            if not isinstance(row, Event) and row[1] in refusals
        }


def policy_of(kept: RetentionPolicy, budget_bytes: int) -> Policy:
    """Return ``kept`` as the lake says it; sums of samples over an hour or a minute go with the samples."""
    metrics_days = kept.metrics.duration_days
    days = {"events": kept.events.duration_days, **dict.fromkeys(_OF_METRICS, metrics_days)}
    return Policy(days, disk_budget_bytes=budget_bytes)


def _series_of(session_id: str) -> Callable[[str, tuple[tuple[str, str], ...], str], tuple[Series, int]]:
    def series(name: str, labels: tuple[tuple[str, str], ...], scope: str) -> tuple[Series, int]:
        found = Series(name, labels, SERVICE, session_id, scope)
        return found, found.id()

    return series
