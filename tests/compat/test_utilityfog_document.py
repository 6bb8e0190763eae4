"""Every example of the UtilityFog telemetry document (004), with the import line of Firstlight."""

import asyncio
import json
import logging
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import firstlight
from firstlight.compat.utilityfog import MetricsExporter, MultiExporter, PrometheusAdapter, TelemetryCollector
from firstlight.compat.utilityfog.collector import (
    setup_coordination_hooks,
    setup_health_hooks,
    setup_messaging_hooks,
)
from firstlight.compat.utilityfog.exporter import JSONExporter, PeriodicExporter
from firstlight.errors import Unavailable, UsageError
from firstlight.export.memory import MemoryExporter
from tests.compat.awaited import awaited
from tests.peers import peer

ALERTS = """\
groups:
- name: telemetry
  rules:
  - alert: TelemetryCollectionFailed
    expr: increase(telemetry_collection_runs_total[5m]) == 0
    for: 2m
    annotations:
      summary: "Telemetry collection has stopped"
  - alert: HighTelemetryCollectionDuration
    expr: telemetry_collection_duration_seconds > 10
    for: 1m
    annotations:
      summary: "Telemetry collection taking too long"
"""
ALERTS_SEEN = """\
rule_files: [alerts.yml]
evaluation_interval: 30s
tests:
- interval: 30s
  input_series:
  - {series: telemetry_collection_runs_total, values: "0+1x20 20x40"}
  - {series: telemetry_collection_duration_seconds, values: "0.01x40 11x40"}
  alert_rule_test:
  - {eval_time: 9m, alertname: TelemetryCollectionFailed}
  - eval_time: 20m
    alertname: TelemetryCollectionFailed
    exp_alerts: [{exp_annotations: {summary: Telemetry collection has stopped}}]
  - {eval_time: 19m, alertname: HighTelemetryCollectionDuration}
  - eval_time: 24m
    alertname: HighTelemetryCollectionDuration
    exp_alerts: [{exp_annotations: {summary: Telemetry collection taking too long}}]
"""
OWN = {
    "telemetry_collection_runs_total": "counter",
    "telemetry_collection_duration_seconds": "gauge",
    "telemetry_metrics_count": "gauge",
    "telemetry_events_total": "counter",
}


@pytest.fixture(autouse=True, scope="module")
def delivered() -> Iterator[MemoryExporter]:
    memory = MemoryExporter()
    firstlight.configure(exporter=memory)
    yield memory
    firstlight.configure(exporter=MemoryExporter())


async def until(condition, seconds: float = 10.0) -> None:
    end_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_s, "it did not come true in time"
        await asyncio.sleep(0.01)


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def said_by_promtool(text: str) -> str:
    command = [peer("promtool"), "check", "metrics"]
    outcome = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return outcome.stdout + outcome.stderr


def kinds(collector: TelemetryCollector) -> dict[str, str]:
    return {
        name: collector.engine.get_metric(name).definition.kind.value
        for name in collector.get_snapshot()["metrics"]
        if name not in OWN
    }


@awaited
async def test_basic_setup() -> None:
    collector = TelemetryCollector(collection_interval=30.0)
    counter = collector.register_counter("requests_total", "Total HTTP requests")
    gauge = collector.register_gauge("active_connections", "Active connections")
    histogram = collector.register_histogram("request_duration_seconds", "Request duration")
    await collector.start_collection()
    assert collector.running
    await until(lambda: collector.get_metric("telemetry_collection_runs_total").value == 1)
    assert (counter.value, gauge.value, histogram.value["count"]) == (0, 0, 0)
    assert collector.get_snapshot()["metrics"]["telemetry_metrics_count"]["value"] == len(OWN) + 3
    await collector.stop_collection()
    assert not collector.running


def test_recording_metrics() -> None:
    collector = TelemetryCollector()
    counter = collector.register_counter("requests_total", "Total HTTP requests")
    gauge = collector.register_gauge("active_connections", "Active connections")
    histogram = collector.register_histogram("request_duration_seconds", "Request duration")
    counter.increment()
    counter.increment(5.0)
    gauge.set(42)
    gauge.increment(1)
    gauge.decrement(2)
    histogram.observe(0.123)
    histogram.observe(0.456)
    assert counter.value == 6
    assert gauge.value == 41
    assert histogram.value["count"] == 2
    assert histogram.value["sum"] == pytest.approx(0.579)
    assert histogram.value["buckets"]["0.25"] == 1
    assert collector.get_metric("requests_total").get_value() == 6
    assert collector.get_metric("no_such_metric") is None


def test_event_recording(delivered: MemoryExporter) -> None:
    collector = TelemetryCollector()
    now_s = time.time()
    collector.record_event("user_login", {"user_id": "12345", "timestamp": now_s}, labels={"source": "web"})
    collector.record_event(
        "error_occurred", {"error_type": "connection_timeout", "details": "Failed to connect to database"}
    )
    first, second = collector.engine.events()
    assert (first.name, first.value, first.labels) == (
        "user_login",
        {"user_id": "12345", "timestamp": now_s},
        {"source": "web"},
    )
    assert second.value["error_type"] == "connection_timeout"
    assert collector.get_snapshot()["events_count"] == 2
    assert collector.get_metric("telemetry_events_total").value == 2
    firstlight.flush()
    sent = {event.name: event.attributes for event in delivered.events}
    assert sent["user_login"] == {
        "value": {"user_id": "12345", "timestamp": now_s},
        "labels": {"source": "web"},
    }


@awaited
async def test_exporting_metrics(tmp_path: Path) -> None:
    collector = TelemetryCollector()
    collector.register_counter("http_requests_total", "Total HTTP requests").increment(1027)
    collector.register_gauge("memory_usage_bytes", "Memory usage in bytes").set(1048576)
    prometheus_exporter = PrometheusAdapter(tmp_path / "metrics.prom")
    await prometheus_exporter.export_metrics(collector)
    json_exporter = JSONExporter(tmp_path / "metrics.json")
    await json_exporter.export_metrics(collector)

    text = (tmp_path / "metrics.prom").read_text()
    assert (
        "# HELP http_requests_total Total HTTP requests\n# TYPE http_requests_total counter\nhttp_requests_total 1027\n"
    ) in text
    assert (
        "# HELP memory_usage_bytes Memory usage in bytes\n# TYPE memory_usage_bytes gauge\nmemory_usage_bytes 1048576\n"
    ) in text
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert set(written) == {"timestamp", "metrics", "events_count", "running"}
    assert written["timestamp"] == pytest.approx(time.time(), abs=60)
    assert written["metrics"]["http_requests_total"] == {
        "value": 1027,
        "labels": {},
        "timestamp": written["timestamp"],
    }
    assert (written["events_count"], written["running"]) == (0, False)
    assert names_in(tmp_path) == ["metrics.json", "metrics.prom"]


@awaited
async def test_the_prometheus_text_is_right_for_prometheus(tmp_path: Path) -> None:
    collector = TelemetryCollector()
    requests = collector.register_counter("http_requests_total", "Total \\ requests", labels=["method", "status"])
    requests.labels(method="GET", status="200").increment(3)
    requests.labels("POST", 'a "b"\n').increment()
    collector.register_histogram("api_response_seconds", "Time", buckets=[0.1, 1.0]).observe(0.5)
    setup_health_hooks(collector)
    await PrometheusAdapter(tmp_path / "metrics.prom").export_metrics(collector)
    text = (tmp_path / "metrics.prom").read_text()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {(s.labels["method"], s.labels["status"]): s.value for s in families["http_requests"].samples} == {
        ("GET", "200"): 3,
        ("POST", 'a "b"\n'): 1,
    }
    buckets = {s.labels["le"]: s.value for s in families["api_response_seconds"].samples if "le" in s.labels}
    assert buckets == {"0.1": 0, "1.0": 1, "+Inf": 1}
    # The document gives a gauge the name telemetry_metrics_count; promtool's style guide has nothing else to say.
    complaint = 'telemetry_metrics_count non-histogram and non-summary metrics should not have "_count" suffix\n'
    assert said_by_promtool(text) == complaint


def test_coordination_system_hooks() -> None:
    collector = TelemetryCollector()
    setup_coordination_hooks(collector)
    assert kinds(collector) == {
        "coordination_messages_total": "counter",
        "coordination_active_nodes": "gauge",
        "coordination_message_latency_seconds": "histogram",
    }
    collector.record_event("coordination_node_joined", {"node": "a"})
    collector.record_event("coordination_node_joined", {"node": "b"})
    collector.record_event("coordination_node_left", {"node": "a"})
    collector.record_event("coordination_message", {"latency_seconds": 0.02})
    collector.record_event("coordination_message")
    assert collector.get_metric("coordination_active_nodes").value == 1
    assert collector.get_metric("coordination_messages_total").value == 2
    assert collector.get_metric("coordination_message_latency_seconds").value["count"] == 1
    collector.record_event("coordination_nodes", 7)
    assert collector.get_metric("coordination_active_nodes").value == 7


def test_messaging_system_hooks() -> None:
    collector = TelemetryCollector()
    setup_messaging_hooks(collector)
    assert kinds(collector) == {
        "messages_sent_total": "counter",
        "messages_received_total": "counter",
        "message_queue_size": "gauge",
        "message_processing_duration_seconds": "histogram",
    }
    for _ in range(3):
        collector.record_event("message_sent", {"to": "b"})
    collector.record_event("message_received", {"from": "b"})
    collector.record_event("message_queue", {"size": 4})
    collector.record_event("message_processed", 0.5)
    assert collector.get_metric("messages_sent_total").value == 3
    assert collector.get_metric("messages_received_total").value == 1
    assert collector.get_metric("message_queue_size").value == 4
    assert collector.get_metric("message_processing_duration_seconds").value["sum"] == 0.5


def test_health_system_hooks() -> None:
    collector = TelemetryCollector()
    setup_health_hooks(collector)
    setup_health_hooks(collector)
    assert kinds(collector) == {
        "health_status": "gauge",
        "health_checks_total": "counter",
        "health_check_duration_seconds": "histogram",
    }
    assert collector.get_metric("health_status").value == 0
    for status, code in (("healthy", 1), ("degraded", 2), ("unhealthy", 3), ("unknown", 0), (2, 2)):
        collector.record_event("health_check", {"status": status, "duration_seconds": 0.1})
        assert collector.get_metric("health_status").value == code
    assert collector.get_metric("health_checks_total").value == 5
    assert collector.get_metric("health_check_duration_seconds").value["count"] == 5


def test_the_metric_types() -> None:
    collector = TelemetryCollector()
    counter = collector.register_counter("http_requests_total", "Total HTTP requests")
    counter.increment()
    counter.increment(5.0)
    gauge = collector.register_gauge("memory_usage_bytes", "Memory usage in bytes")
    gauge.set(1024000)
    gauge.increment(100)
    gauge.decrement(50)
    histogram = collector.register_histogram(
        "request_duration_seconds", "HTTP request duration", buckets=[0.1, 0.5, 1.0, 2.5, 5.0, 10.0]
    )
    histogram.observe(0.234)
    assert (counter.value, gauge.value) == (6, 1024050)
    assert histogram.value == {
        "count": 1,
        "sum": 0.234,
        "buckets": {"0.1": 0, "0.5": 1, "1.0": 1, "2.5": 1, "5.0": 1, "10.0": 1, "+Inf": 1},
    }


def test_configuration() -> None:
    collector = TelemetryCollector(collection_interval=60.0)
    assert collector.collection_interval == 60.0
    collector.collection_interval = 15.0
    assert collector.collection_interval == 15.0
    with pytest.raises(UsageError, match="above zero"):
        TelemetryCollector(collection_interval=0)
    histogram = collector.register_histogram(
        "api_response_time", "API response time distribution", buckets=[0.001, 0.01, 0.1, 0.5, 1.0, 5.0]
    )
    histogram.observe(0.02)
    assert list(histogram.value["buckets"]) == ["0.001", "0.01", "0.1", "0.5", "1.0", "5.0", "+Inf"]


@awaited
async def test_periodic_export(tmp_path: Path) -> None:
    collector = TelemetryCollector()
    counter = collector.register_counter("requests_total", "Requests")
    path = tmp_path / "metrics" / "prometheus.txt"
    exporter = PrometheusAdapter(path)
    periodic_exporter = PeriodicExporter(exporter, collector, interval=0.02)
    await periodic_exporter.start()
    counter.increment()
    await until(lambda: path.exists() and "requests_total 1\n" in path.read_text())
    counter.increment()
    await periodic_exporter.stop()
    assert "requests_total 2\n" in path.read_text()


def test_labels_are_consistent() -> None:
    collector = TelemetryCollector()
    constant = collector.register_counter("requests_total", "Requests", labels={"method": "GET", "status": "200"})
    constant.increment(2)
    named = collector.register_gauge("queue_size", "Queues", labels=("queue",))
    named.labels("a").set(1)
    named.labels(queue="b").set(2)
    metrics = collector.get_snapshot()["metrics"]
    assert metrics["requests_total"]["labels"] == {"method": "GET", "status": "200"}
    assert metrics["requests_total"]["value"] == 2
    assert [(one["labels"], one["value"]) for one in metrics["queue_size"]] == [
        ({"queue": "a"}, 1),
        ({"queue": "b"}, 2),
    ]


@awaited
async def test_failures_do_not_reach_the_program(tmp_path: Path) -> None:
    telemetry = firstlight.Telemetry(firstlight.get()._delivery, raise_errors=False)
    collector = TelemetryCollector(0.01, telemetry=telemetry)
    counter = collector.register_counter("requests_total", "Requests")
    counter.increment(-1)
    counter.increment("many")
    counter.increment()
    assert counter.value == 1
    collector.add_hook("post_collection", lambda _: 1 / 0)
    await collector.start_collection()
    await until(lambda: collector.get_metric("telemetry_collection_runs_total").value >= 3)
    await collector.stop_collection()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match="cannot write"):
        await PrometheusAdapter(tmp_path / "file" / "metrics.prom").export_metrics(collector)
    periodic = PeriodicExporter(JSONExporter(tmp_path / "file" / "metrics.json"), collector, interval=0.01)
    await periodic.start()
    await asyncio.sleep(0.05)
    (tmp_path / "file").unlink()
    await until((tmp_path / "file" / "metrics.json").exists)
    await periodic.stop()
    telemetry.shutdown()


@awaited
async def test_several_exporters_and_one_of_the_hosts_own(tmp_path: Path) -> None:
    seen: list[int] = []

    class Own(MetricsExporter):
        async def export_metrics(self, collector: TelemetryCollector) -> None:
            seen.append(collector.get_snapshot()["metrics"]["requests_total"]["value"])
            raise OSError("own trouble")

    collector = TelemetryCollector()
    collector.register_counter("requests_total", "Requests").increment()
    several = MultiExporter([Own(), JSONExporter(tmp_path / "a.json"), PrometheusAdapter(tmp_path / "a.prom")])
    with pytest.raises(OSError, match="own trouble"):
        await several.export_metrics(collector)
    assert seen == [1]
    assert names_in(tmp_path) == ["a.json", "a.prom"]


def test_the_sample_alerts(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(ALERTS)
    (tmp_path / "seen.yml").write_text(ALERTS_SEEN)
    outcome = subprocess.run(
        [peer("promtool"), "test", "rules", "seen.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@awaited
async def test_the_metrics_to_monitor() -> None:
    collector = TelemetryCollector(collection_interval=0.01)
    assert {
        name: collector.engine.get_metric(name).definition.kind.value for name in collector.get_snapshot()["metrics"]
    } == OWN
    await collector.start_collection()
    await until(lambda: collector.get_metric("telemetry_collection_runs_total").value > 1)
    assert 0 < collector.get_metric("telemetry_collection_duration_seconds").value < 10
    assert collector.get_snapshot()["running"]
    await collector.stop_collection()


@awaited
async def test_add_hook() -> None:
    seen: list[str] = []
    collector = TelemetryCollector(collection_interval=60)

    async def after(_: object) -> None:
        seen.append("after")

    collector.add_hook("pre_collection", lambda _: seen.append("before"))
    collector.add_hook("post_collection", after)
    collector.add_hook("event", lambda event: seen.append(event.name))
    collector.add_hook("metric_registered", lambda metric: seen.append(metric.definition.name))
    collector.record_event("user_login")
    collector.register_counter("requests_total", "Requests")
    await collector.start_collection()
    await until(lambda: "after" in seen)
    await collector.stop_collection()
    assert seen == ["user_login", "requests_total", "before", "after"]
    with pytest.raises(UsageError, match="pre_collection"):
        collector.add_hook("sometimes", print)


@awaited
async def test_debug_information(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("utilityfog_frontend.telemetry").setLevel(logging.DEBUG)
    collector = TelemetryCollector(collection_interval=60)
    await collector.start_collection()
    await until(lambda: "collected 4 metrics, 0 events so far" in caplog.text)
    await collector.stop_collection()
    logging.getLogger("utilityfog_frontend.telemetry").setLevel(logging.NOTSET)
