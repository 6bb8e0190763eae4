from collections.abc import Iterator

import pytest

from firstlight.errors import UsageError
from firstlight.export.memory import MemoryExporter
from firstlight.model import Event, Level, Resource
from firstlight.model import Span as SpanRow
from firstlight.sdk import subsystems
from firstlight.sdk.client import Delivery, Telemetry
from firstlight.testing import Capture, capture


@pytest.fixture
def captured(telemetry: Telemetry) -> Iterator[Capture]:
    with capture(telemetry=telemetry, level="debug") as found:
        yield found


def test_an_event_names_its_place(telemetry: Telemetry, captured: Capture) -> None:
    data = {"from_zone": "green", "body": "not a sentence", "name": "x"}
    telemetry.log_event("pulse", "scup.controller", "zone_transition", Level.WARN, data, tick_id=42337)
    data["from_zone"] = "changed"
    telemetry.log_event("pulse", "", "started", "debug")
    first, second = captured.events
    assert (first.subsystem, first.component, first.name, first.level) == (
        "pulse",
        "scup.controller",
        "zone_transition",
        13,
    )
    assert first.attributes == {"from_zone": "green", "body": "not a sentence", "name": "x", "tick_id": 42337}
    assert (second.subsystem, second.component, second.level, second.attributes) == ("pulse", "", 5, {})


def test_what_cannot_be_understood_is_said_and_recorded_all_the_same(telemetry: Telemetry, captured: Capture) -> None:
    telemetry.troubles._raise_errors = False
    telemetry.log_event("a", "b", "odd_level", "loudest")
    telemetry.log_event("a", "b", "odd_data", Level.INFO, 7)
    telemetry.log_event("a", "b", "odd_key", Level.INFO, {1: 2})
    telemetry.log_performance("a", "b", "odd", "soon")
    names = [(event.name, event.level, event.attributes) for event in captured.events]
    assert names == [("odd_level", 9, {}), ("odd_data", 9, {"data": 7}), ("odd_key", 9, {"1": 2})]
    assert telemetry.counts().misuses == 3


def test_levels_of_a_subsystem_hold_for_calls_made_before(telemetry: Telemetry, captured: Capture) -> None:
    for _ in range(2):
        telemetry.log_event("pulse", "core", "quiet", Level.DEBUG)
        telemetry.set_level(Level.INFO, "pulse")
    assert len(captured.events) == 1


def test_a_subsystem_has_its_own_switch_level_and_share(telemetry: Telemetry, captured: Capture) -> None:
    telemetry.integrate_subsystem("memory", ["fractal"], {"enabled": False})
    telemetry.log_event("memory", "fractal", "lost", Level.CRITICAL)
    with telemetry.performance("memory", "fractal", "lost"):
        telemetry.scope("memory.fractal").error("lost")
    telemetry.integrate_subsystem("memory", config={"enabled": True, "min_level": "warn"})
    telemetry.log_event("memory", "fractal", "lost", Level.INFO)
    telemetry.log_event("memory", "fractal", "kept", Level.WARN)
    telemetry.integrate_subsystem("pulse", config={"sample_ratio": 0.25})
    for number in range(8):
        telemetry.log_event("pulse", "core", "tick", data={"number": number})
    assert [event.name for event in captured.events] == ["kept", "tick", "tick"]
    assert captured.spans == []
    counts = telemetry.counts()
    assert counts.dropped["filtered"].spans == 1
    assert counts.dropped["sampled"].events == 6


@pytest.mark.parametrize("config", [{"enabeld": True}, {"sample_ratio": 2}, {"sample_ratio": "x"}, {"min_level": "no"}])
def test_a_wrong_configuration_is_refused(telemetry: Telemetry, config: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        telemetry.integrate_subsystem("pulse", [], config)


def test_performance_contexts_nest_and_record_success(telemetry: Telemetry, captured: Capture) -> None:
    def encode() -> None:
        with telemetry.performance("memory", "fractal", "encode", size=1) as outer:
            outer.add_metadata("data_size_mb", 12.5)
            with telemetry.performance("memory", "store", "write"):
                pass
            telemetry.log_performance("memory", "disk", "sync", 0.25, success=False, data={"bytes": 7})
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        encode()
    write, sync, outer = captured.spans
    assert outer.attributes == {"size": 1, "data_size_mb": 12.5}
    assert (outer.status, write.status, sync.status) == ("error", "unset", "error")
    assert {write.parent_id, sync.parent_id} == {outer.span_id}
    assert (sync.name, sync.component, sync.end_ns - sync.start_ns) == ("sync", "disk", 250_000_000)
    assert captured.value("sync_seconds", "sum") == 0.25


def test_rows_of_another_recorder_pass_through(telemetry: Telemetry, captured: Capture) -> None:
    event, span = Event(1, "theirs", 9, "their", "scope"), SpanRow(1, 2, "op", "1" * 32, "2" * 16)
    telemetry.hand_over(event, span)
    assert captured.events == [event]
    assert captured.spans == [span]
    assert telemetry.counts().recorded[:2] == (1, 1)


def test_places_are_bounded(telemetry: Telemetry, captured: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subsystems, "MAX_PLACES", 3)
    telemetry.troubles._raise_errors = False
    for number in range(6):
        telemetry.log_event(f"made up {number}", "x", "event")
    assert [event.subsystem for event in captured.events][:3] == [f"made up {number}" for number in range(3)]
    assert {event.subsystem for event in captured.events[3:]} == {"other"}
    assert len(telemetry._places) == 4


def test_it_can_be_stopped_and_started_again() -> None:
    exporter = MemoryExporter()
    with Telemetry(Delivery(lambda _: exporter, Resource)) as telemetry:
        telemetry.event("first")
    assert exporter.closed
    telemetry.event("lost")
    telemetry.start()
    telemetry.event("second")
    assert telemetry.stop()
    assert [event.name for event in exporter.events] == ["first", "second"]
    assert telemetry.counts().dropped["closed"].events == 1
