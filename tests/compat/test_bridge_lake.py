"""What the bridge keeps: aggregation, dimensions, many series, room on the disk, threads, forks and the end."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firstlight.compat.bridge import BridgeTelemetry
from firstlight.errors import QueryError, UsageError
from firstlight.store.layout import Layout
from firstlight.store.seal import Sealer

SERIES = 100_000


def config(place: Path, **storage: Any) -> dict[str, Any]:
    return {
        "logger_config": {"log_path": str(place / "log.jsonl")},
        "storage_config": {"connection_string": str(place / "lake"), **storage},
    }


@pytest.fixture
def telemetry(tmp_path: Path) -> Iterator[BridgeTelemetry]:
    with BridgeTelemetry(config(tmp_path)) as made:
        yield made


def value_of(telemetry: BridgeTelemetry, aggregation: str, name: str = "m") -> Any:
    response = telemetry.get_metrics([name], aggregation=aggregation)
    assert response["status"] == "success", response
    return response["metrics"][name]["value"]


def test_aggregations_beyond_the_document(telemetry: BridgeTelemetry) -> None:
    for n in range(1, 101):
        telemetry.record_metric("m", n, timestamp=f"2025-05-21T14:{n // 60:02d}:{n % 60:02d}Z")
    for aggregation, value in (
        ("MEDIAN", 50.5),
        ("P50", 50.5),
        ("P99", 99.01),
        ("QUANTILE:0.95", 95.05),
        ("FIRST", 1),
        ("LAST", 100),
        ("RATE", 1.0),
        ("STDDEV", 28.86607004772212),
        ("p95", 95.05),
    ):
        assert value_of(telemetry, aggregation) == pytest.approx(value), aggregation


def test_an_aggregation_of_ones_own(telemetry: BridgeTelemetry) -> None:
    telemetry.register_aggregation("SPREAD", lambda values: max(values) - min(values))
    telemetry.register_aggregation("broken", lambda values: values[1000])
    for value in (3, 10, 5):
        telemetry.record_metric("m", value)
    found = telemetry.get_metrics(["m"], aggregation="SPREAD")["metrics"]["m"]
    assert (found["value"], found["aggregation"], found["sample_count"]) == (7, "SPREAD", 3)
    failed = telemetry.get_metrics(["m"], aggregation="broken")["error"]
    assert failed["code"] == "RETRIEVAL_FAILURE"
    assert "failed for m: IndexError" in failed["message"]
    assert "SPREAD" in telemetry.get_metrics(["m"], aggregation="MENA")["error"]["message"]
    with pytest.raises(UsageError, match="own"):
        telemetry.register_aggregation("mean", sum)


def test_several_dimensions(telemetry: BridgeTelemetry) -> None:
    for n in range(40):
        telemetry.record_metric(
            "took_ms", n, {"zone": f"z{n % 2}", "kind": f"k{n % 4}", "nested": {"a": [1]}, "no": None}
        )
    telemetry.record_metric("took_ms", 1000, {"zone": "z0", "flag": True, "n": 5})
    found = telemetry.get_metrics(["took_ms"], aggregation="SUM", group_by=["zone", "kind"])["metrics"]["took_ms"]
    assert (found["value"], found["sample_count"]) == (1780, 41)
    assert found["groups"] == [
        {"context": {"zone": "z0", "kind": None}, "value": 1000, "sample_count": 1},
        {"context": {"zone": "z0", "kind": "k0"}, "value": sum(range(0, 40, 4)), "sample_count": 10},
        {"context": {"zone": "z0", "kind": "k2"}, "value": sum(range(2, 40, 4)), "sample_count": 10},
        {"context": {"zone": "z1", "kind": "k1"}, "value": sum(range(1, 40, 4)), "sample_count": 10},
        {"context": {"zone": "z1", "kind": "k3"}, "value": sum(range(3, 40, 4)), "sample_count": 10},
    ]
    labels = {tuple(sorted(row[0].items())) for row in telemetry.sql("SELECT labels FROM series").rows}
    assert (("flag", "true"), ("n", "5"), ("zone", "z0")) in labels
    assert (("kind", "k1"), ("nested", '{"a":[1]}'), ("zone", "z1")) in labels


def test_text_values_are_events(telemetry: BridgeTelemetry) -> None:
    told = telemetry.record_metric("state", "degraded", {"source": "bridge_core"})
    assert telemetry.get_metrics()["metrics"] == {}
    assert telemetry.stats["metrics_recorded"] == 1
    ((name, source, attributes),) = telemetry.sql("SELECT name, subsystem, attributes FROM events").rows
    assert (name, source) == ("METRIC", "metrics_collector")
    assert json.loads(attributes) == {
        "event_id": told["event_id"],
        "data": {"metric_name": "state", "metric_value": "degraded", "context": {"source": "bridge_core"}},
    }


def test_any_question_may_be_asked_in_sql(telemetry: BridgeTelemetry) -> None:
    for n in range(10):
        telemetry.record_metric("took_ms", n, {"kind": f"k{n % 2}"})
        data = {"kind": f"k{n % 2}", "ok": n < 7}
        telemetry.record_event({"event_type": "COMMAND", "source": "bridge.core", "data": data})
    asked = telemetry.sql(
        "WITH failures AS (SELECT attributes->'data'->>'kind' AS what, count(*) AS failed FROM events "
        "WHERE subsystem = 'bridge' AND component = 'core' AND (attributes->'data'->>'ok') = 'false' GROUP BY what) "
        "SELECT what, max(value) AS slowest, any_value(failed) AS failed FROM metrics "
        "JOIN failures ON what = labels['kind'] WHERE name = $name GROUP BY ALL ORDER BY ALL",
        {"name": "took_ms"},
    )
    assert asked.dicts() == [
        {"what": "k0", "slowest": 8.0, "failed": 1},
        {"what": "k1", "slowest": 9.0, "failed": 2},
    ]
    with pytest.raises(QueryError):
        telemetry.sql("DROP TABLE events")


def test_a_hundred_thousand_series_of_one_metric(tmp_path: Path) -> None:
    with BridgeTelemetry(config(tmp_path, durability="never")) as telemetry:
        for n in range(SERIES):
            context = {"user": f"u{n}", "zone": f"z{n % 3}"}
            assert telemetry.record_metric("took_ms", n, context)["status"] == "success"
        found = telemetry.get_metrics(["took_ms"], aggregation="SUM", group_by=["zone"])["metrics"]["took_ms"]
        assert (found["value"], found["sample_count"]) == (SERIES * (SERIES - 1) / 2, SERIES)
        assert [group["sample_count"] for group in found["groups"]] == [33334, 33333, 33333]
        assert value_of(telemetry, "P99", "took_ms") == pytest.approx(SERIES * 0.99, rel=1e-4)
        by_user = telemetry.get_metrics(["took_ms"], aggregation="LAST", group_by=["user"])["metrics"]["took_ms"]
        assert len(by_user["groups"]) == SERIES
    # And once more when all is sealed.
    Sealer(Layout(tmp_path / "lake")).seal()
    with BridgeTelemetry(config(tmp_path)) as telemetry:
        assert telemetry.lake.stats()["sealed_rows"]["samples"] == SERIES
        assert value_of(telemetry, "COUNT", "took_ms") == SERIES


def test_threads_lose_nothing(telemetry: BridgeTelemetry) -> None:
    def record(worker: int) -> None:
        for n in range(200):
            telemetry.record_metric("m", n, {"worker": worker})
            telemetry.record_event({"event_type": "E", "source": "s", "data": {"worker": worker, "n": n}})

    threads = [threading.Thread(target=record, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = telemetry.get_metrics(["m"], aggregation="SUM", group_by=["worker"])["metrics"]["m"]
    assert (found["sample_count"], {group["value"] for group in found["groups"]}) == (1600, {19900.0})
    distinct = "SELECT count(*), count(DISTINCT attributes->>'event_id') FROM events"
    assert telemetry.sql(distinct).rows == [(1600, 1600)]
    assert telemetry.stats["events_recorded"] == telemetry.stats["metrics_recorded"] == 1600
    assert telemetry.lake.stats()["appends"] < 3200


def test_a_forked_child_records_and_reads_for_itself(telemetry: BridgeTelemetry) -> None:
    telemetry.record_metric("m", 1)
    assert value_of(telemetry, "SUM") == 1
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = telemetry.record_metric("m", 10)["status"]
        os.write(write_end, json.dumps([status, value_of(telemetry, "SUM")]).encode())
        telemetry.close()
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        assert json.loads(pipe.read()) == ["success", 11.0]
    assert os.waitpid(pid, 0)[1] == 0
    assert telemetry.record_metric("m", 100)["status"] == "success"
    assert value_of(telemetry, "SUM") == 111
    assert telemetry.sql("SELECT count(DISTINCT session_id) FROM metrics").rows == [(2,)]


def test_a_forked_child_that_ends_as_programs_do_ends(tmp_path: Path) -> None:
    program = """
import json, os, sys
from firstlight.compat.bridge import BridgeTelemetry
telemetry = BridgeTelemetry(json.loads(sys.argv[1]))
telemetry.record_metric("m", 1)
telemetry.get_metrics()
if pid := os.fork():
    sys.exit(os.waitpid(pid, 0)[1])
telemetry.record_metric("m", 10)
print(telemetry.get_metrics(aggregation="SUM")["metrics"]["m"]["value"])
"""
    given = json.dumps(config(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", program, given], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["11.0"]


def test_two_processes_share_a_lake(telemetry: BridgeTelemetry, tmp_path: Path) -> None:
    program = """
import json, sys
from firstlight.compat.bridge import BridgeTelemetry
with BridgeTelemetry(json.loads(sys.argv[1])) as telemetry:
    print(telemetry.record_metric("m", 20)["status"], telemetry.get_metrics(aggregation="SUM")["metrics"]["m"]["value"])
"""
    telemetry.record_metric("m", 1)
    given = json.dumps(config(tmp_path))
    done = subprocess.run([sys.executable, "-c", program, given], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["success", "21.0"]
    assert value_of(telemetry, "SUM") == 21


@pytest.mark.parametrize("ending", ["pass", "sys.exit(3)", "raise ValueError", "del kept, temporary"])
def test_the_end_of_a_program_closes(tmp_path: Path, ending: str) -> None:
    program = f"""
import json, sys
from firstlight.compat.bridge import BridgeTelemetry
kept, temporary = (BridgeTelemetry(given) for given in json.loads(sys.argv[1]))
kept.record_metric("m", 7)
temporary.record_metric("m", 7)
print(temporary.lake._layout.root, flush=True)
{ending}
"""
    given = json.dumps([config(tmp_path, durability="interval"), config(tmp_path, backend="temporary")])
    done = subprocess.run([sys.executable, "-c", program, given], capture_output=True, text=True, check=False)
    assert "firstlight" not in done.stderr
    assert not Path(done.stdout.strip()).exists()
    with BridgeTelemetry(config(tmp_path)) as telemetry:
        assert value_of(telemetry, "SUM") == 7


def test_a_temporary_lake_goes_with_its_bridge(tmp_path: Path) -> None:
    given = config(tmp_path, backend="temporary")
    one, other = BridgeTelemetry(given), BridgeTelemetry(given)
    one.record_metric("m", 1)
    other.record_metric("m", 5)
    assert (value_of(one, "SUM"), value_of(other, "SUM")) == (1, 5)
    place = one.lake._layout.root
    assert place.stat().st_mode & 0o077 == 0
    one.close()
    other.close()
    assert not place.exists()
    assert not (tmp_path / "lake").exists()


def test_room_on_the_disk(tmp_path: Path) -> None:
    """Events with an id and a few fields, and samples of 100 series, once they are sealed."""
    with BridgeTelemetry(config(tmp_path, durability="never")) as telemetry:
        for n in range(20_000):
            data = {"command_type": f"T{n % 9}", "command_id": str(n), "processing_time_ms": n % 500, "ok": n % 50 > 0}
            telemetry.record_event({"event_type": "COMMAND", "source": "bridge_core", "data": data})
            telemetry.record_metric("processing_time_ms", n % 500, {"worker": n % 100})
    Sealer(Layout(tmp_path / "lake")).seal()
    sizes = {
        table: sum(path.stat().st_size for path in (tmp_path / "lake" / "data" / "main" / table).glob("*.parquet"))
        for table in ("events", "samples")
    }
    assert sizes["events"] < 60 * 20_000
    assert sizes["samples"] < 10 * 20_000


def test_a_budget_is_what_usage_is_measured_against(tmp_path: Path) -> None:
    with BridgeTelemetry(config(tmp_path, budget_bytes=100_000)) as telemetry:
        telemetry.record_event({"event_type": "E", "source": "s", "data": {"text": "x" * 20_000}})
        health = telemetry.health_check()
        assert health["status"] == "healthy"
        assert 20 <= health["stats"]["storage_usage_percentage"] < 30
        for n in range(4):
            telemetry.record_event({"event_type": "E", "source": "s", "data": {"text": str(n) * 20_000}})
        health = telemetry.health_check()
        assert health["status"] == "degraded"
        assert health["problems"] == [f"{health['stats']['storage_usage_percentage']} % of the storage is in use"]


def test_the_clock_may_go_back(telemetry: BridgeTelemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time_ns
    telemetry.record_metric("m", 1)
    monkeypatch.setattr(time, "time_ns", lambda: real() - 3600 * 10**9)
    telemetry.record_metric("m", 2)
    monkeypatch.undo()
    assert value_of(telemetry, "LAST") == 1
    assert value_of(telemetry, "COUNT") == 2
