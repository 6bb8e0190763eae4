import os
import time

from firstlight.app.settings import LEAVES, load
from firstlight.hub.server import running
from firstlight.version import __version__
from tests.hub.serving import Client, hub, logs


def test_status_tells_who_sends_and_what_is_kept(client: Client) -> None:
    client.send_logs(logs(3, "shop"))
    client.send_logs(logs(2, "shop"))
    status = client.get("/api/status").json
    assert status["version"] == __version__
    assert status["url"] == f"http://127.0.0.1:{client.port}"
    assert status["pid"] == os.getpid()
    assert round((status["time_ns"] - status["started_ns"]) / 1e9, 6) == round(status["uptime_s"], 6)
    assert status["data_dir"] == str(client.server.platform.settings.data_path)
    shop = next(source for source in status["sources"] if source["service"] == "shop")
    assert shop["signals"] == {"events": 5, "spans": 0, "samples": 0}
    assert shop["last_seen_ns"] <= status["time_ns"]
    assert status["counters"]["firstlight_ingested_rows_total"] >= 5
    assert status["lake"]["appends"] >= 2
    assert set(status["health"]) == {"score", "state"}


def test_config_shows_every_setting_with_its_source(client: Client) -> None:
    settings = {setting["path"]: setting for setting in client.get("/api/config").json["settings"]}
    assert set(settings) == set(LEAVES)
    assert settings["hub.port"] == {"path": "hub.port", "value": 0, "source": "argument"}
    assert settings["lake.durability"]["source"] == "default"


def test_own_metrics_and_health_are_stored_and_shown(tmp_path) -> None:
    with hub(tmp_path, self_metrics_interval_s=0.5, health__interval_s=0.5) as client:
        deadline_s = time.monotonic() + 30
        scored = 0.0
        while not scored and time.monotonic() < deadline_s:
            query = "select max(value) from metrics where service = 'firstlight' and name = 'firstlight_health_ratio'"
            scored = client.sql(query).json["rows"][0][0]
        health = client.get("/api/health").json
        series = client.get("/api/series?name=process_").json["series"]
    assert 0 <= scored <= 1
    assert 0 <= health["overall"]["score"] <= 1
    assert health["subsystems"]["firstlight"]["parts"]
    assert {found["name"] for found in series} == {"process_resident_memory_bytes", "process_cpu_seconds_total"}
    assert {found["service"] for found in series} == {"firstlight"}


def test_host_metrics_come_in(tmp_path) -> None:
    resolved = load({"hub.port": 0, "data_dir": str(tmp_path), "host.interval_s": 0.1}, environ={}, directory=tmp_path)
    with running(resolved) as server:
        deadline_s = time.monotonic() + 30
        names: set[str] = set()
        while "host_cpu_busy_ratio" not in names and time.monotonic() < deadline_s:
            names = {series.name for series in server.platform.store.series().values()}
            time.sleep(0.05)
        assert "host_cpu_busy_ratio" in names
        assert [source.service for source in server.platform.sources.seen() if source.service == "host"]
