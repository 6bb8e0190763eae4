import math
import os
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from firstlight.errors import Unavailable
from firstlight.export.files import FilePolicy
from firstlight.model import Batch, Event, ExponentialPoint, Kind, Resource, Series
from firstlight.store.parquet_files import ParquetExporter
from firstlight.testing import FakeClock, check_exporter, sample_batch


def names(directory: Path) -> list[str]:
    return sorted(path.name.split("-")[0] for path in (directory / "parquet").iterdir())


def events(count: int = 1, first: int = 0) -> Batch:
    batch = Batch(Resource("shop"))
    batch.events += [Event(1_700_000_000_000_000_001 + number, "step") for number in range(first, first + count)]
    return batch


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    check_exporter(lambda: ParquetExporter(tmp_path))
    assert names(tmp_path) == ["events", "metrics", "spans"]


def test_other_engines_read_it(tmp_path: Path) -> None:
    exporter = ParquetExporter(tmp_path)
    batch = sample_batch()
    series = Series("size", (("a", "b"),), "shop", kind=Kind.HISTOGRAM)
    batch.series[series.id()] = series
    batch.exponential.append(ExponentialPoint(series.id(), 5, 3, 1.5, 2, 0, 0.0, -1, [1, 2]))
    batch.add_sample(series, 1_700_000_000_000_000_123, math.nan)
    exporter.export(batch)
    exporter.close()
    folder = tmp_path / "parquet"
    (path,) = folder.glob("metrics-*")
    rows = pq.read_table(path).to_pylist()
    assert rows[0]["name"] == "orders_total"
    assert rows[0]["labels"] == [("currency", "EUR")]
    assert (rows[-1]["time"], rows[-1]["ns"]) == (datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), 123)
    assert math.isnan(rows[-1]["value"])
    with duckdb.connect() as database:
        query = f"select name, attributes->>'text', session_id from '{folder}/events-*.parquet' where level_number = 13"
        assert database.sql(query).fetchall() == [("order_paid", "grün ✓", "5f1c0000000000000000000000000000")]
        assert database.sql(f"select duration_ns from '{folder}/spans-*.parquet'").fetchall() == [(5,)]
        found = database.sql(f"select name, labels['a'], positive from '{folder}/exponential-*.parquet'").fetchall()
    assert found == [("size", "b", [1, 2])]


def test_rows_wait_until_there_are_enough_or_long_enough(tmp_path: Path) -> None:
    clock = FakeClock()
    exporter = ParquetExporter(tmp_path, file_rows=3, now_ns=clock)
    exporter.export(events(2))
    assert not (tmp_path / "parquet").exists()
    exporter.export(events(1))
    assert names(tmp_path) == ["events"]
    clock.advance(100.0)
    exporter.export(events(1))
    assert len(names(tmp_path)) == 1, "the wait begins with the first row that waits"
    clock.advance(60.0)
    exporter.export(Batch(Resource()))
    assert len(names(tmp_path)) == 2
    exporter.close()
    assert len(names(tmp_path)) == 2


def test_after_a_failure_each_row_is_written_once(tmp_path: Path) -> None:
    blocked = tmp_path / "parquet"
    blocked.write_bytes(b"")
    exporter = ParquetExporter(tmp_path, file_rows=2)
    exporter.export(events(1))
    last = events(1, first=1)
    for _ in range(2):
        with pytest.raises(Unavailable):
            exporter.export(last)
    blocked.unlink()
    exporter.export(last)
    exporter.close()
    (path,) = blocked.iterdir()
    assert pq.read_table(path)["ns"].to_pylist() == [1, 2]


def test_the_newest_files_are_kept(tmp_path: Path) -> None:
    exporter = ParquetExporter(tmp_path, FilePolicy(keep_files=2), file_rows=1)
    for number in range(4):
        exporter.export(events(1, first=number))
    exporter.close()
    found = [pq.read_table(path)["ns"].to_pylist() for path in sorted((tmp_path / "parquet").iterdir())]
    assert found == [[3], [4]]


def test_old_files_go(tmp_path: Path) -> None:
    exporter = ParquetExporter(tmp_path, FilePolicy(keep_s=60.0, rotate_interval_s=5.0))
    (tmp_path / "parquet").mkdir()
    old = tmp_path / "parquet" / "events-20200101T000000.000000Z-1-1.parquet"
    old.write_bytes(b"")
    os.utime(old, (0, 0))
    exporter.export(events(1))
    exporter.close()
    assert not old.exists()
    assert len(names(tmp_path)) == 1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_what_waits_before_a_fork_is_the_parents(tmp_path: Path) -> None:
    exporter = ParquetExporter(tmp_path)
    exporter.export(events(1))
    child = os.fork()
    if child == 0:
        try:
            exporter.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    exporter.close()
    assert len(names(tmp_path)) == 1
