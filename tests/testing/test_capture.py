import pytest

import firstlight
from firstlight.export.memory import MemoryExporter
from firstlight.model import Level
from firstlight.testing import FakeClock, capture


@pytest.fixture(autouse=True, scope="module")
def _nobody_is_contacted() -> None:
    firstlight.configure(exporter=MemoryExporter())


def test_capture_sees_what_the_block_records_and_nothing_else() -> None:
    log = firstlight.scope("pulse")
    log.info("before")
    clock = FakeClock()
    with capture(clock=clock, level="debug") as captured:
        log.debug("inside", n=1)
        with log.span("work"):
            clock.advance(2)
        firstlight.counter("things_total", labels=("kind",)).labels("a").inc()
        assert [event.name for event in captured.events] == ["inside"]
        log.info("still inside")
    log.debug("after")
    log.info("after")
    assert [event.name for event in captured.events] == ["inside", "still inside"]
    assert captured.events[0].time_ns == FakeClock().time_ns
    assert captured.spans[0].end_ns - captured.spans[0].start_ns == 2_000_000_000
    assert captured.value("things_total", kind="a") == 1.0
    assert captured.value("things_total") is None
    assert firstlight.get().threshold("") == Level.INFO


def test_captures_nest_and_what_came_before_is_not_lost() -> None:
    log = firstlight.scope("pulse")
    with capture() as outer:
        log.info("one")
        with capture() as inner:
            log.info("two")
        log.info("three")
    assert [event.name for event in inner.events] == ["two"]
    assert [event.name for event in outer.events] == ["one", "three"]
