"""What it costs to keep signals, and how much room they take, against the stores one would otherwise use."""

import gc
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench import lake_stores as stores
from bench import lake_workload as workload
from bench.harness import Bar, Benchmark, Contender, Figures, Group, Missing, Running
from bench.lake_servers import Prometheus, VictoriaMetrics, VictoriaMetricsInflux
from bench.lake_stores import Store
from bench.lake_workload import SERIES, SERIES_WITHOUT_LATENCIES, Rows
from firstlight.model import Event

ROUNDS = 5
SMALL_ROWS, LARGE_ROWS = 500, 10_000
STEPS_PER_TURN = {SMALL_ROWS: 100, LARGE_ROWS: 200}
STEPS_AT_REST = 3_000
STEPS_AT_ONCE = 100
EVENTS_PER_TURN = 20_000
EVENTS_AT_REST = 200_000

OURS, SQLITE, DUCKDB = "firstlight", "sqlite", "duckdb file"
VICTORIA, VICTORIA_INFLUX, PROMETHEUS = "victoriametrics*", "victoriametrics*, influx", "prometheus*"
PARQUET, JSON_LINES = "parquet by duckdb", "json lines, gzip"

NOTES = f"""\
Samples: {workload.METRICS} metrics on {workload.HOSTS} hosts every 10 s, times in ms; by thirds counters, 2-decimal gauges, full doubles.
Each store gets its rows in the form that it takes, made beforehand: Batch, Arrow table, list of tuples, HTTP request.
rows/s wall: one writer, the next batch is sent when the last is acknowledged.  Firstlight, DuckDB, SQLite and JSON lines
         have it on the disk by then.  * VictoriaMetrics and Prometheus do not sync a request and may lose the last seconds.
rows/s cpu: per second of processor time; of a server only its own, not the client's; of Firstlight with the sealing that
         fell into the turn.
bytes:   per row at rest, everything counted (segments, catalog, index), after all is sealed, merged or flushed.
cpu us:  processor time per row for ingest in batches of {LARGE_ROWS:,} and all that sealing, merging, flushing.
exact %: of the values of three series, one of each kind, those that are read back as they were sent, bit for bit.
         VictoriaMetrics keeps about 12 digits of a double.
VictoriaMetrics and Prometheus by remote write (snappy) or Influx lines.  DuckDB and SQLite get a number for a series,
its name in a table beside; the Parquet file holds time, name, host and value of each sample in the order of arrival.
Rows are counted in every store; Firstlight's are compared with what was sent, bit for bit.
"""  # noqa: E501

SAMPLE_STORES: dict[str, Callable[[Path], Store]] = {
    OURS: stores.firstlight_samples,
    VICTORIA: VictoriaMetrics,
    VICTORIA_INFLUX: VictoriaMetricsInflux,
    PROMETHEUS: Prometheus,
    DUCKDB: stores.DuckDb,
    SQLITE: stores.sqlite_samples,
    PARQUET: stores.parquet_samples,
}
EVENT_STORES: dict[str, Callable[[Path], Store]] = {
    OURS: stores.firstlight_events,
    SQLITE: stores.sqlite_events,
    JSON_LINES: stores.JsonLines,
    PARQUET: stores.parquet_events,
}


@dataclass(frozen=True)
class Feed:
    """A kind of rows, by number.

    Attributes:
        take: returns rows from the first number on, so many.
        pieces: cuts them into batches.
        probes: series that are read back and compared.
    """

    take: Callable[[int, int], Any]
    pieces: Callable[[Any, int], Iterator[Any]]
    probes: Sequence[int] = ()


def _sample_pieces(rows: Rows, size: int) -> Iterator[Rows]:
    return rows.pieces(size)


def _event_pieces(events: list[Event], size: int) -> Iterator[list[Event]]:
    return (events[at : at + size] for at in range(0, len(events), size))


def _short_samples(first: int, count: int) -> Rows:
    steps = first // SERIES_WITHOUT_LATENCIES, count // SERIES_WITHOUT_LATENCIES
    return workload.rows(*steps).without_latencies()


SAMPLES = Feed(lambda first, count: workload.rows(first // SERIES, count // SERIES), _sample_pieces, (150, 151, 152))
SHORT_SAMPLES = Feed(_short_samples, _sample_pieces, (150, 151))
EVENTS = Feed(workload.events, _event_pieces)


def benchmark() -> Benchmark:
    """Return the page."""
    groups = [
        _samples(SMALL_ROWS),
        _samples(LARGE_ROWS),
        _samples_at_rest(),
        _short_samples_at_rest(),
        _events(),
        _events_at_rest(),
    ]
    return Benchmark("lake", NOTES, groups, ("duckdb", "pyarrow", "msgspec", "numpy"), ROUNDS)


def _samples(batch_rows: int) -> Group:
    # What the storage design measured: 600,000 a second with sync against 692,000 without.
    victoria = [Bar("rows/s wall", OURS, peer, 0.87) for peer in (VICTORIA, VICTORIA_INFLUX)]
    embedded = [Bar("rows/s wall", OURS, peer, 3) for peer in (SQLITE, DUCKDB)]
    bars = [*victoria, *embedded] if batch_rows == SMALL_ROWS else embedded
    rows, name = STEPS_PER_TURN[batch_rows] * SERIES, f"samples, {batch_rows:,} a batch"
    return _ingest(name, SAMPLE_STORES, SAMPLES, rows, batch_rows, bars)


def _events() -> Group:
    bars = [Bar("rows/s wall", OURS, SQLITE, 1)]
    return _ingest(f"events, {SMALL_ROWS} a batch", EVENT_STORES, EVENTS, EVENTS_PER_TURN, SMALL_ROWS, bars)


def _samples_at_rest() -> Group:
    peers = (VICTORIA, PARQUET, DUCKDB, SQLITE)
    bars = [Bar("bytes", OURS, peer, 1) for peer in peers]
    kinds = {kind: make for kind, make in SAMPLE_STORES.items() if kind != VICTORIA_INFLUX}
    count, at_once = STEPS_AT_REST * SERIES, STEPS_AT_ONCE * SERIES
    return _at_rest(f"{count:,} samples at rest", kinds, SAMPLES, count, at_once, bars)


def _short_samples_at_rest() -> Group:
    peers = (VICTORIA, PROMETHEUS)
    kinds = {kind: SAMPLE_STORES[kind] for kind in (OURS, *peers)}
    steps = SERIES_WITHOUT_LATENCIES * STEPS_AT_REST, SERIES_WITHOUT_LATENCIES * STEPS_AT_ONCE
    bars = [Bar("bytes", OURS, peer, 1) for peer in peers]
    return _at_rest(f"{steps[0]:,} without full doubles at rest", kinds, SHORT_SAMPLES, *steps, bars)


def _events_at_rest() -> Group:
    bars = [Bar("bytes", OURS, peer, 1) for peer in (PARQUET, JSON_LINES, SQLITE)]
    return _at_rest(f"{EVENTS_AT_REST:,} events at rest", EVENT_STORES, EVENTS, EVENTS_AT_REST, EVENTS_PER_TURN, bars)


def _ingest(
    name: str, kinds: dict[str, Callable[[Path], Store]], feed: Feed, rows: int, batch_rows: int, bars: Sequence[Bar]
) -> Group:
    def start(make: Callable[[Path], Store]) -> Running:
        return _running(make, lambda store: _Ingest(store, feed, rows, batch_rows))

    contenders = [Contender(kind, partial(start, make)) for kind, make in kinds.items() if kind != PARQUET]
    return Group(name, contenders, bars, frozenset({"rows/s wall", "rows/s cpu"}))


def _at_rest(
    name: str, kinds: dict[str, Callable[[Path], Store]], feed: Feed, rows: int, at_once: int, bars: Sequence[Bar]
) -> Group:
    def start(make: Callable[[Path], Store]) -> Running:
        return _running(make, lambda store: _Life(store, feed, rows, at_once))

    contenders = [Contender(kind, partial(start, make)) for kind, make in kinds.items()]
    return Group(name, contenders, bars)


class _Ingest:
    """Stores the next rows of the feed in each turn."""

    def __init__(self, store: Store, feed: Feed, rows: int, batch_rows: int) -> None:
        self._store, self._feed, self._rows, self._batch_rows = store, feed, rows, batch_rows
        self._sent = 0
        self._cpu_s = store.cpu_s()

    def turn(self) -> Figures:
        taken = self._feed.take(self._sent, self._rows)
        batches = [self._store.prepare(piece) for piece in self._feed.pieces(taken, self._batch_rows)]
        self._sent += self._rows
        gc.collect()
        cpu_s = self._cpu_s if self._store.is_server else self._store.cpu_s()
        wall_s = _write(self._store, batches)
        self._store.settle()
        self._cpu_s = self._store.cpu_s()
        return {"rows/s wall": self._rows / wall_s, "rows/s cpu": self._rows / (self._cpu_s - cpu_s)}

    def sent(self) -> Any:
        return self._feed.take(0, self._sent)


class _Life:
    """Stores everything in its first turn and brings it to rest; that cannot be repeated, so all turns say the same."""

    def __init__(self, store: Store, feed: Feed, rows: int, at_once: int) -> None:
        self._store, self._feed, self._rows, self._at_once = store, feed, rows, at_once
        self._figures: Figures = {}

    def turn(self) -> Figures:
        if not self._figures:
            cpu_s = sum(self._part(first) for first in range(0, self._rows, self._at_once))
            cpu_s += self._spent(self._store.finish)
            bytes_per_row = self._store.size_bytes() / self._rows
            self._figures = {"bytes": bytes_per_row, "cpu us": 1e6 * cpu_s / self._rows, **self._exactness()}
        return self._figures

    def sent(self) -> Any:
        return self._feed.take(0, self._rows)

    def _exactness(self) -> Figures:
        """Compare what is read back of the probes."""
        if not self._feed.probes:
            return {}
        sent, equal, count = self.sent(), 0, 0
        for series in self._feed.probes:
            wanted = sent.values[sent.series == series].view(np.int64)
            found = np.array(self._store.read(series), np.float64).view(np.int64)
            equal, count = equal + int((wanted == found).sum()), count + len(wanted)
        return {"exact %": 100 * equal / count}

    def _part(self, first: int) -> float:
        taken = self._feed.take(first, self._at_once)
        batches = [self._store.prepare(piece) for piece in self._feed.pieces(taken, LARGE_ROWS)]
        return self._spent(partial(_write, self._store, batches)) + self._spent(self._store.settle)

    def _spent(self, work: Callable[[], object]) -> float:
        began_s = self._store.cpu_s()
        work()
        return self._store.cpu_s() - began_s


def _write(store: Store, batches: Sequence[Any]) -> float:
    write = store.write
    began_s = time.perf_counter()
    for batch in batches:
        write(batch)
    return time.perf_counter() - began_s


def _running(make: Callable[[Path], Store], measure: Callable[[Store], _Ingest | _Life]) -> Running:
    folder = Path(tempfile.mkdtemp(prefix="firstlight-bench-lake-"))
    try:
        store = make(folder)
    except (ImportError, Missing):
        shutil.rmtree(folder)
        raise
    work = measure(store)

    def close() -> None:
        try:
            store.close(work.sent())
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return Running(work.turn, close)
