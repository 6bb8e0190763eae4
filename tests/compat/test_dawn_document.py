"""Every example of the DAWN telemetry document (000), with the import line of Firstlight."""

import gzip
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from firstlight.app.launch import BOOTSTRAP
from firstlight.app.profiles import PROFILES
from firstlight.app.settings import recording
from firstlight.app.telemetry import build
from firstlight.compat.dawn import system as dawn
from firstlight.compat.dawn.configuration import settings_of
from firstlight.compat.dawn.system import (
    DAWNTelemetrySystem,
    TelemetryLevel,
    create_performance_context,
    get_telemetry_system,
    initialize_telemetry_system,
    log_event,
    log_performance,
)
from firstlight.errors import ConfigError
from firstlight.export.jsonl import JsonLinesExporter
from firstlight.export.otlp import OtlpExporter
from firstlight.sdk.flow.ledger import Ledger

CUSTOM = {
    "enabled": True,
    "buffer": {"max_size": 10000, "auto_flush_interval": 30.0},
    "filtering": {
        "min_level": "INFO",
        "subsystem_filters": {"pulse_system": {"enabled": True, "min_level": "DEBUG"}},
    },
    "output": {
        "enabled_formats": ["json", "prometheus"],
        "output_directory": "runtime/telemetry",
        "file_rotation_size_mb": 100,
    },
}
LINE_KEYS = {
    "timestamp",
    "level",
    "subsystem",
    "component",
    "event_type",
    "tick_id",
    "session_id",
    "data",
    "metadata",
    "service",
}
RUN = [sys.executable, "-m", "firstlight"]
MAIN = """\
import sys
from firstlight.compat.dawn.system import get_telemetry_system, log_event, TelemetryLevel
telemetry = get_telemetry_system()
log_event('my_subsystem', 'component', 'event_occurred', TelemetryLevel.INFO, {'data': 'value'})
log_event('my_subsystem', 'component', 'details', TelemetryLevel.DEBUG)
print('recording' if telemetry else 'silent', sys.argv[1:])
"""


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test its own directory and, as this process's recorder, a new one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dawn, "_system", None)
    recorder = build(environ={})
    monkeypatch.setattr(dawn, "get", lambda: recorder)
    for name in [name for name in os.environ if name.startswith("DAWN_")]:
        monkeypatch.delenv(name)
    yield
    recorder.shutdown()


@pytest.fixture
def telemetry() -> Iterator[DAWNTelemetrySystem]:
    with DAWNTelemetrySystem(profile="development") as made:
        yield made


def lines(kind: str = "events", directory: Path = Path("runtime/telemetry")) -> list[dict[str, Any]]:
    found = []
    for path in sorted((directory / "json").glob(f"{kind}-*")):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found += [json.loads(line) for line in data.splitlines()]
    return found


def written(telemetry: DAWNTelemetrySystem, kind: str = "events") -> list[dict[str, Any]]:
    assert telemetry.stop()
    return lines(kind)


def test_structured_event_logging(telemetry: DAWNTelemetrySystem) -> None:
    telemetry.log_event(
        "pulse_system",
        "scup_controller",
        "zone_transition",
        TelemetryLevel.INFO,
        {"from_zone": "green", "to_zone": "amber", "scup_value": 0.742, "trigger_reason": "pressure_increase"},
        tick_id=42337,
    )
    with telemetry.create_performance_context("memory", "fractal", "encode_operation") as ctx:
        ctx.add_metadata("data_size_mb", 12.5)
        result = sum(range(1000))
    assert result == 499500
    (line,) = written(telemetry)
    assert set(line) == LINE_KEYS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"])
    assert {key: line[key] for key in ("level", "subsystem", "component", "event_type", "tick_id", "data")} == {
        "level": "INFO",
        "subsystem": "pulse_system",
        "component": "scup_controller",
        "event_type": "zone_transition",
        "tick_id": 42337,
        "data": {"from_zone": "green", "to_zone": "amber", "scup_value": 0.742, "trigger_reason": "pressure_increase"},
    }
    assert set(line["metadata"]) == {"process_id", "thread_id", "uptime_seconds"}
    assert line["metadata"]["process_id"] == os.getpid()
    assert line["session_id"]
    (span,) = lines("spans")
    assert (span["subsystem"], span["component"], span["operation"]) == ("memory", "fractal", "encode_operation")
    assert (span["data"], span["status"]) == ({"data_size_mb": 12.5}, "unset")
    assert span["duration_ms"] >= 0


def test_a_failed_operation_is_recorded_and_raised(telemetry: DAWNTelemetrySystem) -> None:
    def fail() -> None:
        with telemetry.create_performance_context("memory", "fractal", "encode_operation", tick_id=7):
            raise ValueError("too large")

    with pytest.raises(ValueError, match="too large"):
        fail()
    (span,) = written(telemetry, "spans")
    assert (span["status"], span["status_message"]) == ("error", "ValueError: too large")
    assert span["data"]["tick_id"] == 7


@pytest.mark.parametrize(
    ("profile", "size", "level", "formats"),
    [
        ("development", 5_000, "DEBUG", {"json"}),
        ("production", 20_000, "INFO", {"json", "prometheus"}),
        ("debug", 2_000, "DEBUG", {"json"}),
        ("minimal", 1_000, "ERROR", {"json"}),
        ("high_performance", 50_000, "WARN", {"json"}),
    ],
)
def test_the_configuration_profiles(profile: str, size: int, level: str, formats: set[str]) -> None:
    telemetry = DAWNTelemetrySystem(profile=profile)
    for name in ("DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"):
        telemetry.log_event("my_system", "component", "said", TelemetryLevel[name])
    assert telemetry.telemetry.limits.high_water == size
    assert telemetry.get_health_summary()["components"]["exporters"] == len(formats)
    loud = [line["level"] for line in written(telemetry)]
    assert loud == ["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"][-len(loud) :]
    assert loud[0] == level
    assert {path.name for path in Path("runtime/telemetry").iterdir()} == formats


def test_basic_integration() -> None:
    telemetry = get_telemetry_system()
    log_event("my_subsystem", "component", "event_occurred", TelemetryLevel.INFO, {"data": "value"})
    assert telemetry is get_telemetry_system()
    (line,) = written(telemetry)
    assert (line["subsystem"], line["event_type"], line["data"]) == (
        "my_subsystem",
        "event_occurred",
        {"data": "value"},
    )


def test_advanced_usage(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry = DAWNTelemetrySystem(profile="production")
    telemetry.start()
    telemetry.integrate_subsystem(
        "my_subsystem", ["component_a", "component_b"], {"enabled": True, "min_level": "INFO"}
    )
    telemetry.log_event("my_subsystem", "component_a", "hidden", TelemetryLevel.DEBUG)
    telemetry.log_event("my_subsystem", "component_a", "shown", TelemetryLevel.INFO)
    with telemetry.create_performance_context("subsystem", "component", "operation") as ctx:
        ctx.add_metadata("operation_size", 1024)
    health = telemetry.get_health_summary()
    print(f"System health: {health['overall_health_score']:.3f}")  # noqa: T201 - as the document does
    assert capsys.readouterr().out == "System health: 1.000\n"
    assert [line["event_type"] for line in written(telemetry)] == ["shown"]
    assert lines("spans")[0]["data"] == {"operation_size": 1024}


def test_a_subsystem_switches_off(telemetry: DAWNTelemetrySystem) -> None:
    telemetry.integrate_subsystem("noise", [], {"enabled": False})
    telemetry.log_event("noise", "a", "hidden")
    telemetry.log_event("music", "a", "shown")
    assert [line["event_type"] for line in written(telemetry)] == ["shown"]


def test_environment_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {
        "DAWN_TELEMETRY_ENABLED": "true",
        "DAWN_TELEMETRY_PROFILE": "production",
        "DAWN_TELEMETRY_LEVEL": "WARN",
        "DAWN_TELEMETRY_DIR": "elsewhere/telemetry",
        "DAWN_TELEMETRY_FORMATS": "json,csv",
    }.items():
        monkeypatch.setenv(name, text)
    telemetry = get_telemetry_system()
    telemetry.log_event("a", "b", "quiet", TelemetryLevel.INFO)
    telemetry.log_event("a", "b", "loud", TelemetryLevel.WARN)
    assert telemetry.telemetry.limits.high_water == PROFILES["production"]["buffer.max_records"]
    telemetry.stop()
    assert [line["event_type"] for line in lines(directory=Path("elsewhere/telemetry"))] == ["loud"]
    assert {path.name for path in Path("elsewhere/telemetry").iterdir()} == {"json", "csv"}


def test_telemetry_is_switched_off_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAWN_TELEMETRY_ENABLED", "false")
    assert get_telemetry_system() is None
    log_event("a", "b", "c")
    with create_performance_context("a", "b", "c") as ctx:
        ctx.add_metadata("n", 1)
    assert dawn._system.get_health_summary()["components"] == {
        "logger": "disabled",
        "collector": "disabled",
        "exporters": 0,
    }
    dawn._system.stop()
    assert not Path("runtime").exists()


@pytest.mark.parametrize("as_file", [False, True])
def test_custom_configuration(as_file: bool) -> None:
    Path("config.json").write_text(json.dumps(CUSTOM))
    telemetry = DAWNTelemetrySystem(config="config.json" if as_file else CUSTOM)
    limits = telemetry.telemetry.limits
    assert (limits.high_water, limits.linger_s) == (10_000, 30.0)
    for subsystem in ("pulse_system", "memory_system"):
        telemetry.log_event(subsystem, "a", "detail", TelemetryLevel.DEBUG)
        telemetry.log_event(subsystem, "a", "said", TelemetryLevel.INFO)
    assert [(line["subsystem"], line["event_type"]) for line in written(telemetry)] == [
        ("pulse_system", "detail"),
        ("pulse_system", "said"),
        ("memory_system", "said"),
    ]
    assert settings_of(CUSTOM)["recording.output.rotate_bytes"] == 100 * 2**20
    assert {path.name for path in Path("runtime/telemetry").iterdir()} == {"json", "prometheus"}


@pytest.mark.parametrize(
    ("config", "path", "problem"),
    [
        ({"buffer": {"max_sizes": 1}}, "buffer.max_sizes", "did you mean buffer.max_size"),
        ({"buffer": {"max_size": "many"}}, "buffer.max_size", "int"),
        ({"buffer": {"max_size": 0}}, "buffer.max_size", "1"),
        ({"filtering": {"min_level": "LOUD"}}, "filtering.min_level", "LOUD"),
        ({"filtering": {"subsystem_filters": {"a": {"on": True}}}}, "filtering.subsystem_filters", "on"),
        ({"output": {"enabled_formats": ["xml"]}}, "output.enabled_formats", "xml"),
        ("missing.json", "config", "cannot be read"),
    ],
)
def test_a_wrong_configuration_is_refused(config: Any, path: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        DAWNTelemetrySystem(config=config)
    assert caught.value.path == path
    assert problem in str(caught.value)


def test_a_wrong_file_is_named() -> None:
    Path("config.json").write_text('{"filtering": {"min_level": "LOUD"}}')
    with pytest.raises(ConfigError, match=r"filtering\.min_level \(from config\.json\)"):
        DAWNTelemetrySystem(config="config.json")


@pytest.mark.parametrize(
    ("name", "text"),
    [("DAWN_TELEMETRY_LEVEL", "LOUD"), ("DAWN_TELEMETRY_PROFILE", "fast"), ("DAWN_TELEMETRY_FORMAT", "json")],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ConfigError, match=name):
        get_telemetry_system()


def test_json_lines_and_all_output_directories() -> None:
    config = {"output": {"enabled_formats": ["json", "csv", "prometheus", "influxdb"]}}
    telemetry = DAWNTelemetrySystem(config=config)
    telemetry.log_event("pulse_system", "scup_controller", "zone_transition", data={"to_zone": "amber"})
    assert telemetry.get_health_summary()["components"]["exporters"] == 4
    (line,) = written(telemetry)
    assert set(line) == LINE_KEYS - {"tick_id"}
    for folder in ("json", "csv", "prometheus", "influxdb"):
        (*_, newest) = sorted((Path("runtime/telemetry") / folder).glob("[!.]*"))
        assert newest.stat().st_size > 0
    csv = "".join(path.read_text() for path in Path("runtime/telemetry/csv").glob("events-*"))
    assert "zone_transition" in csv


def test_prometheus_metrics() -> None:
    telemetry = DAWNTelemetrySystem(profile="production")
    for _ in range(1247):
        telemetry.log_event("pulse_system", "scup_controller", "zone_transition", TelemetryLevel.INFO)
    telemetry.log_performance("memory", "fractal", "encode", 99.0)
    telemetry.log_performance("memory", "fractal", "encode", 12.5, True, {"size": 3})
    telemetry.stop()
    (path,) = Path("runtime/telemetry/prometheus").glob("*.prom")
    families = {family.name: family for family in text_string_to_metric_families(path.read_text())}
    events = families["dawn_telemetry_events"]
    assert (events.type, events.documentation) == ("counter", "Total number of telemetry events")
    assert [(one.name, one.labels, one.value) for one in events.samples] == [
        (
            "dawn_telemetry_events_total",
            {"subsystem": "pulse_system", "component": "scup_controller", "level": "INFO"},
            1247,
        )
    ]
    durations = families["dawn_operation_duration_ms"]
    assert (durations.type, durations.documentation) == ("gauge", "Operation duration in milliseconds")
    assert [(one.labels, one.value) for one in durations.samples] == [
        ({"subsystem": "memory", "component": "fractal", "operation": "encode"}, 12.5)
    ]


def test_health_dashboard_data() -> None:
    telemetry = DAWNTelemetrySystem(config={"output": {"enabled_formats": ["json", "csv", "prometheus"]}})
    for turn in range(100):
        telemetry.log_event("pulse_system", "scup_controller", "beat", TelemetryLevel.INFO)
        level = TelemetryLevel.ERROR if turn < 15 else TelemetryLevel.INFO
        telemetry.log_event("memory_system", "rebloom", "rebloom_triggered", level)
    log_performance_of = telemetry.log_performance
    log_performance_of("memory_system", "fractal", "encode", 10.0)
    log_performance_of("memory_system", "fractal", "encode", 30.0, success=False)
    health = telemetry.get_health_summary()
    assert health["overall_status"] == "healthy"
    assert 0.6 <= health["overall_health_score"] < 1.0
    assert health["components"] == {"logger": "healthy", "collector": "healthy", "exporters": 3}
    assert set(health["subsystems"]) == {"pulse_system", "memory_system"}
    assert health["subsystems"]["pulse_system"]["health_score"] == 1.0
    memory = health["subsystems"]["memory_system"]
    assert 0.3 < memory["health_score"] < 1.0
    assert memory["error_rate"] == 0.15
    assert memory["success_rate"] == 0.5
    assert memory["average_duration_ms"] == pytest.approx(20.0)
    alerts = {(alert["type"], alert["subject"]) for alert in health["alerts"] if alert["type"] != "system_resources"}
    assert alerts == {("high_error_rate", "memory_system")}
    assert set(health["resources"]) >= {"memory", "disk"}
    telemetry.stop()


def test_health_tells_when_nothing_can_be_delivered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    environ = {"FIRSTLIGHT_ENDPOINT": f"http://127.0.0.1:{port}", "FIRSTLIGHT_RECORDING_EXIT_S": "0.1"}
    telemetry = DAWNTelemetrySystem(environ=environ)
    telemetry.log_event("pulse_system", "scup_controller", "beat")
    health = telemetry.get_health_summary()
    assert health["components"] == {"logger": "healthy", "collector": "critical", "exporters": 1}
    assert health["overall_status"] == "degraded"
    assert health["subsystems"]["pulse_system"]["health_score"] == 1.0
    telemetry.stop(0.1)


def test_pulse_system_integration() -> None:
    class Pulse:
        current_zone = "green"

        def pulse_tick(self, current_shi: float, forecast_index: float, pressure: float) -> None:
            previous_zone, self.current_zone = self.current_zone, "amber" if current_shi > 0.7 else "green"
            with create_performance_context("pulse_system", "core", "pulse_tick") as ctx:
                ctx.add_metadata("shi", current_shi)
                ctx.add_metadata("forecast_index", forecast_index)
                if self.current_zone != previous_zone:
                    log_event(
                        "pulse_system",
                        "scup_controller",
                        "zone_transition",
                        TelemetryLevel.INFO,
                        {
                            "from_zone": previous_zone,
                            "to_zone": self.current_zone,
                            "scup_value": current_shi,
                            "pressure": pressure,
                        },
                    )

    initialize_telemetry_system(profile="development")
    pulse = Pulse()
    pulse.pulse_tick(0.5, 0.1, 1.0)
    pulse.pulse_tick(0.742, 0.2, 1.5)
    pulse.pulse_tick(0.8, 0.3, 1.6)
    log_performance("pulse_system", "core", "settle", 2.5)
    (line,) = written(get_telemetry_system())
    assert line["data"] == {"from_zone": "green", "to_zone": "amber", "scup_value": 0.742, "pressure": 1.5}
    spans = lines("spans")
    assert [span["data"].get("shi") for span in spans] == [0.5, 0.742, 0.8, None]
    assert line["span_id"] == spans[1]["span_id"]
    assert spans[3]["duration_ms"] == pytest.approx(2.5)


def test_memory_system_integration() -> None:
    class Memory:
        def get_ash_ratio(self) -> float:
            return 0.25

        def get_soot_ratio(self) -> float:
            return 0.75

        def rebloom_event(self, fragment_id: str, rebloom_type: str) -> None:
            log_event(
                "memory_system",
                "rebloom",
                "rebloom_triggered",
                TelemetryLevel.INFO,
                {
                    "fragment_id": fragment_id,
                    "rebloom_type": rebloom_type,
                    "ash_ratio": self.get_ash_ratio(),
                    "soot_ratio": self.get_soot_ratio(),
                },
            )

    Memory().rebloom_event("f1", "spontaneous")
    (line,) = written(get_telemetry_system())
    assert line["data"] == {"fragment_id": "f1", "rebloom_type": "spontaneous", "ash_ratio": 0.25, "soot_ratio": 0.75}


def test_schema_system_integration() -> None:
    class Schema:
        def _execute_sigil_operation(self, operation_type: str, sigil_data: list[str]) -> SimpleNamespace:
            if not sigil_data:
                raise LookupError("no sigils")
            return SimpleNamespace(success=True, coherence_delta=0.1 * len(sigil_data))

        def sigil_operation(self, operation_type: str, sigil_data: list[str]) -> None:
            with create_performance_context("schema_system", "sigil_network", operation_type) as ctx:
                ctx.add_metadata("sigil_count", len(sigil_data))
                result = self._execute_sigil_operation(operation_type, sigil_data)
                log_event(
                    "schema_system",
                    "sigil_network",
                    "sigil_operation_complete",
                    TelemetryLevel.INFO,
                    {
                        "operation_type": operation_type,
                        "success": result.success,
                        "coherence_impact": result.coherence_delta,
                    },
                )

    Schema().sigil_operation("merge", ["a", "b"])
    with pytest.raises(LookupError):
        Schema().sigil_operation("split", [])
    (line,) = written(get_telemetry_system())
    assert line["data"] == {"operation_type": "merge", "success": True, "coherence_impact": 0.2}
    spans = {span["operation"]: span for span in lines("spans")}
    assert (spans["merge"]["data"], spans["merge"]["status"]) == ({"sigil_count": 2}, "unset")
    assert spans["split"]["status"] == "error"


def test_quick_start() -> None:
    telemetry = initialize_telemetry_system(profile="development")
    telemetry.start()
    telemetry.log_event("my_system", "component", "started", data={"version": "1.0.0"})
    (line,) = written(telemetry)
    assert (line["level"], line["event_type"], line["data"]) == ("INFO", "started", {"version": "1.0.0"})


def test_custom_integration() -> None:
    def my_operation() -> None:
        telemetry = get_telemetry_system()
        if telemetry:
            telemetry.log_event("my_subsystem", "my_component", "operation_start")
        if telemetry:
            telemetry.log_event("my_subsystem", "my_component", "operation_complete")

    my_operation()
    assert [line["event_type"] for line in written(get_telemetry_system())] == ["operation_start", "operation_complete"]


def test_it_starts_again_after_a_stop() -> None:
    telemetry = DAWNTelemetrySystem(profile="development").start()
    telemetry.log_event("a", "b", "first")
    assert telemetry.stop()
    telemetry.start()
    telemetry.log_event("a", "b", "second")
    assert [line["event_type"] for line in written(telemetry)] == ["first", "second"]


def test_under_firstlight_run_it_sends_to_the_hub_and_else_it_writes_json() -> None:
    launched = DAWNTelemetrySystem(environ={"PYTHONPATH": f"{BOOTSTRAP}{os.pathsep}elsewhere"})
    assert made_by(launched) is OtlpExporter
    alone = DAWNTelemetrySystem(environ={"PYTHONPATH": "elsewhere"})
    assert made_by(alone) is JsonLinesExporter


def made_by(telemetry: DAWNTelemetrySystem) -> type:
    exporter = telemetry.telemetry._delivery.exporter(Ledger())
    inner = exporter._inner
    exporter.close()
    return type(inner)


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, *words], capture_output=True, text=True, check=False, env={**os.environ, **environ}, timeout=60
    )


@pytest.mark.parametrize(
    ("options", "said", "events"),
    [
        (["--telemetry-profile", "production"], "recording", ["event_occurred"]),
        (["--telemetry-profile", "development"], "recording", ["event_occurred", "details"]),
        (["--disable-telemetry"], "silent", []),
        (["--telemetry-config", "firstlight.json"], "recording", ["event_occurred", "details"]),
    ],
)
def test_cli_integration(options: list[str], said: str, events: list[str]) -> None:
    Path("main.py").write_text(MAIN)
    Path("firstlight.json").write_text(json.dumps(settings_of({**CUSTOM, "filtering": {"min_level": "DEBUG"}})))
    outcome = run("run", *options, "--", "-m", "main", "--mode", "interactive")
    assert outcome.stdout == f"{said} ['--mode', 'interactive']\n", outcome.stderr
    ours = [line for line in lines() if line["subsystem"] == "my_subsystem"]
    assert [line["event_type"] for line in ours] == events
    if events:
        assert list(Path("runtime/telemetry/prometheus").glob("*.prom")) or "development" in options


def test_interactive_commands() -> None:
    """The document's prompt is that of ``firstlight shell``, over the lake that the program wrote into."""
    Path("main.py").write_text(MAIN)
    outcome = run("run", "--service", "dawn", "--data", "lake", "--", sys.executable, "main.py")
    assert outcome.returncode == 0, outcome.stderr
    shell = subprocess.run(
        [*RUN, "shell", "--data", "lake"],
        input="telemetry\nhealth\nstatus\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert shell.returncode == 0, shell.stderr
    assert "dawn" in shell.stdout
    assert "my_subsystem" in shell.stdout


def test_the_recorder_of_the_process_is_the_global_one() -> None:
    program = """
import firstlight
from firstlight.compat.dawn.system import get_telemetry_system
telemetry = get_telemetry_system()
assert telemetry.telemetry is firstlight.get()
firstlight.event("said", n=1)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    (line,) = lines()
    assert (line["event_type"], line["data"]) == ("said", {"n": 1})


def test_a_configuration_is_turned_into_one_of_ours() -> None:
    Path("config.json").write_text(json.dumps(CUSTOM))
    command = [sys.executable, "-m", "firstlight.compat.dawn"]
    made = subprocess.run([*command, "config.json"], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(made.stdout)["recording.buffer.max_records"] == 10_000
    assert recording(config=json.loads(made.stdout)).settings.recording.output.formats == ("json", "prometheus")
    Path("config.json").write_text("{")
    refused = subprocess.run([*command, "config.json"], capture_output=True, text=True, check=False, timeout=60)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "does not parse" in refused.stderr
