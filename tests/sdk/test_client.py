import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Signal
from threading import Thread

import pytest

from firstlight.errors import FirstlightError, NotReachable, Unavailable, UsageError
from firstlight.export.memory import MemoryExporter
from firstlight.model import Batch, Level, Resource
from firstlight.sdk.client import Delivery, Limits, Telemetry
from firstlight.sdk.flow.ledger import Rows
from firstlight.sdk.tracing.context import current_span
from firstlight.testing import FakeClock

QUICK = Limits(linger_s=0.01, exit_s=2.0)


def delivery_to(exporter: object) -> Delivery:
    return Delivery(lambda _: exporter, lambda: Resource("shop", "session", "box", 1))


@contextmanager
def recording(exporter: object, limits: Limits = QUICK, **options: object) -> Iterator[Telemetry]:
    telemetry = Telemetry(delivery_to(exporter), limits, **options)
    telemetry.deliver(delivery_to(exporter))
    try:
        yield telemetry
    finally:
        telemetry.shutdown(2.0)


class Failing:
    """Fails as told; keeps what it took before."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.kept = MemoryExporter()

    def export(self, batch: Batch) -> None:
        if self.error is not None:
            raise self.error
        self.kept.export(batch)

    def close(self) -> None:
        pass


class Blocked:
    """Takes nothing until it is let go."""

    def __init__(self) -> None:
        self.entered = Signal()
        self.let_go = Signal()
        self.kept = MemoryExporter()

    def export(self, batch: Batch) -> None:
        self.entered.set()
        self.let_go.wait(10)
        self.kept.export(batch)

    def close(self) -> None:
        pass


def test_an_event_carries_what_was_said() -> None:
    memory = MemoryExporter()
    clock = FakeClock()
    with recording(memory, now=clock) as telemetry:
        log = telemetry.scope("pulse.scup.zone")
        log.error("zone_transition", name="a field called name", body="It turned amber.", value=0.742)
        assert telemetry.flush()
    (event,) = memory.events
    assert (event.name, event.level, event.subsystem, event.component) == ("zone_transition", 17, "pulse", "scup.zone")
    assert (event.body, event.time_ns) == ("It turned amber.", clock.time_ns)
    assert event.attributes == {"name": "a field called name", "value": 0.742}
    assert memory.batches[0].resource.service == "shop"


def test_a_declared_event_takes_its_values_by_position() -> None:
    memory = MemoryExporter()
    with recording(memory) as telemetry:
        log = telemetry.scope("pulse")
        zone = log.declare("zone_transition", "from_zone", "to_zone", level="warn")
        assert log.declare("zone_transition", "from_zone", "to_zone", level="warn") is zone
        zone("green", "amber")
        telemetry.flush()
    (event,) = memory.events
    assert (event.name, event.level, event.attributes) == (
        "zone_transition",
        13,
        {"from_zone": "green", "to_zone": "amber"},
    )


def test_events_keep_their_order() -> None:
    memory = MemoryExporter()
    with recording(memory) as telemetry:
        log = telemetry.scope("a")
        for number in range(5000):
            log.info("step", number=number)
        telemetry.flush()
    assert [event.attributes["number"] for event in memory.events] == list(range(5000))


def test_nothing_is_lost_while_many_threads_record_and_the_drain_runs() -> None:
    memory = MemoryExporter()
    threads, each = 6, 8_000
    with recording(memory, Limits(linger_s=0.0, queue_rows=10**7, high_water=10**7)) as telemetry:
        log = telemetry.scope("a")
        hits, amounts = telemetry.counter("hits_total"), telemetry.counter("amounts_total")
        sizes, level = telemetry.histogram("sizes", buckets=(1.0, 2.0)), telemetry.gauge("level")

        def work(thread: int) -> None:
            for number in range(each):
                log.info("step", thread=thread, number=number)
                hits.inc()
                amounts.add(2)
                sizes.observe(1.5)
                level.inc()

        workers = [Thread(target=work, args=(thread,)) for thread in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert telemetry.flush(30)
        assert telemetry.counts().exported.events == telemetry.counts().recorded.events == threads * each
    for thread in range(threads):
        mine = [event.attributes["number"] for event in memory.events if event.attributes["thread"] == thread]
        assert mine == list(range(each))
    assert memory.latest("hits_total") == {(): threads * each}
    assert memory.latest("amounts_total") == {(): 2 * threads * each}
    assert memory.latest("sizes", "count") == {(): threads * each}
    assert memory.latest("sizes", "sum") == {(): 1.5 * threads * each}
    assert memory.latest("level") == {(): threads * each}


def test_levels_are_obeyed_by_functions_that_were_kept() -> None:
    memory = MemoryExporter()
    with recording(memory) as telemetry:
        pulse, other = telemetry.scope("pulse.scup"), telemetry.scope("pulsar")
        debug, declared = pulse.debug, pulse.declare("tick", "n", level="debug")
        debug("no")
        declared(0)
        assert not pulse.debug_on
        telemetry.set_level(Level.DEBUG, "pulse")
        debug("yes")
        declared(1)
        other.debug("no")
        assert pulse.debug_on
        assert not other.debug_on
        telemetry.set_level(Level.ERROR)
        pulse.info("yes")
        other.warn("no")
        telemetry.scope("made later").warn("no")
        telemetry.flush()
    assert [event.name for event in memory.events] == ["yes", "tick", "yes"]


def test_a_blocked_exporter_costs_the_oldest_records_and_each_is_counted() -> None:
    exporter = Blocked()
    total = 20_000
    with recording(exporter, Limits(queue_rows=2000, linger_s=0.0)) as telemetry:
        log = telemetry.scope("a")
        log.info("step", number=-1)
        telemetry._drain.tick()
        assert exporter.entered.wait(5)
        for number in range(total):
            log.info("step", number=number)
            if number % 1000 == 0:
                telemetry._drain.tick()
        telemetry._drain.tick()
        assert telemetry.counts().dropped["queue_full"].events >= total - 2000
        exporter.let_go.set()
        assert telemetry.flush()
        counts = telemetry.counts()
    dropped = counts.dropped["queue_full"].events
    numbers = [event.attributes["number"] for event in exporter.kept.events]
    assert numbers == [-1, *range(dropped, total)]
    assert counts.recorded.events == total + 1 == counts.exported.events + counts.dropped["queue_full"].events


def test_a_flood_is_sampled_and_counted_and_warnings_get_through() -> None:
    exporter = MemoryExporter()
    with recording(exporter, Limits(high_water=1000, linger_s=0.0)) as telemetry:
        telemetry._start()
        telemetry._drain.stop()
        log = telemetry.scope("a")
        info = log.info
        for _ in range(1500):
            info("before")
        telemetry._drain._bounded()
        for _ in range(1600):
            info("flood")
            with log.span("work"):
                pass
        log.warning("loud")
        telemetry.flush()
        info("after")
        telemetry.flush()
        counts = telemetry.counts()
    names = [event.name for event in exporter.events]
    assert "loud" in names
    assert names[-1] == "after"
    sampled = counts.dropped["backlog"]
    assert sampled.events + sampled.spans == 3200 - 200
    lost = list(counts.dropped.values())
    assert counts.recorded.events == 1500 + 1600 + 2 == len(names) + sum(rows.events for rows in lost)
    assert counts.recorded.spans == 1600 == len(exporter.spans) + sum(rows.spans for rows in lost)


def test_the_front_never_keeps_more_than_twice_its_mark() -> None:
    exporter = MemoryExporter()
    with recording(exporter, Limits(high_water=1000, linger_s=0.0)) as telemetry:
        telemetry._start()
        telemetry._drain.stop()
        log = telemetry.scope("a")
        for number in range(5000):
            log.info("step", number=number)
        telemetry.flush()
        counts = telemetry.counts()
    assert [event.attributes["number"] for event in exporter.events] == list(range(3000, 5000))
    assert counts.dropped == {"front_full": Rows(events=3000)}


@pytest.mark.parametrize("error", [ValueError("bug"), FirstlightError("refused"), Unavailable("later", 0.0)])
def test_a_failing_exporter_is_never_the_hosts_problem(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    exporter = Failing(error)
    with recording(exporter, raise_errors=False) as telemetry:
        log = telemetry.scope("a")
        for _ in range(3):
            log.info("step")
            telemetry.flush(0.05)
        assert telemetry.counts().export_errors > 0
        exporter.error = None
        log.info("last")
        assert telemetry.flush(5)
        counts = telemetry.counts()
    lost = sum(rows.events for rows in counts.dropped.values())
    assert counts.recorded.events == 4 == counts.exported.events + lost
    assert lost == (0 if isinstance(error, Unavailable) else 3)
    assert len([record for record in caplog.records if record.name == "firstlight"]) == 1


def test_a_test_hears_of_an_exporters_fault() -> None:
    exporter = Failing(ValueError("bug"))
    with recording(exporter) as telemetry:
        telemetry.event("step")
        with pytest.raises(ValueError, match="bug"):
            telemetry.flush()
        exporter.error = None


def test_the_end_does_not_wait_for_a_receiver_that_is_away() -> None:
    exporter = Failing(NotReachable("away"))
    with recording(exporter, Limits(linger_s=0.0, exit_s=600.0)) as telemetry:
        telemetry.scope("a").info("step")
        assert not telemetry.shutdown(600.0)
        assert telemetry.counts().dropped["undelivered"].events == 1


def test_records_after_the_end_are_counted_as_lost_until_delivery_is_set_again() -> None:
    memory = MemoryExporter()
    with recording(memory) as telemetry:
        log = telemetry.scope("a")
        log.info("one")
        assert telemetry.shutdown()
        log.info("two")
        with log.span("late"):
            pass
        assert telemetry.counts().dropped["closed"] == Rows(events=1, spans=1)
        telemetry.deliver(delivery_to(memory))
        log.info("three")
        assert telemetry.flush()
    assert [event.name for event in memory.events] == ["one", "three"]


def test_after_the_end_instruments_that_are_still_used_take_no_memory() -> None:
    with recording(MemoryExporter()) as telemetry:
        sizes = telemetry.histogram("sizes")
        observe = sizes.observe
        assert telemetry.shutdown()
        for _ in range(1000):
            observe(1.0)
        telemetry._drain.tick()
        assert not sizes._observed
        assert telemetry._drain.thread is not None
        assert telemetry._drain.thread.is_alive()


def test_the_fallback_waits_for_a_program_that_says_where() -> None:
    fallback, memory = MemoryExporter(), MemoryExporter()
    telemetry = Telemetry(delivery_to(fallback), QUICK)
    telemetry.scope("a").info("early")
    telemetry._drain.tick()
    telemetry.deliver(delivery_to(memory))
    telemetry.scope("a").info("late")
    assert telemetry.shutdown()
    assert [event.name for event in memory.events] == ["early", "late"]
    assert not fallback.events


def test_without_a_word_records_go_to_the_fallback() -> None:
    fallback = MemoryExporter()
    telemetry = Telemetry(delivery_to(fallback), QUICK)
    telemetry.scope("a").info("one")
    assert telemetry.shutdown()
    assert [event.name for event in fallback.events] == ["one"]


def test_a_changed_delivery_leaves_nothing_behind() -> None:
    first, second = MemoryExporter(), MemoryExporter()
    with recording(first) as telemetry:
        telemetry.scope("a").info("one")
        telemetry.deliver(delivery_to(second))
        telemetry.scope("a").info("two")
        telemetry.flush()
    assert [event.name for event in first.events] == ["one"]
    assert first.closed
    assert [event.name for event in second.events] == ["two"]


def test_events_and_child_spans_belong_to_the_span_around_them_also_in_asyncio() -> None:
    memory = MemoryExporter()
    with recording(memory) as telemetry:
        log = telemetry.scope("a")

        @log.span("child", kind="inner")
        async def child(number: int) -> int:
            await asyncio.sleep(0)
            log.info("step", number=number)
            return number

        async def main() -> None:
            with log.span("root"):
                assert await asyncio.gather(*(child(number) for number in range(5))) == [0, 1, 2, 3, 4]

        asyncio.run(main())
        assert current_span() is None
        telemetry.flush()
    root = next(span for span in memory.spans if span.name == "root")
    children = {span.span_id: span for span in memory.spans if span.name == "child"}
    assert len(children) == 5
    assert root.parent_id == ""
    assert {span.parent_id for span in children.values()} == {root.span_id}
    assert {span.trace_id for span in memory.spans} == {root.trace_id}
    assert {event.span_id for event in memory.events} == set(children)
    assert memory.latest("child_seconds", "count") == {(): 5.0}


def test_misuse_raises_under_pytest_and_is_only_counted_elsewhere(caplog: pytest.LogCaptureFixture) -> None:
    memory = MemoryExporter()
    with recording(memory) as telemetry, pytest.raises(UsageError, match=r"requests_total has labels"):
        telemetry.counter("requests_total", labels=("method",)).inc()
    with recording(memory, raise_errors=False) as telemetry, caplog.at_level(logging.WARNING):
        family = telemetry.counter("requests_total", labels=("method",))
        family.inc()
        family.labels("GET", "surplus").inc()
        telemetry.event("odd", level="loudly")
        telemetry.flush()
        assert telemetry.counts().misuses == 3
    assert memory.events[-1].level == Level.INFO
    assert len(caplog.records) == 1


def test_a_record_that_cannot_be_understood_does_not_take_others_with_it() -> None:
    memory = MemoryExporter()
    with recording(memory, raise_errors=False) as telemetry:
        zone = telemetry.scope("a").declare("zone", "one", "two")
        zone("only one")
        zone(1, 2)
        telemetry.flush()
        assert telemetry.counts().dropped == {"invalid": Rows(events=1)}
    assert [event.attributes for event in memory.events] == [{"one": 1, "two": 2}]
    with recording(memory, raise_errors=True) as telemetry:
        telemetry.scope("a").declare("zone", "one", "two")("only one")
        with pytest.raises(ValueError, match="zip"):
            telemetry.flush()


def test_own_counters_are_reported() -> None:
    memory = MemoryExporter()
    with recording(memory) as telemetry:
        telemetry.scope("a").info("one")
        telemetry.flush()
        telemetry.flush()
    signal = (("signal", "events"),)
    assert memory.latest("firstlight_sdk_recorded_total")[signal] == 1
    assert memory.latest("firstlight_sdk_exported_total")[signal] == 1


@pytest.mark.parametrize("use", [lambda t: t.scope("a"), lambda t: t.flush(), lambda t: t.shutdown()])
def test_nobody_is_contacted_when_nothing_was_recorded(use: Callable[[Telemetry], object]) -> None:
    asked = []
    delivery = Delivery(lambda _: asked.append(1) or MemoryExporter(), Resource)
    telemetry = Telemetry(delivery, QUICK)
    use(telemetry)
    assert telemetry.shutdown()
    assert not asked
