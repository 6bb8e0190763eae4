import json
import socket
from pathlib import Path

import pytest

from firstlight.app.destinations import destinations, made_at_once
from firstlight.app.lake import Lake
from firstlight.app.settings import recording
from firstlight.app.telemetry import build, configure
from firstlight.export.influx import InfluxExporter
from firstlight.export.memory import MemoryExporter
from firstlight.export.otlp import OtlpExporter
from firstlight.export.scrape import ScrapeExporter
from firstlight.ports import Exporter
from firstlight.sdk.delivery import Limits
from firstlight.sdk.flow.ledger import Ledger, Rows
from tests.export.http_receiver import HttpReceiver

QUICK = Limits(linger_s=0.0)


def made(tmp_path: Path, **arguments: object) -> Exporter:
    given = {name.replace("__", "."): value for name, value in arguments.items()}
    settings = recording({"output.directory": str(tmp_path), **given}, environ={}).settings.recording
    return destinations(settings, tmp_path / "default")(Ledger())


def test_the_usual_hub_when_nothing_is_said(tmp_path: Path) -> None:
    exporter = made(tmp_path)
    assert isinstance(exporter, OtlpExporter)
    assert {url.netloc for url in exporter._urls.values()} == {"127.0.0.1:4318"}


def test_the_receiver_is_spoken_to_as_the_settings_say(tmp_path: Path) -> None:
    exporter = made(
        tmp_path,
        endpoint="http://collector:9/base",
        otlp__headers={"k": "v"},
        otlp__token="secret",
        otlp__protocol="protobuf",
        otlp__endpoints={"logs": "http://logs:1/here"},
    )
    assert isinstance(exporter, OtlpExporter)
    assert exporter._urls["logs"].geturl() == "http://logs:1/here"
    assert exporter._urls["traces"].geturl().startswith("http://collector:9/base")
    assert exporter._headers["logs"]["k"] == "v"
    assert exporter._headers["logs"]["Authorization"] == "Bearer secret"
    assert "protobuf" in exporter._headers["logs"]["Content-Type"]


def test_files_are_written_where_the_settings_say_even_after_a_change_of_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    telemetry = build(QUICK, {})
    configure("shop", profile="development", directory="out", telemetry=telemetry, environ={})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    telemetry.log_event("pulse", "scup", "zone_transition", "DEBUG", {"to": "amber"}, tick_id=7)
    assert telemetry.shutdown()
    lines = [line for file in (tmp_path / "out" / "json").glob("events*") for line in file.read_text().splitlines()]
    (event,) = map(json.loads, lines)
    assert (event["event_type"], event["tick_id"], event["data"]) == ("zone_transition", 7, {"to": "amber"})
    assert 0 <= event["metadata"]["uptime_seconds"] < 1e6


def test_signals_that_nobody_wants_are_counted_as_dropped(tmp_path: Path) -> None:
    telemetry = build(QUICK, {})
    configure("shop", formats=["json"], directory=tmp_path, telemetry=telemetry, environ={"OTEL_LOGS_EXPORTER": "none"})
    telemetry.event("unwanted")
    with telemetry.span("wanted"):
        pass
    assert telemetry.shutdown()
    counts = telemetry.counts()
    assert (counts.exported.events, counts.exported.spans) == (0, 1)
    assert counts.dropped["unwanted"].events == 1
    written = "".join(file.read_text() for file in tmp_path.rglob("*") if file.is_file())
    assert "wanted" in written
    assert "unwanted" not in written


def test_a_failed_delivery_of_the_wanted_part_is_tried_again_under_its_number() -> None:
    with HttpReceiver((200, {}, b"")) as receiver:
        receiver.hang_up_next = True
        telemetry = build(QUICK, {})
        configure("shop", endpoint=receiver.url, telemetry=telemetry, environ={"OTEL_METRICS_EXPORTER": "none"})
        telemetry.event("step")
        assert telemetry.flush(30.0)
        telemetry.shutdown()
    numbers = [headers["Firstlight-Delivery"] for _, headers, _ in [*receiver.hung_up, *receiver.got]]
    assert numbers == [numbers[0]] * 2
    assert telemetry.counts().exported.events == 1


def test_the_exporter_that_was_made_at_once_is_used_once() -> None:
    exporters = [MemoryExporter(), MemoryExporter()]
    left = iter(exporters)
    make = made_at_once(lambda _: next(left), Ledger())
    assert make(Ledger()) is exporters[0]
    assert make(Ledger()) is exporters[1]


def test_a_lake_is_the_usual_one_unless_it_is_named(tmp_path: Path) -> None:
    made(tmp_path, output__formats=["lake"]).close()
    assert (tmp_path / "default").is_dir()


def test_several_places_get_the_same_records(tmp_path: Path) -> None:
    telemetry = build(QUICK, {})
    configure(
        "shop", formats=["json"], directory=tmp_path / "out", data=tmp_path / "lake", telemetry=telemetry, environ={}
    )
    for number in range(100):
        telemetry.event("step", number=number)
    assert telemetry.flush()
    assert telemetry.shutdown()
    lines = [line for file in (tmp_path / "out" / "json").glob("events*") for line in file.read_text().splitlines()]
    assert [json.loads(line)["data"]["number"] for line in lines] == list(range(100))
    lake = Lake.open(tmp_path / "lake")
    try:
        assert lake.sql("select count(*) from events where name = 'step'").rows == [(100,)]
    finally:
        lake.close()


def test_what_a_spool_holds_is_exported_when_it_is_delivered(tmp_path: Path) -> None:
    ledger = Ledger()
    settings = recording({"endpoint": "http://127.0.0.1:9", "spool.directory": str(tmp_path)}, environ={})
    exporter = destinations(settings.settings.recording, tmp_path)(ledger)
    moved = exporter._on_moved
    ledger.recorded(Rows(events=5))
    moved("held", (5, 0, 0))
    ledger.exported(Rows(events=5))
    assert ledger.counts().exported == Rows()
    moved("spool_full", (2, 0, 0))
    moved("delivered", (3, 0, 0))
    moved("adopted", (1, 1, 0))
    moved("delivered", (1, 1, 0))
    counts = ledger.counts()
    assert counts.recorded == Rows(6, 1, 0)
    assert counts.exported == Rows(4, 1, 0)
    assert counts.dropped == {"spool_full": Rows(2, 0, 0)}
    exporter.close()


def test_prometheus_and_influxdb_are_served_as_the_settings_say(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    exporter = made(tmp_path, scrape__port=port)
    assert isinstance(exporter, ScrapeExporter)
    assert exporter.address == f"http://127.0.0.1:{port}/metrics"
    exporter.close()
    influx = made(tmp_path, influx__endpoint="http://influx:8086", influx__org="me", influx__database="b")
    assert isinstance(influx, InfluxExporter)
    assert influx._url.geturl() == "http://influx:8086/api/v2/write?org=me&bucket=b&precision=ns"
