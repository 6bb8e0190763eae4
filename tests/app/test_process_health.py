import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firstlight.app.destinations import is_said, places_of
from firstlight.app.process_health import ProcessHealth, ProcessReport, Watch, configure_watched
from firstlight.app.process_health.resources import machine
from firstlight.app.process_health.watch import MAX_OPERATIONS, MAX_SUBSYSTEMS, OTHERS, WINDOW_S
from firstlight.app.process_health.watched import WatchedExporter
from firstlight.app.settings import recording
from firstlight.app.telemetry import build, configure
from firstlight.errors import ConfigError, Unavailable
from firstlight.export.memory import MemoryExporter
from firstlight.model import Batch, Event, HealthState, Level, Resource, Span
from firstlight.sdk.client import Telemetry
from firstlight.sdk.flow.ledger import Ledger, Rows
from firstlight.testing import FakeClock, check_exporter

S = 1_000_000_000


class Bench:
    """A watched recorder at a time of our own."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.clock = FakeClock()
        self.watch = Watch()
        self.resources: dict[str, float] = {}
        self.telemetry = telemetry
        self.health = ProcessHealth(telemetry, self.watch, lambda: self.resources, self.clock)

    def events(self, subsystem: str, level: Level = Level.INFO, count: int = 1, ago_s: float = 0.0) -> None:
        batch = Batch(Resource("shop"))
        time_ns = self.clock() - int(ago_s * S)
        batch.events = [Event(time_ns, "beat", level, subsystem) for _ in range(count)]
        self.watch.see(batch)

    def spans(
        self,
        name: str,
        seconds: float,
        *,
        subsystem: str = "a",
        status: str = "unset",
        count: int = 1,
        ago_s: float = 0,
    ) -> None:
        batch = Batch(Resource("shop"))
        end_ns = self.clock() - int(ago_s * S)
        row = (end_ns - int(seconds * S), end_ns, name, "0" * 32, "0" * 16)
        batch.spans = [Span(*row, status=status, subsystem=subsystem, component="b") for _ in range(count)]
        self.watch.see(batch)

    def report(self) -> ProcessReport:
        return self.health.report()

    def kinds(self) -> list[tuple[str, str]]:
        return [(one.kind, one.subject) for one in self.report().conditions]


@pytest.fixture
def bench() -> Iterator[Bench]:
    telemetry = build(environ={})
    configure(exporter=MemoryExporter(), telemetry=telemetry, environ={})
    yield Bench(telemetry)
    telemetry.shutdown()


def test_a_process_that_recorded_nothing_is_well_and_has_no_subsystems(bench: Bench) -> None:
    report = bench.report()
    assert (report.overall.score, report.logger.score, report.collector.score) == (1.0, 1.0, 1.0)
    assert report.subsystems == {}
    assert report.conditions == ()


def test_errors_lower_the_score_of_their_subsystem_as_the_formula_says(bench: Bench) -> None:
    bench.events("calm", count=100)
    bench.events("noisy", count=85)
    bench.events("noisy", Level.ERROR, count=15)
    report = bench.report()
    # 15 of 100: the lower end is 0.0931 (Wilson), between 0.01 -> 0.9 and 0.1 -> 0.6.
    errors = {part.name: part.score for part in report.subsystems["noisy"].parts}
    assert errors == {"error events": pytest.approx(0.6231, abs=1e-3)}
    assert report.subsystems["noisy"].score == pytest.approx(0.6231, abs=1e-3)
    assert report.subsystems["calm"].score == 1.0
    assert report.figures["noisy"].error_ratio == 0.15
    assert report.overall.score == pytest.approx((1 + 1 + 1 + 0.6231) / 4, abs=1e-3)
    assert [(one.kind, one.subject) for one in report.conditions] == [("high_error_rate", "noisy")]


def test_one_error_of_one_is_no_disaster_but_many_are_critical(bench: Bench) -> None:
    bench.events("a", Level.ERROR)
    assert bench.report().subsystems["a"].state is HealthState.DEGRADED
    bench.events("a", Level.CRITICAL, count=50)
    report = bench.report()
    assert (report.subsystems["a"].score, report.subsystems["a"].state) == (0.0, HealthState.CRITICAL)


def test_failed_operations_count_as_errors_do(bench: Bench) -> None:
    bench.spans("pay", 0.5, count=50)
    bench.spans("pay", 0.1, status="error", count=50)
    report = bench.report()
    assert report.figures["a"].success_ratio == 0.5
    assert report.figures["a"].mean_s == pytest.approx(0.3)
    assert report.figures["a"].error_ratio is None
    assert report.subsystems["a"].score < 0.6
    assert ("high_error_rate", "a") in bench.kinds()


def test_what_is_older_than_the_window_counts_no_more(bench: Bench) -> None:
    bench.events("a", Level.ERROR, count=9)
    bench.clock.advance(WINDOW_S + 20)
    report = bench.report()
    assert report.figures["a"].error_ratio is None
    assert report.subsystems["a"].score is None
    assert report.overall.score == 1.0
    bench.events("a", count=1)
    assert bench.report().figures["a"].error_ratio == 0.0


def test_an_operation_that_takes_longer_than_before_is_a_condition(bench: Bench) -> None:
    bench.spans("pay", 0.1, count=10, ago_s=200)
    bench.spans("ship", 0.1, count=10, ago_s=200)
    bench.spans("pay", 0.12, count=10)
    bench.spans("ship", 0.4, count=10)
    report = bench.report()
    (condition,) = report.conditions
    assert (condition.kind, condition.subject) == ("performance_degradation", "a.b.ship")
    assert condition.value == pytest.approx(4.0)
    parts = {part.name: part.score for part in report.subsystems["a"].parts}
    assert parts["duration"] == pytest.approx(0.3)


def test_noise_and_few_operations_are_no_slowdown(bench: Bench) -> None:
    bench.spans("tiny", 0.0001, count=10, ago_s=200)
    bench.spans("tiny", 0.0009, count=10)
    bench.spans("rare", 0.1, count=4, ago_s=200)
    bench.spans("rare", 9.0, count=4)
    assert bench.kinds() == []


def test_a_subsystem_that_falls_silent_is_a_condition(bench: Bench) -> None:
    for ago_s in range(100):
        bench.events("steady", ago_s=ago_s)
    for turn in range(20):
        bench.events("hourly", ago_s=turn * 3600)
    bench.events("once", count=100)
    bench.clock.advance(55)
    assert bench.kinds() == []
    assert bench.report().subsystems["steady"].score == 1.0
    bench.clock.advance(65)
    assert bench.kinds() == [("subsystem_silence", "steady")]
    parts = {part.name: part.score for part in bench.report().subsystems["steady"].parts}
    assert parts["silence"] == pytest.approx(0.6)
    bench.events("steady")
    assert bench.kinds() == []


def test_scarce_resources_are_a_condition(bench: Bench) -> None:
    bench.resources = {"memory": 0.97, "cpu": 0.5}
    (condition,) = bench.report().conditions
    assert (condition.kind, condition.subject, condition.message) == (
        "system_resources",
        "memory",
        "97% of the machine's memory are in use",
    )


def test_lost_records_and_failing_deliveries_are_the_recorders_own_trouble(bench: Bench) -> None:
    bench.telemetry.ledger.recorded(Rows(events=100))
    bench.telemetry.ledger.dropped("filtered", Rows(events=50))
    assert bench.report().logger.score == 1.0
    bench.telemetry.ledger.dropped("queue_full", Rows(events=50))
    bench.telemetry.ledger.export_error()
    report = bench.report()
    assert report.logger.score < 0.6
    assert report.collector.score == 0.2
    bench.telemetry.ledger.exported(Rows(events=10))
    assert bench.report().collector.score == 0.6
    for _ in range(2):
        bench.clock.advance(WINDOW_S + 20)
        report = bench.report()
    assert (report.logger.score, report.collector.score) == (1.0, 1.0)


def test_what_is_watched_is_bounded(bench: Bench) -> None:
    for n in range(MAX_SUBSYSTEMS + 50):
        bench.events(f"s{n}")
    for n in range(MAX_OPERATIONS + 50):
        bench.spans(f"o{n}", 0.1, subsystem="s1")
    assert len(bench.watch.subsystems()) <= MAX_SUBSYSTEMS + 1
    assert len(bench.watch.operations()) <= MAX_OPERATIONS + 1
    assert bench.watch.subsystems()[OTHERS].records == 50
    assert bench.watch.operations()["s1", "", OTHERS].records == 50
    for _ in range(500):
        bench.clock.advance(10)
        bench.events("s1")
    assert len(bench.watch.subsystems()["s1"]._slots) <= 31


def test_without_a_subsystem_the_service_is_judged(bench: Bench) -> None:
    bench.events("")
    assert list(bench.report().subsystems) == ["service:shop"]


def test_a_watched_exporter_keeps_the_contract_and_sees_each_batch_once() -> None:
    check_exporter(lambda: WatchedExporter(lambda _: MemoryExporter(), Ledger(), Watch()))

    class Away(MemoryExporter):
        away = True

        def export(self, batch: Batch) -> None:
            if self.away:
                raise Unavailable("not now")
            super().export(batch)

    away, watch = Away(), Watch()
    exporter = WatchedExporter(lambda _: away, Ledger(), watch)
    batch = Batch(Resource("shop"))
    batch.events = [Event(S, "beat", subsystem="a")]
    for _ in range(3):
        with pytest.raises(Unavailable):
            exporter.export(batch)
    away.away = False
    exporter.export(batch)
    exporter.close()
    assert watch.subsystems()["a"].records == 1
    assert len(away.events) == 1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_watches_anew_with_an_exporter_of_its_own() -> None:
    made: list[MemoryExporter] = []
    watch = Watch()
    exporter = WatchedExporter(lambda _: made.append(MemoryExporter()) or made[-1], Ledger(), watch)
    batch = Batch(Resource("shop"))
    batch.events = [Event(S, "beat", subsystem="a")]
    exporter.export(batch)
    child = os.fork()
    if child == 0:
        exporter.export(batch)
        os._exit(0 if (len(made), watch.subsystems()["a"].records) == (2, 1) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    exporter.close()


@pytest.mark.parametrize(
    ("config", "environ", "usual", "exporters", "folders"),
    [
        ({}, {}, ("json",), 1, {"json"}),
        ({"recording.output.formats": ["prometheus"]}, {}, ("json",), 1, {"prometheus"}),
        ({"recording.output.formats": ["prometheus", "csv"]}, {}, ("json",), 2, {"prometheus", "csv"}),
        ({"recording.output.formats": ["json"]}, {"FIRSTLIGHT_DATA_DIR": "lake"}, ("json",), 2, {"json"}),
        ({"recording.enabled": False}, {}, ("json",), 0, set()),
    ],
)
def test_it_is_configured_as_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config, environ, usual, exporters: int, folders: set[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    telemetry, watch = build(environ={}), Watch()
    names = {"output.events_metric": "seen_events_total", "output.duration_metric": "seen_duration_ms"}
    given = {"telemetry": telemetry, "watch": watch, "config": config, "environ": environ}
    _, count = configure_watched(**given, usual={**names, "output.formats": usual} if usual else names)
    telemetry.log_event("a", "b", "c")
    assert telemetry.shutdown()
    found = {path.name for path in (tmp_path / "runtime" / "telemetry").glob("*")}
    assert (count, found) == (exporters, folders)
    assert (tmp_path / "lake").exists() == bool(environ)
    assert ("a" in watch.subsystems()) == bool(exporters)
    if "prometheus" in folders:
        (state,) = (tmp_path / "runtime" / "telemetry" / "prometheus").glob("*.prom")
        assert 'seen_events_total{component="b",level="INFO",subsystem="a"} 1' in state.read_text()


@pytest.mark.parametrize(
    ("arguments", "said", "count"),
    [
        ({}, False, 1),
        ({"output.formats": ["json", "lake"], "data": "lake"}, True, 2),
        ({"endpoint": "http://127.0.0.1:9", "output.formats": ["otlp", "csv"]}, True, 2),
        ({"scrape.port": 9464}, True, 1),
        ({"influx.endpoint": "http://127.0.0.1:8086", "output.formats": ["json"]}, True, 2),
    ],
)
def test_every_place_counts_as_one_exporter(arguments: dict[str, object], said: bool, count: int) -> None:
    settings = recording(arguments, environ={}).settings.recording
    assert (is_said(settings), len(places_of(settings))) == (said, count)


def test_a_wrong_setting_is_refused() -> None:
    telemetry = build(environ={})
    with pytest.raises(ConfigError, match="profile"):
        configure_watched(telemetry, Watch(), profile="fast", environ={})
    telemetry.shutdown()


def test_the_machine_is_measured_where_psutil_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure = machine(tmp_path / "not" / "yet")
    found = measure()
    assert set(found) == {"memory", "disk"}
    assert all(0 < ratio <= 1 for ratio in found.values())
    monkeypatch.setattr("firstlight.app.process_health.resources.LEAST_CPU_S", 0.0)
    assert 0 <= measure()["cpu"] <= 1
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert machine(tmp_path)() == {}
