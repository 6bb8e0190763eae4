"""The stores of the lake benchmark that run in this process."""

import gzip
import json
import os
import resource
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import duckdb
import msgspec
import pyarrow as pa

from bench import lake_workload as workload
from bench.lake_workload import Rows
from firstlight.app.lake import Lake
from firstlight.model import Event
from firstlight.store import sweep
from firstlight.store.layout import FileLock, Layout
from firstlight.store.maintain import Maintenance

SAMPLES_DIGEST = "SELECT count(*), sum(hash(series_id, time_ns, value)::HUGEINT) FROM metrics"
EVENTS_DIGEST = (
    "SELECT count(*), sum(hash(time_ns, level_number::TINYINT, subsystem, component, name, body, attributes, trace_id, "
    "span_id, service, host)::HUGEINT) FROM events"
)
_SEALING_TAKES_AT_MOST_S = 120.0


class Store(Protocol):
    """Something that keeps batches.

    Attributes:
        is_server: it is a process of its own, so all its processor time is its own, between turns too.
    """

    is_server: bool

    def prepare(self, piece: Any) -> Any:
        """Return a batch in the form in which ``write`` takes it; not measured."""

    def write(self, batch: Any) -> None:
        """Store a batch; when this returns it is as durable as this store makes it."""

    def settle(self) -> None:
        """Wait until work in the background that the batches caused is done."""

    def cpu_s(self) -> float:
        """Return the processor time spent so far, that of helpers included."""

    def finish(self) -> None:
        """Bring everything into its final form on disk."""

    def size_bytes(self) -> int:
        """Return what that takes, everything counted."""

    def read(self, series: int) -> Sequence[float]:
        """Return the values of the series with this index in the order of time; only after ``finish``."""

    def close(self, sent: Any) -> None:
        """End.

        Raises:
            AssertionError: it does not hold what was sent.
        """


def size_of(folder: Path, without: Sequence[str] = ()) -> int:
    """Return the bytes of all files below ``folder`` except in its folders ``without``."""
    found = [Path(root, name) for root, _, names in os.walk(folder) for name in names]
    return sum(path.stat().st_size for path in found if path.relative_to(folder).parts[0] not in without)


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def bring_to_rest(layout: Layout) -> None:
    """Seal all logs, make one segment of each day, remove what that replaced."""
    lock = FileLock(layout.keeper_lock)
    lock.acquire(wait=True)
    try:
        maintenance = Maintenance(layout, lambda _: None)
        while maintenance.round():
            pass
        maintenance.compact_all()
        sweep.sweep(layout, grace_s=0.0)
    finally:
        lock.release()


class _Embedded:
    is_server = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def settle(self) -> None:
        pass

    def cpu_s(self) -> float:
        return time.process_time() + _children_cpu_s()

    def size_bytes(self) -> int:
        return size_of(self.folder)

    def read(self, series: int) -> Sequence[float]:
        raise NotImplementedError(series)


class Firstlight(_Embedded):
    """A lake as ``firstlight up`` has it: every append on disk before it returns, sealing in the background."""

    def __init__(
        self, folder: Path, prepare: Callable[[Any], Any], digest: str, expected: Callable[[Any], Any]
    ) -> None:
        super().__init__(folder)
        self._layout = Layout(folder)
        self._lake = Lake.open(folder, durability="always")
        self._digest, self._expected = digest, expected
        self.prepare = prepare
        self._append = self._lake.append

    def write(self, batch: Any) -> None:
        self._append([batch])

    def settle(self) -> None:
        """Wait for a sealing process and until its time has been added to ours."""
        if not self._has_finished_logs():
            return
        before_s, until_s = _children_cpu_s(), time.monotonic() + _SEALING_TAKES_AT_MOST_S
        while self._has_finished_logs() or _children_cpu_s() == before_s:
            assert time.monotonic() < until_s, f"sealing did not end: {self._lake.stats()}"
            time.sleep(0.05)

    def finish(self) -> None:
        self._lake.close()
        bring_to_rest(self._layout)

    def read(self, series: int) -> Sequence[float]:
        with Lake.open(self.folder, read_only=True) as lake:
            found = lake.sql(
                "SELECT value FROM metrics WHERE series_id = ? ORDER BY time_ns", [workload.definitions()[series][0]]
            )
        return [value for (value,) in found.rows]

    def close(self, sent: Any) -> None:
        self.finish()
        expected = duckdb.connect()
        expected.register("metrics" if isinstance(sent, Rows) else "events", self._expected(sent))
        wanted = expected.execute(self._digest).fetchone()
        expected.close()
        with Lake.open(self.folder, read_only=True) as lake:
            found = lake.sql(self._digest).rows[0]
        assert wanted is not None
        assert tuple(map(int, found)) == tuple(map(int, wanted)), f"sent {wanted}, stored {found} (rows, digest)"

    def _has_finished_logs(self) -> bool:
        return any(len(self._layout.wal_files(writer)) > 1 for writer in self._layout.writers())


def firstlight_samples(folder: Path) -> Firstlight:
    """Return a lake for samples."""
    return Firstlight(folder, workload.sample_batch, SAMPLES_DIGEST, _samples_expected)


def firstlight_events(folder: Path) -> Firstlight:
    """Return a lake for events."""
    return Firstlight(folder, workload.event_batch, EVENTS_DIGEST, events_table)


def _samples_expected(sent: Rows) -> pa.Table:
    times_ns = sent.times_ms * 1_000_000
    return pa.table({"series_id": workload.ids(sent), "time_ns": times_ns, "value": sent.values})


class DuckDb(_Embedded):
    """DuckDB's own file: an Arrow table per batch, inserted and committed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._open()
        self._database.execute("CREATE TABLE series (series_id BIGINT, name VARCHAR, host VARCHAR)")
        self._database.execute("CREATE TABLE samples (series_id BIGINT, time TIMESTAMP_MS, value DOUBLE)")
        known = [(i, s.name, s.labels[0][1]) for i, s in workload.definitions()]
        self._database.executemany("INSERT INTO series VALUES (?, ?, ?)", known)

    def prepare(self, piece: Rows) -> pa.Table:
        times = pa.array(piece.times_ms, pa.timestamp("ms"))
        return pa.table({"series_id": workload.ids(piece), "time": times, "value": piece.values})

    def write(self, batch: pa.Table) -> None:
        self._database.register("batch", batch)
        self._database.execute("INSERT INTO samples FROM batch")

    def finish(self) -> None:
        self._database.execute("CHECKPOINT")
        self._database.close()
        self._open()

    def read(self, series: int) -> Sequence[float]:
        query = "SELECT value FROM samples WHERE series_id = ? ORDER BY time"
        return [value for (value,) in self._database.execute(query, [workload.definitions()[series][0]]).fetchall()]

    def close(self, sent: Rows) -> None:
        counted = self._database.execute("SELECT count(*) FROM samples").fetchone()
        self._database.close()
        assert counted == (len(sent),), f"sent {len(sent)}, stored {counted}"

    def _open(self) -> None:
        self._database = duckdb.connect(self.folder / "samples.duckdb")


class Sqlite(_Embedded):
    """SQLite with a write-ahead log that is synced at each commit, ``executemany`` per batch."""

    def __init__(self, folder: Path, columns: Sequence[str], prepare: Callable[[Any], Any]) -> None:
        super().__init__(folder)
        self._database = sqlite3.connect(folder / "rows.sqlite", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute(f"CREATE TABLE rows ({', '.join(columns)})")
        self._insert = f"INSERT INTO rows VALUES ({', '.join('?' * len(columns))})"
        self.prepare = prepare

    def write(self, batch: list[tuple[Any, ...]]) -> None:
        self._database.execute("BEGIN")
        self._database.executemany(self._insert, batch)
        self._database.execute("COMMIT")

    def finish(self) -> None:
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def size_bytes(self) -> int:
        return (self.folder / "rows.sqlite").stat().st_size

    def read(self, series: int) -> Sequence[float]:
        query = "SELECT value FROM rows WHERE series_id = ? ORDER BY time_ms"
        return [value for (value,) in self._database.execute(query, [workload.definitions()[series][0]])]

    def close(self, sent: Any) -> None:
        counted = self._database.execute("SELECT count(*) FROM rows").fetchone()
        self._database.close()
        assert counted == (len(sent),), f"sent {len(sent)}, stored {counted}"


def sqlite_samples(folder: Path) -> Sqlite:
    """Return a table of samples without an index, its series beside it."""
    store = Sqlite(folder, ("series_id INTEGER", "time_ms INTEGER", "value REAL"), _sample_rows)
    known = [(i, s.name, s.labels[0][1]) for i, s in workload.definitions()]
    store._database.execute("CREATE TABLE series (series_id INTEGER, name TEXT, host TEXT)")
    store._database.executemany("INSERT INTO series VALUES (?, ?, ?)", known)
    return store


def sqlite_events(folder: Path) -> Sqlite:
    """Return a table of events without an index."""
    return Sqlite(folder, workload.EVENT_COLUMNS, lambda events: [workload.event_row(event) for event in events])


def _sample_rows(piece: Rows) -> list[tuple[Any, ...]]:
    columns = workload.ids(piece), piece.times_ms, piece.values
    return list(zip(*(column.tolist() for column in columns), strict=True))


class Parquet(_Embedded):
    """One wide file, in the order of arrival, zstd: what one gets from ``COPY … TO 'x.parquet'``.

    Args:
        folder: where.
        prepare: makes an Arrow table.
    """

    def __init__(self, folder: Path, prepare: Callable[[Any], pa.Table]) -> None:
        super().__init__(folder)
        self.prepare = prepare
        self._pieces: list[pa.Table] = []

    def write(self, batch: pa.Table) -> None:
        self._pieces.append(batch)

    def finish(self) -> None:
        database = duckdb.connect()
        database.register("rows", pa.concat_tables(self._pieces))
        database.execute(f"COPY rows TO '{self.folder / 'rows.parquet'}' (FORMAT parquet, COMPRESSION zstd)")
        database.close()
        self._pieces.clear()

    def read(self, series: int) -> Sequence[float]:
        definition = workload.definitions()[series][1]
        query = f"SELECT value FROM '{self.folder / 'rows.parquet'}' WHERE name = ? AND host = ? ORDER BY time"
        found = duckdb.execute(query, [definition.name, definition.labels[0][1]]).fetchall()
        return [value for (value,) in found]

    def close(self, sent: Any) -> None:
        counted = duckdb.execute(f"SELECT count(*) FROM '{self.folder / 'rows.parquet'}'").fetchone()
        assert counted == (len(sent),), f"sent {len(sent)}, stored {counted}"


def parquet_samples(folder: Path) -> Parquet:
    """Return a Parquet file of time, name, host and value."""
    return Parquet(folder, _wide_samples)


def parquet_events(folder: Path) -> Parquet:
    """Return a Parquet file of events."""
    return Parquet(folder, events_table)


def _wide_samples(piece: Rows) -> pa.Table:
    names = pa.array([series.name for _, series in workload.definitions()])
    hosts = pa.array([series.labels[0][1] for _, series in workload.definitions()])
    times = pa.array(piece.times_ms, pa.timestamp("ms"))
    return pa.table(
        {"time": times, "name": names.take(piece.series), "host": hosts.take(piece.series), "value": piece.values}
    )


def events_table(events: list[Event]) -> pa.Table:
    """Return events as Arrow columns."""
    columns = zip(*(workload.event_row(event) for event in events), strict=True)
    return pa.table(dict(zip(workload.EVENT_COLUMNS, map(list, columns), strict=True)))


class JsonLines(_Embedded):
    """A file of JSON lines, synced after each batch, gzipped in the end."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._path = folder / "events.jsonl"
        self._file = self._path.open("ab", buffering=0)
        self._encoder = msgspec.json.Encoder()

    def prepare(self, piece: list[Event]) -> list[dict[str, Any]]:
        rows = (dict(zip(workload.EVENT_COLUMNS, workload.event_row(event), strict=True)) for event in piece)
        return [{**row, "attributes": event.attributes} for row, event in zip(rows, piece, strict=True)]

    def write(self, batch: list[dict[str, Any]]) -> None:
        self._file.write(self._encoder.encode_lines(batch))
        os.fdatasync(self._file.fileno())

    def finish(self) -> None:
        self._file.close()
        with gzip.open(self.folder / "events.jsonl.gz", "wb", compresslevel=6) as packed:
            packed.write(self._path.read_bytes())
        self._path.unlink()

    def close(self, sent: list[Event]) -> None:
        if not self._file.closed:
            self.finish()
        with gzip.open(self.folder / "events.jsonl.gz") as packed:
            found = sum("time_ns" in json.loads(line) for line in packed)
        assert found == len(sent), f"sent {len(sent)}, stored {found}"
