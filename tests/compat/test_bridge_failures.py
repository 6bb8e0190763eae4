"""Each error code of the bridge, by a cause that is real."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firstlight.compat.bridge import BridgeLogger, BridgeTelemetry
from firstlight.compat.bridge import storage as storage_module
from firstlight.errors import FirstlightError

EVENT = {"event_type": "COMMAND", "source": "bridge_core", "data": {"command_id": 1}}
DISK_BYTES = 3 * 2**20


def bridge(place: Path, **storage: Any) -> BridgeTelemetry:
    return BridgeTelemetry(
        {
            "logger_config": {"log_path": str(place / "log.jsonl")},
            "storage_config": {"connection_string": str(place / "lake"), **storage},
        }
    )


@pytest.fixture
def telemetry(tmp_path: Path) -> Iterator[BridgeTelemetry]:
    with bridge(tmp_path) as made:
        yield made


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def code_of(response: dict[str, Any]) -> str:
    assert response["status"] == "error", response
    assert set(response["error"]) == {"code", "message", "details"}
    assert response["error"]["message"]
    return str(response["error"]["code"])


INVALID = [
    (None, ["an event is a mapping, not NoneType"]),
    ("text", ["an event is a mapping, not str"]),
    ({}, ["event_type is missing", "source is missing", "data is missing"]),
    ({**EVENT, "event_type": ""}, ["event_type must be a text of 1 to 512 characters"]),
    ({**EVENT, "source": 5}, ["source must be a text of 1 to 512 characters"]),
    ({**EVENT, "data": "x"}, ["data must be a mapping, not str"]),
    ({**EVENT, "timestamp": "yesterday"}, ["timestamp: Invalid isoformat string: 'yesterday'"]),
    ({**EVENT, "timestamp": 12}, ["timestamp: a time is a datetime or an ISO 8601 text, not int"]),
    (
        {**EVENT, "timestamp": "9999-01-01T00:00:00Z"},
        ["timestamp: 9999-01-01T00:00:00Z is beyond the years 1678 to 2261"],
    ),
    ({**EVENT, "event_id": 7}, ["event_id must be a text of 1 to 512 characters"]),
    ({**EVENT, "data": {"x": "y" * 2**20}}, None),
    ({**EVENT, "data": {"x": object()}}, None),
    ({**EVENT, "data": {"x": "\ud800"}}, None),
    ({**EVENT, "data": {"x": 2**70}}, None),
]


@pytest.mark.parametrize(("event", "errors"), INVALID, ids=range(len(INVALID)))
def test_invalid_event(telemetry: BridgeTelemetry, event: Any, errors: list[str] | None) -> None:
    response = telemetry.record_event(event)
    assert code_of(response) == "INVALID_EVENT"
    assert response["error"]["details"]["received_event"] is event
    found = response["error"]["details"]["validation_errors"]
    assert found == errors if errors else len(found) == 1
    assert telemetry.stats["events_recorded"] == 0


def test_an_event_that_contains_itself_is_invalid(telemetry: BridgeTelemetry) -> None:
    data: dict[str, Any] = {}
    data["data"] = data
    assert code_of(telemetry.record_event({**EVENT, "data": data})) == "INVALID_EVENT"


@pytest.mark.parametrize(
    ("name", "value", "context", "timestamp"),
    [
        ("", 1, None, None),
        (None, 1, None, None),
        (5, 1, None, None),
        ("m", None, None, None),
        ("m", [1], None, None),
        ("m", math.nan, None, None),
        ("m", math.inf, None, None),
        ("m", 10**400, None, None),
        ("m", 1, "context", None),
        ("m", 1, {"a": object()}, None),
        ("m", 1, None, "soon"),
        ("m", 1, None, 5),
    ],
)
def test_invalid_metric(telemetry: BridgeTelemetry, name: Any, value: Any, context: Any, timestamp: Any) -> None:
    response = telemetry.record_metric(name, value, context, timestamp)
    assert code_of(response) == "INVALID_EVENT"
    assert response["error"]["details"]["received_event"]["data"]["metric_name"] is name
    assert telemetry.get_metrics()["metrics"] == {}


def test_a_full_disk_is_a_storage_failure_until_there_is_room(small_disk: Path) -> None:
    telemetry = bridge(small_disk)
    assert telemetry.record_event(EVENT)["status"] == "success"
    assert telemetry.record_metric("m", 1)["status"] == "success"
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="space"):
        ballast.write_bytes(bytes(2 * DISK_BYTES))
    # What is left of the log's last page may hold a few more.
    responses = [telemetry.record_event({**EVENT, "data": {"n": n, "text": "x" * 500}}) for n in range(20)]
    failed = responses[-1]
    assert code_of(failed) == "STORAGE_FAILURE"
    assert "no space left" in failed["error"]["message"]
    assert failed["error"]["details"]["received_event"]["data"]["n"] == 19
    health = telemetry.health_check()
    assert health["status"] == "unhealthy"
    assert any("no space left" in problem for problem in health["problems"])
    ballast.unlink()
    assert telemetry.record_event(EVENT)["status"] == "success"
    kept = sum(response["status"] == "success" for response in responses) + 2
    assert telemetry.sql("SELECT count(*) FROM events").rows == [(kept,)]
    assert telemetry.stats["events_recorded"] == kept
    assert telemetry.health_check()["status"] in {"healthy", "degraded"}
    telemetry.close()


def test_a_directory_that_may_not_be_written_is_a_storage_failure(tmp_path: Path) -> None:
    for place in (tmp_path, *tmp_path.parents[:3]):
        place.chmod(0o755)
    (tmp_path / "lake").mkdir(mode=0o555)
    (tmp_path / "logs").mkdir(mode=0o777)
    (tmp_path / "logs").chmod(0o777)
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        if os.geteuid() == 0:
            os.setuid(65534)
        config = {
            "logger_config": {"log_path": str(tmp_path / "logs" / "log.jsonl")},
            "storage_config": {"connection_string": str(tmp_path / "lake")},
        }
        telemetry = BridgeTelemetry(config)
        said = [telemetry.record_event(EVENT), telemetry.record_metric("m", 1), telemetry.get_metrics()]
        os.write(write_end, json.dumps([*said, telemetry.health_check()]).encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        *responses, health = json.loads(pipe.read())
    os.waitpid(pid, 0)
    assert list(map(code_of, responses)) == ["STORAGE_FAILURE", "STORAGE_FAILURE", "RETRIEVAL_FAILURE"]
    assert "no permission" in responses[0]["error"]["message"]
    assert health["status"] == "unhealthy"


def test_a_place_that_is_no_directory_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_module, "RETRY_S", 0.0)
    (tmp_path / "lake").write_text("in the way")
    with bridge(tmp_path) as telemetry:
        assert code_of(telemetry.record_event(EVENT)) == "STORAGE_FAILURE"
        assert code_of(telemetry.get_metrics()) == "RETRIEVAL_FAILURE"
        assert telemetry.health_check()["status"] == "unhealthy"
        (tmp_path / "lake").unlink()
        assert telemetry.record_event(EVENT)["status"] == "success"
        assert telemetry.health_check()["status"] == "healthy"


def test_a_lake_that_cannot_be_opened_is_not_tried_at_each_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_module, "RETRY_S", 3600.0)
    (tmp_path / "lake").write_text("in the way")
    with bridge(tmp_path) as telemetry:
        first = telemetry.record_event(EVENT)
        (tmp_path / "lake").unlink()
        assert telemetry.record_event(EVENT)["error"] == first["error"]


def test_a_corrupt_catalog_is_a_retrieval_failure_and_does_not_stop_recording(tmp_path: Path) -> None:
    with bridge(tmp_path) as telemetry:
        telemetry.record_metric("m", 1)
        assert telemetry.get_metrics()["metrics"]["m"]["value"] == 1
        catalog = tmp_path / "lake" / "catalog.sqlite"
        good = catalog.read_bytes()
        catalog.write_bytes(b"garbage" * 1000)
        failed = telemetry.get_metrics(["m"])
        assert code_of(failed) == "RETRIEVAL_FAILURE"
        assert "catalog" in failed["error"]["message"]
        assert failed["error"]["details"]["received_query"]["metric_names"] == ["m"]
        assert telemetry.health_check()["status"] == "unhealthy"
        assert telemetry.record_metric("m", 3)["status"] == "success"
        catalog.write_bytes(good)
        assert telemetry.get_metrics()["metrics"]["m"]["value"] == 2


@pytest.mark.parametrize("name", ["AVERAGE", "", "P101", None, 5, ["MEAN"]])
def test_an_unknown_aggregation_is_never_the_mean(telemetry: BridgeTelemetry, name: Any) -> None:
    telemetry.record_metric("m", 1)
    assert code_of(telemetry.get_metrics(["m"], aggregation=name)) == "INVALID_AGGREGATION"


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric_names": "m"},
        {"metric_names": [5]},
        {"metric_names": 5},
        {"group_by": "kind"},
        {"time_range": ("2025-05-21T14:00:00Z",)},
        {"time_range": ("then", "now")},
        {"time_range": (5, 6)},
        {"time_range": "2025"},
        {"time_range": ("2025-05-21T15:00:00Z", "2025-05-21T14:00:00Z")},
    ],
    ids=str,
)
def test_a_question_that_makes_no_sense_is_a_retrieval_failure(telemetry: BridgeTelemetry, wrong: Any) -> None:
    assert code_of(telemetry.get_metrics(**wrong)) == "RETRIEVAL_FAILURE"


def test_the_very_first_and_last_time_are_no_bounds(telemetry: BridgeTelemetry) -> None:
    telemetry.record_metric("m", 1, timestamp="2025-05-21T14:00:00+02:00")
    found = telemetry.get_metrics(time_range=("0001-01-01", "9999-12-31T23:59:59.999999"))["metrics"]["m"]
    assert found["time_range"] == {"start": "2025-05-21T12:00:00Z", "end": "2025-05-21T12:00:00Z"}
    assert telemetry.get_metrics(time_range=(None, "2025-05-21T11:59:59Z"))["metrics"] == {}
    assert telemetry.get_metrics(time_range=("2025-05-21T12:00:00Z", None))["metrics"]["m"]["value"] == 1


def test_after_close_calls_are_answered(tmp_path: Path) -> None:
    telemetry = bridge(tmp_path)
    telemetry.record_event(EVENT)
    telemetry.close()
    telemetry.close()
    assert code_of(telemetry.record_event(EVENT)) == "STORAGE_FAILURE"
    assert code_of(telemetry.record_metric("m", 1)) == "STORAGE_FAILURE"
    assert code_of(telemetry.get_metrics()) == "RETRIEVAL_FAILURE"
    assert telemetry.health_check()["status"] == "unhealthy"
    with pytest.raises(FirstlightError, match="closed"):
        telemetry.sql("SELECT 1")


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    logger = BridgeLogger({"log_path": str(tmp_path / "file" / "log.jsonl")})
    for _ in range(3):
        logger.log({"message": "hello"})
    assert [record.message for record in caplog.records if "cannot write its log" in record.message] != []
    assert len(caplog.records) == 1


def test_the_log_hides_secrets_stays_within_bounds_and_takes_anything(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    logger = BridgeLogger({"log_path": str(path), "rotate_bytes": 2000, "keep_files": 2})
    logger.log(
        {"payload": {"password": "hunter2", "odd": object(), "text": "\ud800", "big": 2**80}}, log_level="warning"
    )
    line = json.loads(path.read_text())
    assert (line["level"], line["payload"]["password"]) == ("WARN", "[redacted:field]")
    for n in range(100):
        logger.log({"n": n, "fill": "x" * 300})
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["log.jsonl", "log.jsonl.1", "log.jsonl.2"]
    assert all(file.stat().st_size <= 2000 for file in files)
    assert json.loads(path.read_text().splitlines()[-1])["n"] == 99


def test_secrets_do_not_reach_the_lake(telemetry: BridgeTelemetry) -> None:
    telemetry.record_event({**EVENT, "data": {"password": "hunter2", "note": "Bearer abcdefghijkl0123456789"}})
    ((kept,),) = telemetry.sql("SELECT attributes FROM events").rows
    assert "hunter2" not in kept
    assert "abcdefghijkl" not in kept


def test_nothing_is_raised_where_a_fault_of_ours_is_met(tmp_path: Path) -> None:
    program = """
import sys
from firstlight.compat.bridge import BridgeTelemetry
bridge = BridgeTelemetry({"logger_config": {"log_path": sys.argv[1] + "/log"}})
bridge._storage = None
event = {"event_type": "a", "source": "b", "data": {}}
answers = [bridge.record_event(event), bridge.record_metric("m", 1), bridge.get_metrics(), bridge.health_check()]
print(*(answer["error"]["code"] for answer in answers))
"""
    outcome = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert outcome.stdout.split() == ["INTERNAL_ERROR"] * 4
