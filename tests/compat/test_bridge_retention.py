"""Old rows leave a bridge's lake, and series for which there is no room are not answered with success."""

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from firstlight.app.lake_limits import LakeLimits
from firstlight.app.series_limits import SeriesLimits
from firstlight.compat.bridge import BridgeTelemetry
from firstlight.compat.bridge import storage as storage_module
from firstlight.store.layout import Layout
from firstlight.store.seal import Sealer

DAY_NS = 86_400_000_000_000
AGES_DAYS = (20, 5, 0)


def config(place: Path, days: tuple[float, float] = (7, 30), **storage: Any) -> dict[str, Any]:
    return {
        "logger_config": {"log_path": str(place / "log.jsonl")},
        "storage_config": {"connection_string": str(place / "lake"), **storage},
        "retention_policy": {"events": {"duration_days": days[0]}, "metrics": {"duration_days": days[1]}},
    }


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def record_of_all_ages(telemetry: BridgeTelemetry) -> None:
    for age_days in AGES_DAYS:
        at = datetime.now(UTC) - timedelta(days=age_days)
        event = {"event_type": "E", "source": "s", "data": {"age_days": age_days}, "timestamp": at.isoformat()}
        assert telemetry.record_event(event)["status"] == "success"
        assert telemetry.record_metric("m", age_days, timestamp=at)["status"] == "success"


def ages(telemetry: BridgeTelemetry) -> tuple[list[int], list[float]]:
    """Return those of the events, and those of the samples."""
    events = telemetry.sql("SELECT (attributes->'data'->>'age_days')::INT FROM events WHERE name = 'E' ORDER BY time")
    samples = telemetry.sql("SELECT value FROM metrics ORDER BY time")
    return [age for (age,) in events.rows], [value for (value,) in samples.rows]


def test_old_rows_go_by_themselves(tmp_path: Path) -> None:
    given = config(tmp_path, (7, 10))
    with BridgeTelemetry(given) as telemetry:
        record_of_all_ages(telemetry)
        assert ages(telemetry) == ([20, 5, 0], [20, 5, 0])
    with BridgeTelemetry(given) as telemetry:
        wait_for(lambda: ages(telemetry) == ([5, 0], [5, 0]))
        found = telemetry.get_metrics(["m"], aggregation="COUNT")["metrics"]["m"]
        assert found["value"] == 2


def test_what_is_too_old_goes_when_it_is_asked_for(tmp_path: Path) -> None:
    with BridgeTelemetry(config(tmp_path, (30, 60))) as telemetry:
        record_of_all_ages(telemetry)
    Sealer(Layout(tmp_path / "lake")).seal()
    with BridgeTelemetry(config(tmp_path, (30, 60))) as telemetry:
        nothing = telemetry.retention_manager.apply()
        assert (nothing["removed"], nothing["removed_for_room"]) == ({"events": 0, "samples": 0}, 0)
        assert ages(telemetry) == ([20, 5, 0], [20, 5, 0])
        later_ns = time.time_ns() + 30 * DAY_NS
        telemetry.retention_manager._clock = lambda: later_ns
        outcome = telemetry.retention_manager.apply()
        assert (outcome["removed"]["events"], outcome["removed"]["samples"]) == (2, 0)
        first = datetime.fromisoformat(outcome["kept_from"]["events"])
        assert first == datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        assert ages(telemetry) == ([0], [20, 5, 0])


def test_the_oldest_go_when_there_is_too_much(tmp_path: Path) -> None:
    with BridgeTelemetry(config(tmp_path, (3650, 3650), durability="never")) as telemetry:
        record_of_all_ages(telemetry)
        letters = random.Random(1)
        for age_days in (100, 200):
            at = (datetime.now(UTC) - timedelta(days=age_days)).isoformat()
            for n in range(40):
                data = {"n": n, "text": letters.randbytes(20_000).hex()}
                telemetry.record_event({"event_type": "B", "source": "s", "data": data, "timestamp": at})
    Sealer(Layout(tmp_path / "lake")).seal()
    size_bytes = sum(path.stat().st_size for path in (tmp_path / "lake").rglob("*") if path.is_file())
    with BridgeTelemetry(config(tmp_path, (3650, 3650), budget_bytes=size_bytes - 100_000)) as telemetry:
        telemetry.retention_manager.apply()
        wait_for(lambda: telemetry.sql("SELECT count(*) FROM events WHERE name = 'B'").rows == [(40,)])
        assert ages(telemetry) == ([20, 5, 0], [20, 5, 0])


def test_a_metric_that_has_too_many_series_is_a_storage_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_module, "LIMITS", LakeLimits(series=SeriesLimits(per_metric=3)))
    with BridgeTelemetry(config(tmp_path)) as telemetry:
        for n in range(3):
            assert telemetry.record_metric("m", n, {"user": n})["status"] == "success"
        refused = telemetry.record_metric("m", 3, {"user": 3})["error"]
        assert refused["code"] == "STORAGE_FAILURE"
        assert "no room for another series of m: it has 3" in refused["message"]
        assert telemetry.record_metric("m", 3, {"user": 3})["status"] == "error"
        assert telemetry.record_metric("m", 9, {"user": 0})["status"] == "success"
        assert telemetry.record_metric("other", 3, {"user": 3})["status"] == "success"
        assert telemetry.stats["metrics_recorded"] == 5
        assert telemetry.health_check()["status"] == "healthy"
        assert telemetry.get_metrics(["m"], aggregation="COUNT")["metrics"]["m"]["value"] == 4


def test_threads_are_each_told_of_their_own_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_module, "LIMITS", LakeLimits(series=SeriesLimits(per_metric=50)))
    answers: dict[int, bool] = {}

    def record(worker: int) -> None:
        for n in range(worker, 400, 8):
            answers[n] = telemetry.record_metric("m", n, {"n": n})["status"] == "success"
            assert telemetry.record_event({"event_type": "E", "source": "s", "data": {"n": n}})["status"] == "success"

    with BridgeTelemetry(config(tmp_path)) as telemetry:
        threads = [threading.Thread(target=record, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        kept = {int(value) for (value,) in telemetry.sql("SELECT value FROM metrics WHERE name = 'm'").rows}
        assert kept == {n for n, is_kept in answers.items() if is_kept}
        assert len(kept) == 50
        assert len(answers) == 400
        assert telemetry.sql("SELECT count(*) FROM events").rows == [(400,)]
