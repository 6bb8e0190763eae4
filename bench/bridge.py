"""What a call of the Bridge Telemetry component costs, against a table with a row and a commit for each call."""

import json
import shutil
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from bench.harness import Bar, Benchmark, Contender, Figures, Group, Running
from bench.lake_stores import bring_to_rest, size_of
from firstlight.compat.bridge import BridgeTelemetry
from firstlight.store.layout import Layout

ROUNDS = 7
THREADS = (1, 8, 32)
CALLS_PER_TURN = 2_000
SERIES = 100_000
SAMPLES_PER_SERIES = 3
ROWS_AT_REST = 100_000
ZONES, KINDS, WORKERS = 7, 11, 100

NOTES = f"""\
Each call returns when its row is on the disk, one metric or event a call, {CALLS_PER_TURN:,} calls a turn.
sqlite: WAL, synchronous=FULL, one connection behind a lock, INSERT and COMMIT a call; the context as JSON text.
per second @n: calls of n threads together.  p99 ms: of single calls of 8 threads.
questions: over {SERIES:,} series of one metric, {SAMPLES_PER_SERIES} samples each, {ZONES} zones times {KINDS} kinds; medians of 3; sqlite has an
         index on name and time, no quantile (Python sorts), and json_extract for the dimensions.
bytes:   per row, {ROWS_AT_REST:,} events (four fields of data, an id of 36 characters) and as many metrics of {WORKERS} series at
         rest, catalog and index included.
"""  # noqa: E501


class Component(Protocol):
    """Records and answers.

    Attributes:
        folder: holds all of it.
    """

    folder: Path

    def metric(self, name: str, value: float, context: dict[str, Any]) -> None:
        """Keep a metric."""

    def event(self, data: dict[str, Any]) -> None:
        """Keep an event."""

    def mean(self) -> float:
        """Return the mean of all samples of ``took_ms``."""

    def p95(self) -> float:
        """Return their 95th percentile."""

    def by_zone_and_kind(self) -> int:
        """Return how many groups of them there are, having summed each."""

    def finish(self) -> None:
        """Close, with everything in its final form."""


class Bridge:
    def __init__(self, folder: Path, durability: str = "always") -> None:
        self.folder = folder / "lake"
        self._telemetry = BridgeTelemetry(
            {
                "logger_config": {"log_path": str(folder / "log.jsonl")},
                "storage_config": {"connection_string": str(self.folder), "durability": durability},
            }
        )

    def metric(self, name: str, value: float, context: dict[str, Any]) -> None:
        assert self._telemetry.record_metric(name, value, context)["status"] == "success"

    def event(self, data: dict[str, Any]) -> None:
        event = {"event_type": "COMMAND", "source": "bridge_core", "data": data}
        assert self._telemetry.record_event(event)["status"] == "success"

    def mean(self) -> float:
        return self._asked("MEAN")["value"]

    def p95(self) -> float:
        return self._asked("P95")["value"]

    def by_zone_and_kind(self) -> int:
        return len(self._asked("SUM", ["zone", "kind"])["groups"])

    def finish(self) -> None:
        self._telemetry.close()
        bring_to_rest(Layout(self.folder))
        shutil.rmtree(self.folder / "wal")

    def _asked(self, aggregation: str, by: Sequence[str] | None = None) -> dict[str, Any]:
        return self._telemetry.get_metrics(["took_ms"], aggregation=aggregation, group_by=by)["metrics"]["took_ms"]


class Sqlite:
    def __init__(self, folder: Path, durability: str = "always") -> None:
        self.folder = folder / "sqlite"
        self.folder.mkdir()
        self._lock = threading.Lock()
        self._database = sqlite3.connect(self.folder / "telemetry.db", check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(f"PRAGMA synchronous = {'FULL' if durability == 'always' else 'OFF'}")
        self._database.execute("CREATE TABLE metrics (id TEXT, time REAL, name TEXT, value REAL, context TEXT)")
        self._database.execute("CREATE TABLE events (id TEXT, time REAL, type TEXT, source TEXT, data TEXT)")
        self._database.execute("CREATE INDEX by_name ON metrics (name, time)")

    def metric(self, name: str, value: float, context: dict[str, Any]) -> None:
        self._insert("metrics", name, value, json.dumps(context))

    def event(self, data: dict[str, Any]) -> None:
        self._insert("events", "COMMAND", "bridge_core", json.dumps(data))

    def mean(self) -> float:
        return self._rows("SELECT avg(value) FROM metrics WHERE name = 'took_ms'")[0][0]

    def p95(self) -> float:
        values = sorted(value for (value,) in self._rows("SELECT value FROM metrics WHERE name = 'took_ms'"))
        place = 0.95 * (len(values) - 1)
        low = int(place)
        return values[low] + (place - low) * (values[low + 1] - values[low])

    def by_zone_and_kind(self) -> int:
        return len(
            self._rows(
                "SELECT json_extract(context, '$.zone') AS zone, json_extract(context, '$.kind') AS kind, sum(value) "
                "FROM metrics WHERE name = 'took_ms' GROUP BY zone, kind"
            )
        )

    def finish(self) -> None:
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._database.execute("VACUUM")
        self._database.close()

    def _insert(self, table: str, *values: Any) -> None:
        from uuid import uuid4

        with self._lock:
            self._database.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?)", (str(uuid4()), time.time(), *values))

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self._database.execute(statement).fetchall()


MAKERS: dict[str, Callable[..., Component]] = {"firstlight": Bridge, "sqlite": Sqlite}


def benchmark() -> Benchmark:
    """Return the page."""
    ours, peer = MAKERS
    at_8, at_32 = "metrics per second @8", "metrics per second @32"
    rates = frozenset({f"{what} per second @{threads}" for what in ("metrics", "events") for threads in THREADS})
    groups = [
        Group(
            "calls",
            [Contender(name, partial(_calling, make)) for name, make in MAKERS.items()],
            [Bar(at_8, ours, peer, 2), Bar(at_32, ours, peer, 2)],
            rates,
        ),
        Group(
            "questions, ms",
            [Contender(name, partial(_asking, make)) for name, make in MAKERS.items()],
            [Bar("p95", ours, peer, 2), Bar("mean", ours, peer, 2), Bar("sum by 2", ours, peer, 2)],
        ),
        Group(
            "bytes",
            [Contender(name, partial(_resting, make)) for name, make in MAKERS.items()],
            [Bar("per event", ours, peer, 3), Bar("per metric", ours, peer, 10)],
        ),
    ]
    return Benchmark("bridge", NOTES, groups, ("duckdb",), ROUNDS)


def _calling(make: Callable[..., Component]) -> Running:
    folder = Path(tempfile.mkdtemp(prefix="bridge-"))
    component = make(folder)

    def turn() -> Figures:
        figures: dict[str, float] = {}
        for threads in THREADS:
            seconds, took_s = _in_threads(threads, lambda n: component.metric("m", n, {"worker": n % WORKERS}))
            figures[f"metrics per second @{threads}"] = CALLS_PER_TURN / seconds
            if threads == THREADS[1]:
                figures["p99 ms"] = 1e3 * statistics.quantiles(took_s, n=100)[-1]
        seconds, _ = _in_threads(THREADS[1], lambda n: component.event(_data(n)))
        figures[f"events per second @{THREADS[1]}"] = CALLS_PER_TURN / seconds
        return figures

    return Running(turn, partial(_end, component, folder))


def _in_threads(count: int, call: Callable[[int], None]) -> tuple[float, list[float]]:
    """Return how long all calls took together, and each."""
    took_s: list[float] = []

    def work(first: int) -> None:
        for n in range(first, CALLS_PER_TURN, count):
            began_s = time.perf_counter()
            call(n)
            took_s.append(time.perf_counter() - began_s)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(count)]
    began_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began_s, took_s


def _asking(make: Callable[..., Component]) -> Running:
    folder = Path(tempfile.mkdtemp(prefix="bridge-"))
    component = make(folder, "never")
    for n in range(SERIES * SAMPLES_PER_SERIES):
        user = n % SERIES
        context = {"user": f"u{user}", "zone": f"z{user % ZONES}", "kind": f"k{user % KINDS}"}
        component.metric("took_ms", n * 7919 % 5003, context)
    values = sorted(n * 7919 % 5003 for n in range(SERIES * SAMPLES_PER_SERIES))

    def turn() -> Figures:
        asked = {"mean": component.mean, "p95": component.p95, "sum by 2": component.by_zone_and_kind}
        return {name: statistics.median(_took_ms(ask) for _ in range(3)) for name, ask in asked.items()}

    def close() -> None:
        assert abs(component.mean() - statistics.fmean(values)) < 1e-6
        assert abs(component.p95() - statistics.quantiles(values, n=20, method="inclusive")[-1]) < 1e-6
        assert component.by_zone_and_kind() == ZONES * KINDS
        _end(component, folder)

    return Running(turn, close)


def _took_ms(ask: Callable[[], Any]) -> float:
    began_s = time.perf_counter()
    ask()
    return 1e3 * (time.perf_counter() - began_s)


def _resting(make: Callable[..., Component]) -> Running:
    def sizes() -> Figures:
        return {"per event": _size(make, _record_event), "per metric": _size(make, _record_metric)}

    # What lies on the disk is the same in each round.
    found = sizes()
    return Running(lambda: found)


def _size(make: Callable[..., Component], record: Callable[[Component, int], None]) -> float:
    with tempfile.TemporaryDirectory(prefix="bridge-") as folder:
        component = make(Path(folder), "never")
        for n in range(ROWS_AT_REST):
            record(component, n)
        component.finish()
        return size_of(component.folder) / ROWS_AT_REST


def _record_event(component: Component, n: int) -> None:
    component.event(_data(n))


def _record_metric(component: Component, n: int) -> None:
    component.metric("command_processing_time_ms", n * 7919 % 500, {"worker": n % WORKERS})


def _data(n: int) -> dict[str, Any]:
    return {
        "command_type": f"T{n % 9}",
        "command_id": str(n),
        "processing_time_ms": n * 7919 % 500,
        "result_status": "SUCCESS" if n % 50 else "FAILED",
    }


def _end(component: Component, folder: Path) -> None:
    component.finish()
    shutil.rmtree(folder)
