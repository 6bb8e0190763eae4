"""Every example of the Bridge Telemetry document (002), with the import line of Firstlight."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from firstlight.compat.bridge import BridgeLogger, BridgeTelemetry, ErrorHandler, validate_event_data
from firstlight.compat.bridge.errors import CODES
from firstlight.errors import ConfigError

CONFIG = {
    "logger_config": {"log_path": "runtime/logs/telemetry_logs.jsonl", "enable_console": True},
    "storage_config": {"backend": "timeseries_db", "connection_string": "runtime/data/telemetry_store"},
    "retention_policy": {"events": {"duration_days": 7}, "metrics": {"duration_days": 30}},
}
COMMAND = {
    "event_type": "COMMAND",
    "source": "bridge_core",
    "data": {
        "command_type": "EXECUTE_TASK",
        "command_id": "12345",
        "processing_time_ms": 127,
        "result_status": "SUCCESS",
    },
}


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def telemetry() -> Iterator[BridgeTelemetry]:
    with BridgeTelemetry(config=CONFIG) as made:
        yield made


def utcnow() -> datetime:
    """Return what the document's ``datetime.datetime.utcnow()`` returns: UTC, without saying so."""
    return datetime.now(UTC).replace(tzinfo=None)


def log_lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("runtime/logs/telemetry_logs.jsonl").read_text().splitlines()]


def assert_recorded(response: dict[str, Any]) -> None:
    assert list(response) == ["status", "event_id", "timestamp"]
    assert response["status"] == "success"
    assert str(uuid.UUID(response["event_id"])) == response["event_id"]
    assert datetime.strptime(response["timestamp"], "%Y-%m-%dT%H:%M:%S.%f%z").tzinfo == UTC


def test_the_integration_example(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry = BridgeTelemetry(config=CONFIG)
    result = telemetry.record_event(COMMAND)
    assert_recorded(result)
    assert "event_id" not in COMMAND
    metric_result = telemetry.record_metric(
        "command_processing_time_ms", 127, context={"command_type": "EXECUTE_TASK", "source": "bridge_core"}
    )
    assert_recorded(metric_result)
    now = utcnow()
    one_hour_ago = now - timedelta(hours=1)
    metrics = telemetry.get_metrics(
        metric_names=["command_processing_time_ms", "successful_commands"],
        time_range=(one_hour_ago.isoformat(), now.isoformat()),
        aggregation="MEAN",
    )
    assert metrics["status"] == "success"
    avg_processing_time = metrics["metrics"].get("command_processing_time_ms", {}).get("value", 0)
    assert avg_processing_time == 127
    assert metrics["metrics"].get("successful_commands", {}).get("value", 0) == 0
    telemetry.close()
    assert capsys.readouterr() == ("", "")
    with BridgeTelemetry(config=CONFIG) as again:
        (row,) = again.sql(
            "SELECT name, subsystem, attributes->'data'->>'processing_time_ms', attributes->>'event_id' FROM events"
        ).rows
        assert row == ("COMMAND", "bridge_core", "127", result["event_id"])
        assert again.get_metrics()["metrics"]["command_processing_time_ms"]["value"] == 127


def test_metric_recording_and_retrieval() -> None:
    telemetry = BridgeTelemetry(config={"logger_config": {"enable_console": False}})
    metric_name = "test_metric"
    metric_value = 42
    record_result = telemetry.record_metric(metric_name, metric_value)
    now = utcnow()
    five_minutes_ago = now - timedelta(minutes=5)
    retrieve_result = telemetry.get_metrics(
        metric_names=[metric_name], time_range=(five_minutes_ago.isoformat(), now.isoformat()), aggregation="MEAN"
    )
    assert record_result["status"] == "success"
    assert "event_id" in record_result
    assert retrieve_result["status"] == "success"
    assert metric_name in retrieve_result["metrics"]
    assert retrieve_result["metrics"][metric_name]["value"] == metric_value
    telemetry.close()


def test_the_metric_retrieval_response(telemetry: BridgeTelemetry) -> None:
    inside = datetime(2025, 5, 21, 14, tzinfo=UTC)
    for n in range(127):
        moment = inside + timedelta(seconds=n)
        assert_recorded(telemetry.record_metric("command_processing_time_ms", 135.7 + (n - 63), timestamp=moment))
    for n in range(124):
        telemetry.record_metric("successful_commands", 1, timestamp=(inside + timedelta(seconds=n)).isoformat())
    telemetry.record_metric("command_processing_time_ms", 9999, timestamp="2025-05-21T15:00:01")
    hour = ("2025-05-21T14:00:00Z", "2025-05-21T15:00:00Z")
    names = ["command_processing_time_ms", "successful_commands"]
    found = telemetry.get_metrics(names, hour, "MEAN")
    shown = {"start": hour[0], "end": hour[1]}
    assert found["metrics"]["command_processing_time_ms"] == {
        "value": pytest.approx(135.7, rel=1e-12),
        "aggregation": "MEAN",
        "sample_count": 127,
        "time_range": shown,
    }
    summed = telemetry.get_metrics(names, (datetime(2025, 5, 21, 14), datetime(2025, 5, 21, 15)), "SUM")  # noqa: DTZ001
    assert summed == {
        "status": "success",
        "metrics": {
            "command_processing_time_ms": {
                "value": pytest.approx(135.7 * 127),
                "aggregation": "SUM",
                "sample_count": 127,
                "time_range": shown,
            },
            "successful_commands": {"value": 124, "aggregation": "SUM", "sample_count": 124, "time_range": shown},
        },
    }
    assert list(summed["metrics"]["successful_commands"]) == ["value", "aggregation", "sample_count", "time_range"]


def test_the_health_check_response(telemetry: BridgeTelemetry) -> None:
    telemetry.record_event(COMMAND)
    telemetry.record_metric("a", 1)
    telemetry.record_metric("b", "as text")
    health = telemetry.health_check()
    assert list(health) == ["status", "version", "uptime_seconds", "stats"]
    assert (health["status"], health["version"]) == ("healthy", "0.8.0")
    assert 0 <= health["uptime_seconds"] < 600
    percentage = health["stats"].pop("storage_usage_percentage")
    assert 0 < percentage < 100
    assert health["stats"] == {"events_recorded": 1, "metrics_recorded": 2, "data_retention_days": 7}


def test_the_error_handling_pattern(telemetry: BridgeTelemetry) -> None:
    """The document's own way to use the validation, the logger and the error handler."""
    logger = BridgeLogger({"log_path": "pattern.jsonl"})
    error_handler = ErrorHandler(logger)

    def record(event_data: Any) -> dict[str, Any]:
        try:
            validation_result = validate_event_data(event_data)
            if not validation_result["is_valid"]:
                logger.log(
                    {
                        "source": "Bridge_Telemetry",
                        "status": "ERROR",
                        "payload": event_data,
                        "message": "Event validation failed.",
                        "errorDetails": {
                            "errorCode": "INVALID_EVENT",
                            "errorMessage": validation_result["error_message"],
                        },
                    },
                    log_level="ERROR",
                )
                return {
                    "status": "error",
                    "error": {
                        "code": "INVALID_EVENT",
                        "message": validation_result["error_message"],
                        "details": {
                            "validation_errors": validation_result["errors"],
                            "received_event": event_data,
                        },
                    },
                }
            return telemetry.record_event(event_data)
        except Exception as e:  # noqa: BLE001
            return error_handler.handle_exception(e, context={"event_data": event_data})

    assert_recorded(record(COMMAND))
    wrong = {"event_type": "COMMAND", "data": []}
    refused = record(wrong)
    assert refused == telemetry.record_event(wrong)
    assert refused["error"]["details"] == {
        "validation_errors": ["source is missing", "data must be a mapping, not list"],
        "received_event": wrong,
    }
    (line,) = map(json.loads, Path("pattern.jsonl").read_text().splitlines())
    assert line.pop("timestamp") <= log_lines()[0].pop("timestamp")
    assert line == {
        "level": "ERROR",
        "source": "Bridge_Telemetry",
        "status": "ERROR",
        "payload": wrong,
        "message": "Event validation failed.",
        "errorDetails": {"errorCode": "INVALID_EVENT", "errorMessage": refused["error"]["message"]},
    }
    (logged,) = log_lines()
    assert (logged["errorDetails"], logged["payload"]) == (line["errorDetails"], wrong)
    error = error_handler.handle_exception(ValueError("odd"), context={"event_data": COMMAND})
    assert error["error"] == {
        "code": "INTERNAL_ERROR",
        "message": "ValueError: odd",
        "details": {"event_data": COMMAND},
    }


def test_the_parts_of_the_core_logic(telemetry: BridgeTelemetry) -> None:
    assert telemetry.config == CONFIG
    assert isinstance(telemetry.logger, BridgeLogger)
    assert isinstance(telemetry.error_handler, ErrorHandler)
    assert telemetry.monitors == {}
    assert telemetry.retention_manager.policy.metrics.duration_days == 30
    assert set(telemetry.stats) == {"events_recorded", "metrics_recorded", "start_time"}
    first = telemetry.record_event({**COMMAND, "event_id": "mine", "timestamp": "2025-05-21T14:32:17.123Z"})
    assert first == {"status": "success", "event_id": "mine", "timestamp": "2025-05-21T14:32:17.123Z"}
    assert telemetry.logger.detect_infinite_loop(COMMAND) is False
    unsupported = telemetry.get_metrics(aggregation="AVERAGE")["error"]
    assert unsupported["code"] == "INVALID_AGGREGATION"
    assert "AVERAGE" in unsupported["message"]
    for code in CODES:
        response = telemetry.error_handler.create_error_response(code, "why")
        assert response == {"status": "error", "error": {"code": code, "message": "why", "details": {}}}


@pytest.mark.parametrize("aggregation", ["MEAN", "SUM", "MIN", "MAX", "COUNT"])
def test_the_documents_aggregations(telemetry: BridgeTelemetry, aggregation: str) -> None:
    for value in (4, 1, 7):
        telemetry.record_metric("m", value)
    found = telemetry.get_metrics(["m"], aggregation=aggregation)["metrics"]["m"]
    assert found["value"] == {"MEAN": 4, "SUM": 12, "MIN": 1, "MAX": 7, "COUNT": 3}[aggregation]
    assert (found["aggregation"], found["sample_count"]) == (aggregation, 3)


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"logger_confg": {}}, "logger_confg"),
        ({"logger_config": {"path": "x"}}, "logger_config.path"),
        ({"storage_config": {"backend": "postgres"}}, "storage_config.backend"),
        ({"retention_policy": {"events": {"duration_days": 0}}}, "retention_policy.events.duration_days"),
        ({"retention_policy": {"logs": {"duration_days": 1}}}, "retention_policy.logs.duration_days"),
        ({"logger_config": {"enable_console": "yes"}}, "logger_config.enable_console"),
    ],
)
def test_a_wrong_configuration_is_an_error_that_names_the_key(config: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        BridgeTelemetry(config)
    assert caught.value.path == key
    assert not Path("runtime").exists()


def test_without_a_configuration_the_document_s_own_paths_are_used() -> None:
    with BridgeTelemetry() as telemetry:
        telemetry.record_event({})
        telemetry.record_event(COMMAND)
    assert Path("runtime/logs/telemetry_logs.jsonl").exists()
    assert Path("runtime/data/telemetry_store/catalog.sqlite").exists()


def test_the_console_shows_the_lines_of_the_file(
    telemetry: BridgeTelemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry.record_event({"event_type": "COMMAND"})
    assert list(map(json.loads, capsys.readouterr().err.splitlines())) == log_lines()
