import gc
import threading
from collections.abc import Iterator

import pytest

from firstlight.sdk.flow.alarm import Alarm


@pytest.fixture
def watched() -> Iterator[tuple[list[object], list[int], Alarm]]:
    records: list[object] = []
    seen: list[int] = []
    alarm = Alarm(records, 5000, seen.append)
    alarm.start()
    yield records, seen, alarm
    alarm.stop()


def test_it_rings_when_records_pile_up_and_not_before(watched: tuple[list[object], list[int], Alarm]) -> None:
    records, seen, alarm = watched
    records += [(number, {}) for number in range(4000)]
    gc.collect(0)
    assert not alarm.wait(0.0)

    def record() -> None:
        for number in range(20_000):
            records.append((number, [number]))

    threading.Thread(target=record).start()
    assert alarm.wait(10)
    assert seen[0] > 5000


def test_it_may_ring_while_nobody_waits_and_then_once(watched: tuple[list[object], list[int], Alarm]) -> None:
    _, _, alarm = watched
    alarm.ring()
    alarm.ring()
    assert alarm.wait(0.0)
    assert not alarm.wait(0.0)


def test_stopped_it_leaves_the_collector_alone(watched: tuple[list[object], list[int], Alarm]) -> None:
    _, _, alarm = watched
    before = len(gc.callbacks)
    alarm.stop()
    alarm.stop()
    assert len(gc.callbacks) == before - 1


def test_without_the_collector_it_says_that_it_is_of_no_use(watched: tuple[list[object], list[int], Alarm]) -> None:
    _, _, alarm = watched
    assert alarm.works()
    gc.disable()
    try:
        assert not alarm.works()
    finally:
        gc.enable()
