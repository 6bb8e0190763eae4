import subprocess
import sys
import time
from pathlib import Path

import pytest

from firstlight.app import lake_stats
from firstlight.app.lake import Lake
from firstlight.app.lake_stats import measure
from firstlight.errors import StorageError
from firstlight.model import Batch, Event, Resource, Series
from firstlight.store.layout import Layout
from firstlight.store.maintain import Maintenance, maintain
from tests.app import carried

DAY_NS = 86_400 * 10**9
NOW_NS = 20_000 * DAY_NS + 3600 * 10**9  # an hour into a day
WRITE = """
import sys
from firstlight.app.lake import Lake
from firstlight.model import Batch, Resource, Series
with Lake.open(sys.argv[1]) as lake:
    batch = Batch(Resource("x"))
    batch.add_sample(Series("written_elsewhere"), 1, 1.0)
    lake.append([batch])
    print("there", flush=True)
    sys.stdin.read()
"""


def samples(*at: tuple[str, int, dict[str, str]]) -> Batch:
    batch = Batch(Resource("shop"))
    for name, time_ns, labels in at:
        batch.add_sample(Series(name, tuple(sorted(labels.items())), "shop"), time_ns, 1.5)
    return batch


def keep(directory: Path, *batches: Batch, seal: bool = True) -> Path:
    with Lake.open(directory, maintain=False) as lake:
        lake.append(batches)
    assert not seal or maintain(Layout(directory), lambda done: None)
    return directory


def test_series_are_counted_by_metric_label_and_value_sealed_or_not(tmp_path: Path) -> None:
    wanted = [("cpu", NOW_NS, {"core": str(core), "host": host}) for core in range(4) for host in "ab"]
    keep(tmp_path, samples(*wanted, ("up", NOW_NS, {"host": "a"})))
    keep(tmp_path, samples(*wanted[:3], ("mem", NOW_NS, {"host": "c", "kind": "used"})), seal=False)
    found = measure(tmp_path, top=2, now_ns=NOW_NS).cardinality
    assert (found.series, found.metric_count, found.label_count) == (10, 3, 3)
    assert [(one.name, one.series) for one in found.metrics] == [("cpu", 8), ("up", 1)] or found.metrics[1].series == 1
    assert [(one.label, one.values, one.series) for one in found.labels] == [("core", 4, 8), ("host", 3, 10)]
    assert [(one.label, one.value, one.series) for one in found.values] == [("host", "a", 5), ("host", "b", 4)]


def test_sizes_are_those_of_the_files_and_rows_those_of_sql(tmp_path: Path) -> None:
    carried.make(tmp_path, sealed=True)
    segment = next((tmp_path / "data" / "main" / "events").glob("*.parquet"))
    segment.with_suffix(".idx").write_bytes(b"12345")
    found = measure(tmp_path)
    with Lake.open(tmp_path, read_only=True) as lake:
        for table, name in (("samples", "samples"), ("events", "events"), ("spans", "spans")):
            size = found.tables[table]
            assert [(size.rows + size.tail_rows,)] == lake.sql(f"SELECT count(*) FROM {name}").rows
    for table, size in found.tables.items():
        files = list((tmp_path / "data" / "main" / table).glob("*.parquet"))
        assert (size.segments, size.bytes) == (len(files), sum(file.stat().st_size for file in files))
    events = found.tables["events"]
    assert (events.tail_rows, events.rows, events.index_bytes) == (0, 300, 5)
    assert events.bytes_per_row == round(events.bytes / 300, 3)
    assert events.oldest_us == carried.BASE_NS // 1000
    assert found.tables["samples"].tail_rows == 115
    assert found.tables["samples"].newest_us == (carried.BASE_NS + 990 * 10**9) // 1000
    assert found.bytes == 5 + found.log_bytes + found.catalog_bytes + sum(size.bytes for size in found.tables.values())


def test_growth_is_by_the_day_of_the_rows_and_upkeep_says_what_it_did(tmp_path: Path) -> None:
    for number in range(3):
        keep(tmp_path, samples(("a", NOW_NS - DAY_NS, {}), ("a", NOW_NS + number, {})))
    before = measure(tmp_path, now_ns=NOW_NS)
    assert [(day.day, day.rows, day.segments) for day in before.days] == [
        ("2024-10-03", {"samples": 3}, 3),
        ("2024-10-04", {"samples": 3}, 3),
    ]
    assert before.upkeep.days_in_many == 2
    assert {change.what for change in before.upkeep.changes} == {"seal"}
    Maintenance(Layout(tmp_path), lambda done: None).compact_all()
    after = measure(tmp_path, now_ns=NOW_NS)
    # The three equal samples of the first day are one now.
    assert [(day.rows, day.segments) for day in after.days] == [({"samples": 1}, 1), ({"samples": 3}, 1)]
    assert (after.upkeep.days_in_many, after.upkeep.replaced_segments) == (0, 6)
    assert (after.upkeep.changes[0].what, after.upkeep.changes[0].added, after.upkeep.changes[0].removed) == (
        "compact",
        1,
        3,
    )


@pytest.mark.parametrize("estimated", [False, True])
def test_the_last_hour_is_counted_by_minute_or_spread_when_it_is_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, estimated: bool
) -> None:
    if estimated:
        monkeypatch.setattr(lake_stats, "EXACT_ROWS", 1)
    minute = 60 * 10**9
    hour = [("a", NOW_NS - at * minute + 1, {}) for at in range(1, 61)]
    keep(tmp_path, samples(*hour, ("a", NOW_NS - 60 * minute - 10**9, {}), ("a", NOW_NS + 1, {})))
    hot = samples(*[("a", NOW_NS - 5 * minute - at, {}) for at in range(1, 8)])
    hot.events.append(Event(NOW_NS - 1, "now"))
    keep(tmp_path, hot, seal=False)
    rate = measure(tmp_path, now_ns=NOW_NS).rate
    assert rate.estimated == estimated
    assert rate.minutes["events"] == [0] * 59 + [1]
    expected = [1] * 54 + [8] + [1] * 5
    assert rate.minutes["samples"] == expected
    assert rate.last_hour["samples"] == sum(expected)


def test_a_lake_that_another_process_writes_is_measured_at_once(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "there\n"
    try:
        found = measure(tmp_path, now_ns=time.time_ns())
        assert [one.name for one in found.cardinality.metrics] == ["written_elsewhere"]
        assert (found.tables["samples"].tail_rows, found.logs) == (1, 1)
    finally:
        writer.communicate("", timeout=60)
    assert writer.returncode == 0


def test_an_empty_lake_and_none(tmp_path: Path) -> None:
    Lake.open(tmp_path / "lake", maintain=False).close()
    found = measure(tmp_path / "lake")
    assert (found.cardinality.series, found.days, found.tables["events"].bytes_per_row) == (0, [], None)
    with pytest.raises(StorageError, match="no lake"):
        measure(tmp_path)
