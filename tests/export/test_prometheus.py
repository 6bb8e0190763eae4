import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from firstlight.errors import Unavailable
from firstlight.export.prometheus import PrometheusFileExporter
from firstlight.model import Batch, Event, Level, Resource, Series, Span
from firstlight.testing import FakeClock, check_exporter
from tests.peers import peer


def gauge(value: float, service: str = "shop") -> Batch:
    batch = Batch(Resource(service))
    batch.add_sample(Series("queue_length", service=service), 1, value)
    return batch


def files(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (directory / "prometheus").iterdir()}


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    check_exporter(lambda: PrometheusFileExporter(tmp_path))
    (found,) = files(tmp_path).values()
    names = [family.name for family in text_string_to_metric_families(found)]
    assert names == ["orders", "pay_seconds", "queue_length"]
    outcome = subprocess.run(
        [peer("promtool"), "check", "metrics"], input=found, capture_output=True, text=True, check=False
    )
    assert (outcome.returncode, outcome.stdout + outcome.stderr) == (0, "")


def test_the_metrics_of_the_specification(tmp_path: Path) -> None:
    exporter = PrometheusFileExporter(
        tmp_path, events_total="dawn_telemetry_events_total", operation_duration_ms="dawn_operation_duration_ms"
    )
    batch = Batch(Resource("dawn"))
    batch.events += [Event(1, "zone", Level.INFO, "pulse_system", "scup_controller")] * 1247
    batch.spans.append(Span(0, 12_500_000, "encode", "", "", subsystem="memory", component="fractal"))
    exporter.export(batch)
    exporter.close()
    assert files(tmp_path) == {
        f"dawn-{os.getpid()}.prom": (
            "# HELP dawn_operation_duration_ms Operation duration in milliseconds\n"
            "# TYPE dawn_operation_duration_ms gauge\n"
            'dawn_operation_duration_ms{component="fractal",operation="encode",subsystem="memory"} 12.5\n'
            "# HELP dawn_telemetry_events_total Total number of telemetry events\n"
            "# TYPE dawn_telemetry_events_total counter\n"
            'dawn_telemetry_events_total{component="scup_controller",level="INFO",subsystem="pulse_system"} 1247\n'
        )
    }


def test_the_file_is_rewritten_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    clock = FakeClock()
    exporter = PrometheusFileExporter(tmp_path, now_ns=clock)
    seen = []
    for value, step_s in ((1.0, 2.0), (2.0, 3.0), (3.0, 2.5), (4.0, -9.0), (5.0, 0.1), (6.0, 0.1)):
        exporter.export(gauge(value))
        seen.append(next(iter(files(tmp_path).values())).split()[-1])
        clock.advance(step_s)
    exporter.close()
    assert seen == ["1", "1", "3", "3", "5", "5"], "a clock that was set back does not stop it"
    assert next(iter(files(tmp_path).values())).endswith("queue_length 6\n")


def test_after_a_failure_nothing_is_counted_twice(tmp_path: Path) -> None:
    blocked = tmp_path / "prometheus"
    blocked.write_bytes(b"")
    exporter = PrometheusFileExporter(tmp_path, events_total="events_total")
    batch = Batch(Resource("a"))
    batch.events.append(Event(1, "x"))
    for _ in range(2):
        with pytest.raises(Unavailable, match="cannot write"):
            exporter.export(batch)
    blocked.unlink()
    exporter.export(batch)
    exporter.close()
    assert next(iter(files(tmp_path).values())).endswith('events_total{level="INFO"} 1\n')


def test_what_the_dead_left_goes_and_the_living_stay(tmp_path: Path) -> None:
    program = """
import sys
from firstlight.export.prometheus import PrometheusFileExporter
from firstlight.model import Batch, Resource, Series
exporter = PrometheusFileExporter(sys.argv[1])
batch = Batch(Resource("shop"))
batch.add_sample(Series("x"), 1, 1.0)
exporter.export(batch)
print("ready", flush=True)
sys.stdin.read()
exporter.close()
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        for name in ("shop-99999999.prom", "shop-b-1.prom", "shop-x.prom"):
            (tmp_path / "prometheus" / name).write_text("")
        exporter = PrometheusFileExporter(tmp_path)
        exporter.export(gauge(1.0))
        assert sorted(files(tmp_path)) == sorted(
            [f"shop-{other.pid}.prom", f"shop-{os.getpid()}.prom", "shop-b-1.prom", "shop-x.prom"]
        )
        other.communicate()
    assert f"shop-{other.pid}.prom" in files(tmp_path), "the last state stays until the next begins"
    exporter.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_a_file_and_a_state_of_its_own(tmp_path: Path) -> None:
    exporter = PrometheusFileExporter(tmp_path, sender=True)
    exporter.export(gauge(1.0))
    child = os.fork()
    if child == 0:
        try:
            exporter.export(gauge(2.0, "shop"))
            exporter.export(gauge(3.0, "shop"))
            exporter.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    exporter.close()
    assert {name: text.split()[-1] for name, text in files(tmp_path).items()} == {
        f"shop-{os.getpid()}.prom": "1",
        f"shop-{child}.prom": "3",
    }


def test_a_service_may_be_called_anything(tmp_path: Path) -> None:
    exporter = PrometheusFileExporter(tmp_path)
    exporter.export(gauge(1.0, "../a b/ü"))
    exporter.close()
    assert list(files(tmp_path)) == [f".._a_b_-{os.getpid()}.prom"]
