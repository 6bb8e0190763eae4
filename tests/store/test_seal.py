from pathlib import Path

import duckdb
import pytest

from firstlight.app.lake import Lake
from firstlight.app.lake_limits import LakeLimits
from firstlight.errors import StorageError
from firstlight.model import (
    CUSTOM_SCALE,
    Batch,
    Event,
    ExponentialPoint,
    Kind,
    Resource,
    Series,
    Span,
    SpanEvent,
    SpanLink,
)
from firstlight.store import lakehouse, schema, seal
from firstlight.store.layout import FileLock, Layout
from firstlight.store.maintain import maintain
from firstlight.store.seal import Sealer
from firstlight.store.wal import WalWriter
from tests.store.ducklake import attached

DAY_NS = 86_400_000_000_000
START_NS = 1_760_000_000_123_456_789
CPU = Series("cpu", (("core", "0"),), service="shop", unit="1")
HIST = Series("took", (), service="shop", kind=Kind.HISTOGRAM)


def full_batch(count: int = 10) -> Batch:
    batch = Batch(Resource("shop", "s1", "h1", 42, {"region": "eu"}))
    for i in range(count):
        t = START_NS + i * DAY_NS // 4
        batch.add_sample(CPU, t, i / 4)
        batch.events.append(Event(t, "tick", 17, "a", "b", "text é", {"i": i, "x": None}, "ab" * 16, "cd" * 8))
        batch.spans.append(
            Span(t, t + 5, "op", "ab" * 16, "cd" * 8, events=[SpanEvent(t + 1, "e")], links=[SpanLink("1", "2")])
        )
    batch.series[HIST.id()] = HIST
    batch.exponential.append(ExponentialPoint(HIST.id(), START_NS, 3, 4.5, 2, positive=[1, 2], min=0.5))
    fractions = ExponentialPoint(HIST.id(), START_NS + 1, 2.5, 4.5, 2, 0.5, positive=[0.5, 1.5], hint=3)
    custom = ExponentialPoint(HIST.id(), START_NS + 2, 3, 4.5, CUSTOM_SCALE, positive=[1, 2], bounds=[1.0, 2.0])
    batch.exponential += [fractions, custom]
    return batch


def left_by_a_dead_writer(path: Path, count: int = 10) -> tuple[Layout, WalWriter]:
    """Make a lake with one log that nobody appends to any more."""
    layout = Layout(path)
    layout.create()
    lakehouse.create(layout)
    wal = WalWriter(layout)
    wal.append([full_batch(count)])
    wal.close()
    return layout, wal


QUESTIONS = [
    "SELECT time, time_ns, name, value, field, labels, service, kind, unit FROM metrics ORDER BY time_ns",
    "SELECT * FROM events ORDER BY time_ns",
    "SELECT * FROM spans ORDER BY time_ns",
    "SELECT * FROM series ORDER BY name",
    "SELECT * FROM exponential_histograms ORDER BY time_ns",
]


def test_answers_are_the_same_before_and_after_sealing(tmp_path: Path) -> None:
    with Lake.open(tmp_path, maintain=False, limits=LakeLimits(rotate_bytes=1)) as lake:
        lake.append([full_batch()])
        hot = [lake.sql(q) for q in QUESTIONS]
        assert [len(h.rows) for h in hot] == [10, 10, 10, 2, 3]
        marker = Batch(Resource("other"))
        marker.events.append(Event(1, "next file"))
        lake.append([marker])
        report = Sealer(Layout(tmp_path)).seal()
        assert report.logs == 1
        sealed = [lake.sql(q.replace("FROM events", "FROM events WHERE service = 'shop'")) for q in QUESTIONS]
    assert [s.rows for s in sealed] == [h.rows for h in hot]
    assert [s.types for s in sealed] == [h.types for h in hot]


def test_logs_of_dead_writers_are_adopted_once(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.create()
    lakehouse.create(layout)
    for _ in range(3):
        wal = WalWriter(layout)
        wal.append([full_batch(1)])
        wal.close()
    first, second = Sealer(layout).seal(), Sealer(layout).seal()
    assert (first.logs, second.logs) == (3, 0)
    with Lake.open(tmp_path, read_only=True) as lake:
        assert lake.sql("SELECT count(*) FROM events").rows == [(3,)]
        assert lake.sql("SELECT count(*) FROM series").rows == [(2,)]


def test_a_living_writers_open_log_is_left_alone(tmp_path: Path) -> None:
    with Lake.open(tmp_path, maintain=False) as lake:
        lake.append([full_batch(1)])
        report = Sealer(Layout(tmp_path)).seal()
        assert report.logs == 0
        lake.append([full_batch(1)])
        assert lake.sql("SELECT count(*) FROM events").rows == [(2,)]


def test_a_crash_after_the_segments_are_written_neither_loses_nor_doubles(tmp_path: Path, monkeypatch) -> None:
    layout, _ = left_by_a_dead_writer(tmp_path, 5)

    def crash(*_: object, **__: object) -> None:
        raise StorageError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(seal, "commit", crash)
        with pytest.raises(StorageError, match="power cut"):
            Sealer(layout).seal()
    with Lake.open(tmp_path, read_only=True) as lake:
        assert lake.sql("SELECT count(*) FROM events").rows == [(5,)]
    Sealer(layout).seal()
    with Lake.open(tmp_path, read_only=True) as lake:
        assert lake.sql("SELECT count(*) FROM events").rows == [(5,)]


def test_a_crash_after_the_commit_neither_loses_nor_doubles(tmp_path: Path) -> None:
    layout, wal = left_by_a_dead_writer(tmp_path, 5)
    log = layout.wal_path(wal.name, 1).read_bytes()
    Sealer(layout).seal()
    layout.wal_path(wal.name, 1).write_bytes(log)
    with Lake.open(tmp_path, read_only=True) as lake:
        assert lake.sql("SELECT count(*) FROM events").rows == [(5,)]
    Sealer(layout).seal()
    assert not layout.wal_path(wal.name, 1).exists()
    with Lake.open(tmp_path, read_only=True) as lake:
        assert lake.sql("SELECT count(*) FROM events").rows == [(5,)]


def test_only_one_keeper_seals(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.create()
    lock = FileLock(layout.keeper_lock)
    assert lock.acquire()
    assert not maintain(layout, print)
    lock.release()


def test_a_damaged_log_is_sealed_up_to_the_damage_and_kept_aside(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.create()
    lakehouse.create(layout)
    wal = WalWriter(layout)
    for _ in range(3):
        wal.append([full_batch(1)])
    wal.close()
    path = layout.wal_path(wal.name, 1)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    report = Sealer(layout).seal()
    assert report.torn_bytes > 0
    assert [Path(q).read_bytes() for q in report.quarantined] == [bytes(data)]
    with Lake.open(tmp_path, read_only=True) as lake:
        assert lake.sql("SELECT count(*) FROM events").rows == [(1,)]


def test_any_engine_reads_the_segments(tmp_path: Path) -> None:
    layout, _ = left_by_a_dead_writer(tmp_path)
    Sealer(layout).seal()
    with duckdb.connect() as plain:
        for table in schema.TABLES.keys() - schema.DERIVED:
            columns = schema.TABLES[table]
            found = plain.execute(f"DESCRIBE FROM '{layout.table_dir(table)}/*.parquet'").fetchall()
            assert [row[0] for row in found] == columns.names
        values = plain.execute(
            "SELECT coalesce(value_int::DOUBLE / value_divisor, value_double) "
            f"FROM '{layout.table_dir('samples')}/*.parquet' ORDER BY time"
        ).fetchall()
    assert values == [(i / 4,) for i in range(10)]
    assert len(list(layout.table_dir("samples").glob("*.parquet"))) == 3  # one a day


def test_the_catalog_is_a_ducklake_that_its_own_client_reads(tmp_path: Path) -> None:
    layout, _ = left_by_a_dead_writer(tmp_path)
    Sealer(layout).seal()
    connection = attached(layout)
    question = "SELECT count(*) FROM lake.samples JOIN lake.series USING (series_id) WHERE labels['core'] = '0'"
    assert connection.execute(question).fetchall() == [(10,)]
    assert connection.execute(f"{question} AND time >= '2025-10-10'").fetchall() == [(7,)]
    assert connection.execute("SELECT positive, min FROM lake.exponential WHERE min IS NOT NULL").fetchall() == [
        ([1, 2], 0.5)
    ]
    assert connection.execute(
        "SELECT max(hint), max(float_positive), max(bounds) FROM lake.exponential"
    ).fetchall() == [(3, [0.5, 1.5], [1.0, 2.0])]
    connection.execute("INSERT INTO lake.events (time, name) VALUES ('2025-10-12', 'theirs')")
    connection.close()
    with Lake.open(tmp_path, read_only=True) as lake:
        assert lake.sql("SELECT count(*), count(*) FILTER (name = 'theirs') FROM events").rows == [(11, 1)]


def test_a_lake_can_be_moved(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "here")
    layout.create()
    lakehouse.create(layout)
    wal = WalWriter(layout)
    wal.append([full_batch()])
    wal.close()
    Sealer(layout).seal()
    layout.root.rename(tmp_path / "there")
    with Lake.open(tmp_path / "there", read_only=True) as lake:
        assert lake.sql("SELECT count(*) FROM metrics").rows == [(10,)]
