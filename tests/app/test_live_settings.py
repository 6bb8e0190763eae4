import threading

import pytest

from firstlight.app.live_settings import LIVE, redactor_by
from firstlight.app.settings import LEAVES, recording
from firstlight.app.telemetry import build, configure, update_settings
from firstlight.errors import ConfigError, UsageError
from firstlight.export.memory import MemoryExporter
from firstlight.model import Level
from firstlight.sdk.client import Telemetry
from firstlight.sdk.delivery import Delivery, Limits
from firstlight.sdk.flow.ledger import Ledger
from firstlight.sdk.metrics.histogram import Histogram
from firstlight.sdk.volume import Volume


def recorder(memory: MemoryExporter, **arguments: object) -> Telemetry:
    telemetry = build(Limits(linger_s=0.0), {})
    return configure("shop", exporter=memory, telemetry=telemetry, environ={}, **arguments)


def test_levels_change_at_once() -> None:
    memory = MemoryExporter()
    telemetry = recorder(memory)
    log = telemetry.scope("pulse.scup")
    log.debug("before")
    update_settings({"recording.level": "warn", "recording.levels": {"pulse": "debug"}}, telemetry)
    log.debug("in pulse")
    telemetry.event("elsewhere")
    update_settings({"recording": {"subsystems": {"pulse": {"enabled": False}}}}, telemetry)
    log.error("switched off")
    update_settings({"recording": {"subsystems": {"pulse": {"enabled": True, "level": "error"}}}}, telemetry)
    log.info("too quiet")
    log.error("on again")
    update_settings({"recording.level": "off"}, telemetry)
    telemetry.scope("other").critical("silence")
    telemetry.shutdown()
    assert [event.name for event in memory.events] == ["in pulse", "on again"]


def test_rules_of_volume_change_at_once() -> None:
    telemetry = recorder(MemoryExporter(), config={"recording": {"limits": {"site_rate_per_s": 5}}})
    assert telemetry.volume.site_rate_per_s == 5
    changes = {
        "recording.sampling": {"trace_ratio": 0.5, "event_ratios": {"orders": 0.1}},
        "recording.subsystems": {"pulse": {"sample_ratio": 0.25}},
        "recording.buffer.when_full": "drop_oldest",
    }
    update_settings(changes, telemetry)
    assert (telemetry.volume.trace_ratio, telemetry.volume.site_rate_per_s) == (0.5, 5)
    assert telemetry.volume.event_ratios == {"orders": 0.1, "pulse": 0.25}
    assert telemetry.volume.when_full == "drop_oldest"
    telemetry.shutdown()


def test_what_was_not_changed_stays_as_the_program_has_set_it() -> None:
    rules = Volume(trace_ratio=0.5, site_rate_per_s=7, event_ratios={"orders": 0.5})
    telemetry = recorder(MemoryExporter(), level="error", volume=rules)
    telemetry.set_level(Level.DEBUG)
    telemetry.integrate_subsystem("memory", config={"sample_ratio": 0.25, "enabled": False})
    update_settings({"recording.limits.overhead_ratio": 0.1}, telemetry)
    ratios = {"orders": 0.5, "memory": 0.25}
    assert telemetry.volume == Volume(trace_ratio=0.5, site_rate_per_s=7, event_ratios=ratios, overhead_ratio=0.1)
    assert telemetry.threshold("") == Level.DEBUG
    assert telemetry.threshold("memory") > Level.CRITICAL
    telemetry.shutdown()


def test_limits_change_without_losing_a_record() -> None:
    memory = MemoryExporter()
    telemetry = recorder(memory)
    ended = threading.Event()

    def record() -> None:
        for number in range(3000):
            telemetry.event("step", number=number)
        ended.set()

    thread = threading.Thread(target=record)
    thread.start()
    for interval_s in (3.0, 2.0, 1.0):
        update_settings(
            {"recording.metrics.interval_s": interval_s, "recording.buffer.flush_interval_s": 0.0}, telemetry
        )
    thread.join()
    assert ended.is_set()
    assert telemetry.shutdown()
    assert [event.attributes["number"] for event in memory.events] == list(range(3000))
    assert telemetry.limits.report_interval_s == 1.0


def test_limits_change_without_a_new_exporter() -> None:
    memory = MemoryExporter()
    telemetry = recorder(memory)
    telemetry.event("first")
    assert telemetry.flush()
    sink = telemetry._sink
    update_settings({"recording.buffer.flush_interval_s": 60.0, "recording.buffer.max_records": 7}, telemetry)
    assert telemetry._sink is sink
    assert (telemetry.limits.linger_s, telemetry.limits.high_water) == (60.0, 7)
    telemetry.event("second")
    assert telemetry.flush()
    assert [event.name for event in memory.events] == ["first", "second"]
    telemetry.shutdown()


def test_instruments_made_while_switched_off_work_once_it_is_on_again() -> None:
    memory = MemoryExporter()
    telemetry = recorder(memory, enabled=False)
    paid, waits = telemetry.counter("paid_total"), telemetry.histogram("pay_seconds")
    paid.inc()
    waits.observe(1.0)
    update_settings({"recording.enabled": True}, telemetry)
    paid.inc()
    waits.observe(2.0)
    assert telemetry.shutdown()
    assert memory.latest("paid_total", "value") == {(): 1.0}
    assert memory.latest("pay_seconds", "sum") == {(): 2.0}


def test_switched_off_and_on_again() -> None:
    memory = MemoryExporter()
    telemetry = recorder(memory)
    telemetry.event("first")
    update_settings({"recording.enabled": False}, telemetry)
    telemetry.event("unheard")
    with telemetry.span("unheard"):
        pass
    update_settings({"recording.enabled": True}, telemetry)
    telemetry.event("second")
    telemetry.shutdown()
    assert [event.name for event in memory.events] == ["first", "second"]
    assert memory.spans == []


def test_disabled_from_the_start_nothing_is_started() -> None:
    before = set(threading.enumerate())
    telemetry = build(environ={"FIRSTLIGHT_RECORDING_ENABLED": "false"})
    configure("shop", data="/no/such/place", telemetry=telemetry, environ={"OTEL_SDK_DISABLED": "true"})
    telemetry.counter("paid_total").inc()
    telemetry.histogram("pay_seconds").observe(1.0)
    telemetry.event("unheard")
    with telemetry.span("unheard"):
        pass
    assert set(threading.enumerate()) == before
    assert telemetry.flush()
    assert telemetry.shutdown()
    assert telemetry.counts() == Ledger().counts()
    assert not any(line._observed for line in telemetry.registry.lines() if isinstance(line, Histogram))


@pytest.mark.parametrize("path", sorted(LEAVES.keys() - set(LIVE)))
def test_other_settings_are_refused_by_name(path: str) -> None:
    telemetry = recorder(MemoryExporter())
    with pytest.raises(ConfigError, match="cannot change") as raised:
        update_settings({path: LEAVES[path].default or 1, "recording.level": "error"}, telemetry)
    assert raised.value.path == path
    assert telemetry.threshold("") == Level.INFO
    telemetry.shutdown()


@pytest.mark.parametrize(
    "changes",
    [{"recording.levl": "debug"}, {"recording.level": "loudly"}, {"recording.levels": {"a": "loudly"}}],
)
def test_a_wrong_change_changes_nothing(changes: dict[str, object]) -> None:
    telemetry = recorder(MemoryExporter())
    with pytest.raises(ConfigError):
        update_settings({"recording.sampling.trace_ratio": 0.5, **changes}, telemetry)
    assert telemetry.volume.trace_ratio == 1.0
    telemetry.shutdown()


def test_a_recorder_without_settings_has_none_to_change() -> None:
    bare = Telemetry(Delivery(lambda _: MemoryExporter(), lambda: None))
    with pytest.raises(UsageError):
        update_settings({"recording.level": "debug"}, bare)


def test_what_is_not_heeded_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    telemetry = build(environ={"OTEL_TRACES_SAMPLER": "jaeger_remote", "FIRSTLIGHT_NONSENSE": "1"})
    configure("shop", exporter=MemoryExporter(), telemetry=telemetry, environ={"OTEL_TRACES_SAMPLER": "jaeger_remote"})
    telemetry.shutdown()
    assert caplog.text.count("jaeger_remote") == 1
    assert "FIRSTLIGHT_NONSENSE" in caplog.text


def test_redaction_is_as_the_settings_have_it() -> None:
    given = {
        "redaction.emails": True,
        "redaction.names": ["customer"],
        "redaction.allow": ["token_hint"],
        "redaction.patterns": {"order": "ORD-[0-9]+"},
        "redaction.pseudonyms": ["email"],
        "redaction.pseudonym_key": "a secret",
    }
    policy = redactor_by(recording(given, environ={}).settings.recording).policy
    assert (policy.enabled, policy.cards, policy.emails, policy.ibans) == (True, True, True, False)
    assert (policy.names, policy.allowed, policy.pseudonyms) == ({"customer"}, {"token_hint"}, {"email"})
    assert (policy.patterns, policy.pseudonym_key) == ({"order": "ORD-[0-9]+"}, b"a secret")
