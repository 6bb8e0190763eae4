import os
import subprocess
import sys
from pathlib import Path

import pytest

from firstlight.app.lake import Lake
from firstlight.app.telemetry import build, configure
from firstlight.errors import PluginError, UsageError
from firstlight.export.memory import MemoryExporter
from firstlight.export.otlp import OtlpExporter
from firstlight.model import Level
from firstlight.sdk.client import Limits, Telemetry
from firstlight.sdk.flow.ledger import Ledger, Rows

QUICK = Limits(linger_s=0.0)


def made_by(telemetry: Telemetry) -> object:
    assert telemetry._delivery is not None
    return telemetry._delivery.exporter(Ledger())


def test_arguments_say_who_and_where_and_how_loud() -> None:
    memory = MemoryExporter()
    telemetry = build(QUICK, {})
    configure(
        "shop", exporter=memory, level="warn", levels={"pulse": "debug"}, attributes={"zone": "a"}, telemetry=telemetry
    )
    telemetry.scope("other").info("no")
    telemetry.scope("pulse.scup").debug("yes")
    assert telemetry.shutdown()
    assert [event.name for event in memory.events] == ["yes"]
    sender = memory.batches[0].resource
    assert sender.service == "shop"
    assert len(sender.session_id) == 32
    assert sender.host
    assert sender.pid
    assert sender.attributes["zone"] == "a"
    assert sender.attributes["telemetry.sdk.name"] == "firstlight"


def test_the_environment_says_what_the_program_does_not() -> None:
    environ = {"OTEL_SERVICE_NAME": "shop", "FIRSTLIGHT_LEVEL": "error", "FIRSTLIGHT_ENDPOINT": "http://127.0.0.1:9"}
    telemetry = build(QUICK, environ)
    assert telemetry.threshold("") == Level.ERROR
    configure(level=Level.DEBUG, telemetry=telemetry, environ=environ)
    assert telemetry.threshold("") == Level.DEBUG
    exporter = made_by(telemetry)
    assert isinstance(exporter, OtlpExporter)
    assert exporter._urls["logs"].port == 9
    telemetry.shutdown()


def test_a_wrong_level_in_the_environment_is_not_the_recording_programs_problem(
    caplog: pytest.LogCaptureFixture,
) -> None:
    telemetry = build(QUICK, {"FIRSTLIGHT_LEVEL": "loudly"})
    assert telemetry.threshold("") == Level.INFO
    assert "loudly" in caplog.text


def test_a_remark_may_be_recorded_by_the_recorder_that_makes_it() -> None:
    program = (
        "import logging, firstlight\n"
        "logging.getLogger().addHandler(firstlight.LoggingHandler())\n"
        "firstlight.get().event('step')\n"
        "print('went on')"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"FIRSTLIGHT_LEVEL": "loudly", "FIRSTLIGHT_RECORDING_EXIT_S": "0.1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert outcome.stdout == "went on\n", outcome.stderr


def test_a_lake_is_written_without_a_hub(tmp_path: Path) -> None:
    telemetry = build(QUICK, {})
    configure("shop", data=tmp_path / "lake", telemetry=telemetry)
    telemetry.scope("orders").info("order_paid", amount=12.5)
    assert telemetry.shutdown()
    assert telemetry.counts().exported.events == 1
    written = b"".join(path.read_bytes() for path in (tmp_path / "lake").rglob("*") if path.is_file())
    assert b"order_paid" in written


def test_rows_that_the_receiver_turns_down_are_counted_as_lost() -> None:
    telemetry = build(QUICK, {})
    configure(endpoint="http://127.0.0.1:9", telemetry=telemetry)
    ledger = telemetry.ledger
    assert telemetry._delivery is not None
    exporter = telemetry._delivery.exporter(ledger)
    assert isinstance(exporter, OtlpExporter)
    assert exporter._on_rejected is not None
    ledger.exported(Rows(events=3))
    exporter._on_rejected("logs", 2, "too old")
    assert ledger.counts().exported == Rows(events=1)
    assert ledger.counts().dropped == {"rejected": Rows(events=2)}
    telemetry.shutdown()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"endpoint": "nonsense"}, UsageError),
        ({"exporter": "no such"}, PluginError),
        ({"level": "loudly"}, UsageError),
        ({"levels": {"a": "loudly"}}, UsageError),
        ({"endpoint": "http://127.0.0.1:9", "data": "lake"}, UsageError),
    ],
)
def test_what_cannot_work_is_said_at_once(options: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        configure(telemetry=build(QUICK, {}), **options)


def test_configuring_again_changes_where_records_go() -> None:
    first, second = MemoryExporter(), MemoryExporter()
    telemetry = build(QUICK, {})
    for exporter in (first, second):
        configure("shop", exporter=exporter, telemetry=telemetry)
        telemetry.event("step")
    telemetry.shutdown()
    assert len(first.events) == len(second.events) == 1
    assert first.batches[0].resource.session_id == second.batches[0].resource.session_id


def test_a_directory_that_only_recorders_wrote_to_is_a_lake(tmp_path: Path) -> None:
    telemetry = configure("shop", data=tmp_path, telemetry=build(environ={}), environ={})
    telemetry.event("hello")
    telemetry.shutdown()
    with Lake.open(tmp_path, read_only=True) as lake:
        assert lake.sql("SELECT name, service FROM events").rows == [("hello", "shop")]
