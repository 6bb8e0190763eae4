"""The stores of ``lake_week``: each takes in one day after another and keeps what it has for the questions."""

import gc
import http.client
import shutil
import tempfile
import time
import urllib.parse
from array import array
from pathlib import Path
from typing import Any

import numpy as np

from bench import lake_week_data as week
from bench import lake_workload as workload
from bench.harness import Figures, Missing
from bench.lake_servers import Prometheus, VictoriaMetrics
from bench.lake_stores import bring_to_rest, size_of
from bench.lake_workload import SERIES
from bench.remote_write import RemoteWrite, bodies
from firstlight.app.lake import Lake
from firstlight.errors import Overloaded
from firstlight.model import Batch, Series
from firstlight.store import maintain, rollup, sweep
from firstlight.store.catalog import Catalog
from firstlight.store.layout import FileLock, Layout
from firstlight.store.seal import Sealer, finished_logs

SMALL_ROWS, LARGE_ROWS = 500, 10_000
ROLLUPS = tuple(rollup.STEPS_US)

_NS_PER_MS = 1_000_000
_US_PER_S = 1_000_000
_PARTS = 8
"""Requests of a day are made a part at a time, so that they need not all be in memory."""

_EVENTS_AT_ONCE = 10_000
_WAIT_S = 0.02
_SETTLES_WITHIN_S = 180.0
_QUIET_S = 1.0
_QUIET_RATIO = 0.1
"""A server that takes less of the core than this for a while has nothing left to do."""


class WeekStore:
    """A store that takes in one day after another.

    Attributes:
        folder: where it lies.
        days: how many it has.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="firstlight-bench-week-"))
        self.days = 0

    def begin(self) -> None:
        """Get ready for a day; not measured."""

    def requests(self, times_ms: Any, values: Any) -> list[Any]:
        """Return the requests that carry samples; both arrays are ``(steps, SERIES)``."""
        raise NotImplementedError

    def write(self, request: Any) -> None:
        """Have one request acknowledged."""
        raise NotImplementedError

    def settle(self) -> float:
        """Wait until what was written leaves nothing to do; return the seconds that took."""
        raise NotImplementedError

    def end(self) -> None:
        """End a day; not measured."""

    def close(self) -> None:
        """End and remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def add_day(self) -> Figures:
        """Take in the next day."""
        self.begin()
        taken_s: list[float] = []
        for part in range(_PARTS):
            requests = self.requests(*week.day(self.days).part(part, _PARTS))
            gc.collect()
            for request in requests:
                began_s = time.perf_counter()
                self.write(request)
                taken_s.append(time.perf_counter() - began_s)
        settled_s = self.settle()
        self.end()
        self.days += 1
        return {
            "samples/s": week.SAMPLES_PER_DAY / sum(taken_s),
            "settled/s": week.SAMPLES_PER_DAY / (sum(taken_s) + settled_s),
            "p99 ms": 1000 * float(np.percentile(taken_s, 99)),
            "worst ms": 1000 * max(taken_s),
        }


class LakeWeek(WeekStore):
    """A lake as ``firstlight up`` has it.  The events of each day are stored after its samples, which is not measured.

    Between its turns it is closed, so that its maintenance takes nothing from the others: what of the day before is
    to be done, its merge into one segment and its rollups, is done while the next day is taken in.

    Args:
        rows: samples of a request.
    """

    def __init__(self, rows: int = SMALL_ROWS) -> None:
        super().__init__()
        self.layout = Layout(self.folder)
        self._rows, self._refused = rows, 0
        self._lake: Lake | None = None

    @property
    def lake(self) -> Lake:
        """The lake, open."""
        if self._lake is None:
            self._lake = self._open()
        return self._lake

    def add_day(self) -> Figures:
        before = self._refused
        return {**super().add_day(), "refused": self._refused - before}

    def begin(self) -> None:
        self.lake.stats()

    def requests(self, times_ms: Any, values: Any) -> list[Batch]:
        steps, width = max(1, self._rows // SERIES), min(SERIES, self._rows)
        parts = [slice(at, at + width) for at in range(0, SERIES, width)]
        known = [dict(workload.definitions()[part]) for part in parts]
        times_ns = times_ms * _NS_PER_MS
        return [
            _batch(series, times_ns[at : at + steps, part], values[at : at + steps, part])
            for at in range(0, len(values), steps)
            for series, part in zip(known, parts, strict=True)
        ]

    def write(self, request: Batch) -> None:
        while True:
            try:
                self.lake.append([request])
            except Overloaded:
                self._refused += 1
                time.sleep(_WAIT_S)
            else:
                return

    def settle(self) -> float:
        catalog, began_s = Catalog(self.layout), time.perf_counter()
        while maintain.is_due(self.layout, catalog):
            assert time.perf_counter() - began_s < _SETTLES_WITHIN_S, f"no end of maintenance: {self.lake.stats()}"
            time.sleep(_WAIT_S)
        return time.perf_counter() - began_s

    def end(self) -> None:
        self.add_events(self.days, 0, week.EVENTS_PER_DAY)
        self.settle()
        self.let_go()

    def add_events(self, day: int, first: int, last: int) -> None:
        """Store the events of a day from number ``first`` to before ``last``."""
        for at in range(first, last, _EVENTS_AT_ONCE):
            batch = Batch(workload.RESOURCE)
            batch.events = week.events(day, at, min(_EVENTS_AT_ONCE, last - at))
            self.write(batch)

    def rest(self) -> None:
        """Bring everything into its final form: a day is one segment, beside it its rollups."""
        self.let_go()
        bring_to_rest(self.layout)
        later_us = time.time_ns() // 1000 + 3_600 * _US_PER_S
        for day in rollup.due(Catalog(self.layout).snapshot(), later_us):
            rollup.run(self.layout, day)
        sweep.sweep(self.layout, grace_s=0.0)

    def size_bytes(self, *, with_rollups: bool) -> int:
        """Return the bytes of everything but the events' segments; without rollups if asked."""
        left_out = ["events", *(() if with_rollups else ROLLUPS)]
        return size_of(self.folder) - sum(size_of(self.layout.table_dir(table)) for table in left_out)

    def events_bytes(self) -> int:
        """Return the bytes of the events' segments and what lies beside them."""
        return size_of(self.layout.table_dir("events"))

    def close(self) -> None:
        self.let_go()
        super().close()

    def _open(self) -> Lake:
        return Lake.open(self.folder)

    def let_go(self) -> None:
        if self._lake is not None:
            self._lake.close()
            self._lake = None


def _batch(series: dict[int, Series], times_ns: Any, values: Any) -> Batch:
    """Return samples of ``series``, both arrays ``(steps, series)``."""
    batch = Batch(workload.RESOURCE)
    batch.series = series
    batch.samples.series_ids = array("q", series) * len(values)
    batch.samples.times_ns = array("q", times_ns.tobytes())
    batch.samples.values = array("d", values.tobytes())
    return batch


class HalfHotWeek(LakeWeek):
    """A lake whose second half is not merged: it lies in segments as they are sealed, the last three hours in logs.

    More than that may not wait in logs.

    Args:
        days: how many it is to have.
    """

    def __init__(self, days: int) -> None:
        super().__init__(LARGE_ROWS)
        self._lock = FileLock(self.layout.keeper_lock)
        parts = [(day, part) for day in range(days) for part in range(_PARTS)]
        for day, part in parts[: len(parts) // 2]:
            self._add(day, part)
        self.rest()
        for day, part in parts[len(parts) // 2 : -1]:
            self._add(day, part)
        self._seal()
        self._add(*parts[-1], is_sealed=False)
        self.days = days

    def _open(self) -> Lake:
        return Lake.open(self.folder, maintain=False)

    def _add(self, day: int, part: int, *, is_sealed: bool = True) -> None:
        """Store a part of a day, and seal each two logs together as maintenance does."""
        for request in self.requests(*week.day(day).part(part, _PARTS)):
            self.write(request)
            if is_sealed and len(list(finished_logs(self.layout))) > 1:
                self._seal()
        events = week.EVENTS_PER_DAY // _PARTS
        self.add_events(day, part * events, (part + 1) * events)

    def _seal(self) -> None:
        self._lock.acquire(wait=True)
        Sealer(self.layout).seal()
        self._lock.release()


class ServerWeek(WeekStore):
    """A server that takes remote writes and answers PromQL.

    Args:
        kind: which.
        parameters: of every question.
    """

    def __init__(self, kind: type[VictoriaMetrics | Prometheus], parameters: dict[str, Any]) -> None:
        super().__init__()
        self._parameters = parameters
        try:
            self.server = kind(self.folder)
        except Missing:
            super().close()
            raise
        known = [workload.labels(index) for index in range(SERIES)]
        self._writers = [RemoteWrite(known[at : at + SMALL_ROWS]) for at in range(0, SERIES, SMALL_ROWS)]
        self._connection = http.client.HTTPConnection(self.server.address)

    def requests(self, times_ms: Any, values: Any) -> list[bytes]:
        return list(map(self.server.request, bodies(self._writers, times_ms, values)))

    def write(self, request: bytes) -> None:
        self.server.write(request)

    def settle(self) -> float:
        """Wait until the process is quiet; that it was so for a while does not count."""
        began_s = time.perf_counter()
        while True:
            seen_s = time.perf_counter()
            spent_s = self.server.cpu_s()
            time.sleep(_QUIET_S)
            if self.server.cpu_s() - spent_s < _QUIET_RATIO * _QUIET_S:
                return seen_s - began_s
            assert seen_s - began_s < _SETTLES_WITHIN_S, f"no end of {self.folder}'s background work"

    def rest(self) -> None:
        """Bring everything into its final form."""
        self.server.finish()

    def size_bytes(self) -> int:
        """Return the bytes of its data."""
        return self.server.size_bytes()

    def ask(self, path: str, parameters: dict[str, Any]) -> bytes:
        """Return the answer to a question on a connection that stays open."""
        query = urllib.parse.urlencode({**parameters, **self._parameters})
        self._connection.request("GET", f"/api/v1/{path}?{query}")
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == http.client.OK, body[:500]
        return body

    def close(self) -> None:
        self._connection.close()
        self.server.end()
        super().close()
