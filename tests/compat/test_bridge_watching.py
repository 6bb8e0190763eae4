"""Loops, monitors, alerts and the time things are kept."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firstlight.app.upkeep import Let
from firstlight.compat.bridge import BridgeTelemetry, RetentionManager, Threshold
from firstlight.compat.bridge.configuration import EventsKept, MetricsKept, RetentionPolicy
from firstlight.compat.bridge.loops import MAX_DEPTH
from firstlight.errors import UsageError
from firstlight.store.retain import Retained

EVENT = {"event_type": "COMMAND", "source": "bridge_core", "data": {"command_id": 1}}
DAY_NS = 86_400_000_000_000


@pytest.fixture
def telemetry(tmp_path: Path) -> Iterator[BridgeTelemetry]:
    config = {
        "logger_config": {"log_path": str(tmp_path / "log.jsonl")},
        "storage_config": {"connection_string": str(tmp_path / "lake"), "durability": "never"},
        "loop_detection": {"max_repeats": 50, "window_s": 3600.0},
    }
    with BridgeTelemetry(config) as made:
        yield made


def logged(tmp_path: Path) -> list[str]:
    path = tmp_path / "log.jsonl"
    return [json.loads(line)["message"] for line in path.read_text().splitlines()] if path.exists() else []


def code_of(response: dict[str, Any]) -> str | None:
    return response["error"]["code"] if response["status"] == "error" else None


def test_the_same_event_again_and_again_is_a_loop(telemetry: BridgeTelemetry) -> None:
    responses = [telemetry.record_event(EVENT) for _ in range(60)]
    assert [code_of(response) for response in responses] == [None] * 50 + ["LOOP_DETECTED"] * 10
    assert responses[-1]["error"]["details"] == {"received_event": EVENT}
    assert telemetry.sql("SELECT count(*) FROM events").rows == [(50,)]
    assert telemetry.record_event({**EVENT, "data": {"command_id": 2}})["status"] == "success"


def test_events_that_differ_in_anything_are_none(telemetry: BridgeTelemetry) -> None:
    for n in range(200):
        assert telemetry.record_event({**EVENT, "data": {"command_id": n}})["status"] == "success"
        assert telemetry.record_event({**EVENT, "event_id": f"id-{n}"})["status"] == "success"
        assert telemetry.record_event({**EVENT, "timestamp": f"2025-05-21T14:{n % 60:02d}:{n // 60:02d}Z"})["status"]
        assert telemetry.record_metric("m", 1)["status"] == "success"
    assert telemetry.stats["events_recorded"] == 600


def test_a_monitor_that_records_what_it_sees_is_a_loop(telemetry: BridgeTelemetry) -> None:
    answers = []

    class Echo:
        def process_event(self, event_data: dict[str, Any]) -> None:
            answers.append(telemetry.record_event({**EVENT, "data": {"about": event_data["event_id"]}}))

        def process_metric(self, name: str, value: float, context: dict[str, Any], timestamp: str) -> None:
            answers.append(telemetry.record_metric(name, value + 1))

    telemetry.add_monitor("echo", Echo())
    assert telemetry.record_event(EVENT)["status"] == "success"
    assert telemetry.record_metric("m", 1)["status"] == "success"
    assert [code_of(answer) for answer in answers] == ["LOOP_DETECTED"] * 2
    assert telemetry.record_event({**EVENT, "source": "other"})["status"] == "success"


def test_a_monitor_may_record_other_things_but_not_without_end(telemetry: BridgeTelemetry) -> None:
    answers = []

    class Chain:
        def process_event(self, event_data: dict[str, Any]) -> None:
            step = event_data["data"]["step"] + 1
            if step < 100:
                answers.append(
                    telemetry.record_event({"event_type": f"S{step}", "source": "x", "data": {"step": step}})
                )

    telemetry.add_monitor("chain", Chain())
    assert telemetry.record_event({"event_type": "S0", "source": "x", "data": {"step": 0}})["status"] == "success"
    codes = [code_of(answer) for answer in answers]
    assert sorted(codes, key=str) == ["LOOP_DETECTED"] + [None] * (MAX_DEPTH - 1)


def test_one_bridge_may_forward_to_another(telemetry: BridgeTelemetry, tmp_path: Path) -> None:
    other = BridgeTelemetry(
        {"storage_config": {"backend": "temporary"}, "logger_config": {"log_path": str(tmp_path / "other.jsonl")}}
    )

    class Forward:
        def process_event(self, event_data: dict[str, Any]) -> None:
            assert other.record_event(event_data)["status"] == "success"

    telemetry.add_monitor("forward", Forward())
    kept = telemetry.record_event(EVENT)["event_id"]
    assert logged(tmp_path) == []
    assert other.sql("SELECT attributes->>'event_id' FROM events").rows == [(kept,)]
    other.close()


def test_monitors_see_what_is_recorded(telemetry: BridgeTelemetry) -> None:
    events: list[dict[str, Any]] = []
    metrics: list[tuple[Any, ...]] = []

    class OnlyEvents:
        def process_event(self, event_data: dict[str, Any]) -> None:
            events.append(event_data)

    class OnlyMetrics:
        def process_metric(self, *given: Any) -> None:
            metrics.append(given)

    telemetry.add_monitor("events", OnlyEvents())
    telemetry.add_monitor("metrics", OnlyMetrics())
    assert set(telemetry.monitors) == {"events", "metrics"}
    told = telemetry.record_event(EVENT)
    telemetry.record_metric("m", 4, {"k": 1}, "2025-05-21T14:32:17.123Z")
    telemetry.record_metric("s", "words")
    assert events == [{**EVENT, "event_id": told["event_id"], "timestamp": told["timestamp"]}]
    assert metrics[0] == ("m", 4, {"k": 1}, "2025-05-21T14:32:17.123Z")
    assert metrics[1][:3] == ("s", "words", {})
    del telemetry.monitors["events"]
    telemetry.record_event(EVENT)
    assert len(events) == 1
    with pytest.raises(UsageError, match="process_event"):
        telemetry.add_monitor("none", object())  # type: ignore[arg-type]


def test_a_monitor_that_fails_is_logged_and_stops_nothing(telemetry: BridgeTelemetry, tmp_path: Path) -> None:
    seen = []

    class Broken:
        def process_event(self, event_data: dict[str, Any]) -> None:
            raise ValueError("broken")

    class Fine:
        def process_event(self, event_data: dict[str, Any]) -> None:
            seen.append(event_data)

    telemetry.add_monitor("broken", Broken())
    telemetry.add_monitor("fine", Fine())
    assert telemetry.record_event(EVENT)["status"] == "success"
    assert len(seen) == 1
    assert logged(tmp_path) == ["broken failed: ValueError: broken"]


def test_an_alert_is_told_once_and_resolved_once(telemetry: BridgeTelemetry, tmp_path: Path) -> None:
    fired: list[dict[str, Any]] = []
    resolved: list[dict[str, Any]] = []
    telemetry.add_alert(
        "slow",
        "command_processing_time_ms",
        Threshold(operator=">", threshold=500, clear_threshold=300, window_s=0, cooldown_s=0),
        fired.append,
        on_resolved=resolved.append,
        context={"source": "bridge_core"},
    )
    for took_ms in (100, 600, 700, 400, 200):
        telemetry.record_metric("command_processing_time_ms", took_ms, {"source": "bridge_core", "id": took_ms})
        telemetry.record_metric("command_processing_time_ms", 9999, {"source": "elsewhere"})
        telemetry.record_metric("another", 9999, {"source": "bridge_core"})
        telemetry.record_metric("command_processing_time_ms", "very slow", {"source": "bridge_core"})
    (alert,) = fired
    assert alert.pop("timestamp").endswith("Z")
    assert alert == {
        "name": "slow",
        "state": "firing",
        "metric": "command_processing_time_ms",
        "value": 600,
        "operator": ">",
        "threshold": 500,
        "aggregation": "MEAN",
        "window_seconds": 0,
        "context": {"source": "bridge_core"},
    }
    assert [(one["state"], one["value"]) for one in resolved] == [("resolved", 200)]
    assert logged(tmp_path) == []


def test_an_alert_whose_callback_fails_is_logged_and_stops_nothing(telemetry: BridgeTelemetry, tmp_path: Path) -> None:
    def fail(alert: dict[str, Any]) -> None:
        raise RuntimeError("no mail server")

    telemetry.add_alert("mail", "m", Threshold(operator=">", threshold=1), fail)
    assert telemetry.record_metric("m", 5)["status"] == "success"
    assert logged(tmp_path) == ["mail failed: RuntimeError: no mail server"]


def test_a_callback_may_record_but_not_what_called_it(telemetry: BridgeTelemetry) -> None:
    codes = []

    def record(alert: dict[str, Any]) -> None:
        codes.append(code_of(telemetry.record_event({"event_type": "ALERT", "source": "alerts", "data": alert})))
        codes.append(code_of(telemetry.record_metric("m", 9)))

    telemetry.add_alert("m", "m", Threshold(operator=">", threshold=1, window_s=0), record)
    telemetry.record_metric("m", 5)
    assert codes == [None, "LOOP_DETECTED"]


def test_the_window_of_an_alert_is_shared_by_all_threads(telemetry: BridgeTelemetry) -> None:
    fired: list[dict[str, Any]] = []
    rule = Threshold(operator=">=", threshold=400, aggregation="COUNT", window_s=3600)
    telemetry.add_alert("many", "m", rule, fired.append)
    threads = [threading.Thread(target=lambda: [telemetry.record_metric("m", 1) for _ in range(100)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [alert["value"] for alert in fired] == [400]


def test_history_does_not_alert(telemetry: BridgeTelemetry) -> None:
    fired: list[dict[str, Any]] = []
    telemetry.add_alert("m", "m", Threshold(operator=">", threshold=1), fired.append)
    telemetry.record_metric("m", 5, timestamp="2025-05-21T14:32:17Z")
    assert fired == []


def test_the_policy_says_what_is_too_old() -> None:
    asked = []

    def retain(now_ns: int) -> Let:
        asked.append(now_ns)
        return Let([Retained("events", 1, 0, 3, 100), Retained("rollup_1h", 1, 0, 2, 50)], None)

    policy = RetentionPolicy(events=EventsKept(duration_days=7), metrics=MetricsKept(duration_days=0.5))
    outcome = RetentionManager(policy, retain, lambda: 100 * DAY_NS).apply()
    assert asked == [100 * DAY_NS]
    assert outcome == {
        "removed": {"events": 3, "samples": 0, "rollup_1h": 2},
        "kept_from": {"events": "1970-04-04T00:00:00Z", "samples": "1970-04-10T00:00:00Z"},
        "removed_for_room": 0,
    }
