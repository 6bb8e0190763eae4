import threading
import time
import tracemalloc
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from firstlight.export.memory import MemoryExporter
from firstlight.model import Batch, Resource
from firstlight.sdk.client import Delivery, Limits, Telemetry
from firstlight.sdk.flow import sieve
from firstlight.sdk.flow.governor import BUSY_FACTOR, LEAST_FACTOR, LOOK_EVERY_NS, Governor
from firstlight.sdk.flow.ledger import Rows
from firstlight.sdk.tracing.remote import RemoteSpan
from firstlight.sdk.volume import Volume
from firstlight.testing import FakeClock


@contextmanager
def recording(volume: Volume, limits: Limits | None = None) -> Iterator[tuple[Telemetry, MemoryExporter]]:
    exporter = MemoryExporter()
    delivery = Delivery(lambda _: exporter, Resource)
    telemetry = Telemetry(delivery, limits or Limits(linger_s=0.0), now=FakeClock())
    telemetry.deliver(delivery)
    telemetry.set_volume(volume)
    try:
        yield telemetry, exporter
    finally:
        telemetry.shutdown()


def balanced(telemetry: Telemetry, exporter: MemoryExporter) -> bool:
    counts = telemetry.counts()
    lost = counts.dropped.values()
    return (counts.recorded.events, counts.recorded.spans) == (
        len(exporter.events) + sum(rows.events for rows in lost),
        len(exporter.spans) + sum(rows.spans for rows in lost),
    )


def test_events_are_thinned_by_scope_and_name_but_warnings_are_not() -> None:
    ratios = {"pulse": 0.1, "pulse:beat": 0.5, "pulse.core": 0.0}
    with recording(Volume(event_ratios=ratios)) as (telemetry, exporter):
        pulse, core, other = telemetry.scope("pulse.scup"), telemetry.scope("pulse.core"), telemetry.scope("other")
        root = telemetry.scope("pulse")
        for _ in range(100):
            pulse.info("tick")
            root.info("beat")
            core.info("never")
            core.warn("always")
            other.info("always")
        telemetry.flush()
        kept = Tally((event.subsystem, event.component, event.name) for event in exporter.events)
    assert kept == {
        ("pulse", "scup", "tick"): 10,
        ("pulse", "", "beat"): 50,
        ("pulse", "core", "always"): 100,
        ("other", "", "always"): 100,
    }
    assert balanced(telemetry, exporter)
    assert telemetry.counts().dropped == {"sampled": Rows(events=90 + 50 + 100)}


def test_traces_are_kept_whole_or_not_at_all() -> None:
    with recording(Volume(trace_ratio=0.3, keep_failed_traces=False)) as (telemetry, exporter):
        for _ in range(400):
            with telemetry.span("outer"), telemetry.span("inner"):
                pass
        telemetry.flush()
        sizes = Tally(span.trace_id for span in exporter.spans)
    assert set(sizes.values()) == {2}
    assert 80 < len(sizes) < 165
    assert balanced(telemetry, exporter)


def test_a_trace_decides_the_same_in_every_process() -> None:
    ids = [(f"{number:032x}"[::-1], "1" * 16) for number in range(1, 300)]
    kept = []
    for _ in range(2):
        with recording(Volume(trace_ratio=0.5, keep_failed_traces=False)) as (telemetry, exporter):
            for trace_id, _ in ids:
                with telemetry.span("work") as span:
                    span._ids = (trace_id, "2" * 16)
            telemetry.flush()
            kept.append([span.trace_id for span in exporter.spans])
    assert kept[0] == kept[1]


def test_the_caller_in_another_process_has_decided() -> None:
    with recording(Volume(trace_ratio=0.0, keep_failed_traces=False)) as (telemetry, exporter):
        log = telemetry.scope("web")
        for sampled in (True, False):
            parent = RemoteSpan(f"{sampled + 1:032x}", "1" * 16, sampled=sampled)
            with log.make_span("served", kind="server", parent=parent), log.span("inner"):
                pass
        telemetry.flush()
        assert [span.trace_id[-1] for span in exporter.spans] == ["2", "2"]


def test_a_caller_that_does_not_keep_its_trace_is_heeded_without_any_rule() -> None:
    with recording(Volume(keep_failed_traces=False)) as (telemetry, exporter):
        parent = RemoteSpan("1" * 32, "1" * 16, sampled=False)
        with telemetry.scope("web").make_span("served", kind="server", parent=parent):
            pass
        telemetry.flush()
        assert exporter.spans == []
        assert telemetry.counts().dropped == {"sampled": Rows(spans=1)}


def test_a_trace_with_a_failure_is_kept_whole() -> None:
    with recording(Volume(trace_ratio=0.0)) as (telemetry, exporter):
        for fails in (False, True):
            with telemetry.span("outer"):
                with telemetry.span("before"):
                    pass
                with telemetry.span("failing") as span:
                    if fails:
                        span.fail("no")
                with telemetry.span("after"):
                    pass
        telemetry.flush()
        assert [span.name for span in exporter.spans] == ["before", "failing", "after", "outer"]
        assert telemetry.counts().dropped == {"sampled": Rows(spans=4)}
        assert balanced(telemetry, exporter)


def test_traces_that_wait_for_their_fate_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sieve, "MAX_HELD_TRACES", 5)
    monkeypatch.setattr(sieve, "MAX_HELD_SPANS", 3)
    with recording(Volume(trace_ratio=0.0)) as (telemetry, exporter):
        log = telemetry.scope("a")
        open_ones = [log.span("root") for _ in range(20)]
        for one in open_ones:
            with one:
                for _ in range(2):
                    with log.span("child"):
                        pass
                telemetry.flush()
                assert len(telemetry.sieve._traces._held) <= 5
        with log.span("root"):
            for _ in range(10):
                with log.span("child"):
                    pass
            telemetry.flush()
            assert all(len(spans) <= 3 for _, spans in telemetry.sieve._traces._held.values())
    assert balanced(telemetry, exporter)


def test_a_site_has_its_rate() -> None:
    clock = FakeClock()
    with recording(Volume(site_rate_per_s=3)) as (telemetry, exporter):
        telemetry.front.clock(clock)
        for _ in range(2):
            for _ in range(10):
                telemetry.event("storm", level="error")
            telemetry.event("calm")
            clock.advance(1)
        telemetry.flush()
        assert Tally(event.name for event in exporter.events) == {"storm": 6, "calm": 2}
        assert telemetry.counts().dropped == {"rate_limited": Rows(events=14)}
        assert balanced(telemetry, exporter)


def test_recording_too_much_for_its_budget_sheds_what_may_be_shed() -> None:
    with recording(Volume(overhead_ratio=0.05)) as (telemetry, exporter):
        telemetry.sieve.factor = 0.25
        telemetry._drain.governor.factor = 0.25
        for _ in range(100):
            telemetry.event("quiet")
            telemetry.event("loud", level="error")
        telemetry.flush()
        assert Tally(event.name for event in exporter.events) == {"quiet": 25, "loud": 100}
        assert telemetry.counts().dropped == {"overload": Rows(events=75)}
        assert balanced(telemetry, exporter)


class Spending:
    """A governor whose time and costs a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, load_ratio: float = 0.0) -> None:
        self.spent_ns = 0
        self.now_ns = 0
        monkeypatch.setattr("firstlight.sdk.flow.governor.monotonic_ns", lambda: self.now_ns)
        self.governor = Governor(lambda: self.spent_ns, lambda: load_ratio)

    def second(self, ratio: float, volume: Volume) -> float:
        self.spent_ns += round(ratio * LOOK_EVERY_NS)
        self.now_ns += LOOK_EVERY_NS
        return self.governor.look(volume)


def test_the_governor_cuts_at_once_and_widens_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    spending, volume = Spending(monkeypatch), Volume(overhead_ratio=0.1)
    assert spending.second(0.09, volume) == 1.0
    assert spending.second(0.2, volume) == pytest.approx(0.45)
    assert spending.second(0.09, volume) == pytest.approx(0.45)
    for _ in range(20):
        least = spending.second(5.0, volume)
    assert least == LEAST_FACTOR
    factors = [spending.second(0.01, volume) for _ in range(30)]
    assert factors == sorted(factors)
    assert factors[0] < 0.03
    assert factors[-1] == 1.0
    assert spending.governor.overhead_ratio == pytest.approx(0.01)


def test_the_governor_spares_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    spending = Spending(monkeypatch, load_ratio=3.0)
    assert spending.second(0.0, Volume(busy_load_ratio=2.0)) == BUSY_FACTOR
    assert spending.second(0.0, Volume(busy_load_ratio=4.0)) == 1.0
    assert spending.second(0.9, Volume()) == 1.0


class Slow(MemoryExporter):
    """Takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def export(self, batch: Batch) -> None:
        assert self.go.wait(20)
        super().export(batch)


@contextmanager
def flooding(when_full: str, exporter: Slow, limits: Limits) -> Iterator[Telemetry]:
    delivery = Delivery(lambda _: exporter, Resource)
    telemetry = Telemetry(delivery, limits)
    telemetry.deliver(delivery)
    telemetry.set_volume(Volume(when_full=when_full))
    try:
        yield telemetry
    finally:
        exporter.go.set()
        telemetry.shutdown()


def flood(telemetry: Telemetry, threads: int, each: int) -> list[threading.Thread]:
    def run(number: int) -> None:
        info = telemetry.scope("flood").info
        for turn in range(each):
            info("drop", thread=number, turn=turn)

    started = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    return started


def test_a_host_that_may_wait_loses_nothing() -> None:
    exporter = Slow()
    with flooding("wait", exporter, Limits(high_water=1000, queue_rows=2000, linger_s=0.0)) as telemetry:
        threads = flood(telemetry, 4, 5000)
        deadline_s = time.monotonic() + 10
        while len(telemetry.front.records) < 900 and time.monotonic() < deadline_s:
            time.sleep(0.01)
        assert any(thread.is_alive() for thread in threads), "nobody waits"
        exporter.go.set()
        for thread in threads:
            thread.join()
        assert telemetry.flush(20)
        turns: dict[int, list[int]] = {}
        for event in exporter.events:
            turns.setdefault(event.attributes["thread"], []).append(event.attributes["turn"])
        assert turns == {number: list(range(5000)) for number in range(4)}
        assert not telemetry.counts().dropped


def test_the_oldest_go_and_are_counted_exactly() -> None:
    exporter = Slow()
    with flooding("drop_oldest", exporter, Limits(high_water=500, queue_rows=2000, linger_s=0.0)) as telemetry:
        for thread in flood(telemetry, 4, 20_000):
            thread.join()
        assert len(telemetry.front.records) <= 500
        exporter.go.set()
        assert telemetry.flush(20)
        counts = telemetry.counts()
        assert counts.recorded.events == 80_000 == len(exporter.events) + sum(r.events for r in counts.dropped.values())
        assert counts.dropped.keys() <= {"front_full", "queue_full"}
        newest = max(event.attributes["turn"] for event in exporter.events)
        assert newest == 19_999


def test_a_waiting_declared_event_takes_at_most_200_bytes() -> None:
    with recording(Volume(), Limits(high_water=10**6)) as (telemetry, _):
        telemetry.event("first")
        telemetry.flush()
        telemetry._drain.stop()
        assert telemetry._sink is not None
        assert telemetry._sink.close(20)
        telemetry.front.clock(time.time_ns)
        moved = telemetry.scope("pulse").declare("moved", "from_zone", "to_zone", "scup")
        tracemalloc.start()
        try:
            for number in range(10_000):
                moved("green", "amber", number / 3)
            taken_bytes, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(telemetry.front.records) == 10_000
        assert taken_bytes <= 200 * 10_000
