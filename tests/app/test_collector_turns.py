import asyncio
import os
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.app.collector.turns import Turns, next_due_s
from firstlight.errors import UsageError


class Counted:
    """Turns that count themselves."""

    def __init__(self, interval_s: float = 0.005, fails: bool = False) -> None:
        self.taken = 0
        self.errors: list[Exception] = []
        self.fails = fails
        self.changed = threading.Event()
        self.turns = Turns("counted", interval_s, self.take, self.errors.append)

    async def take(self) -> None:
        self.taken += 1
        self.changed.set()
        if self.fails:
            raise ValueError("this one")

    async def until(self, more: int) -> None:
        end_s, taken = time.monotonic() + 10, self.taken + more
        while self.taken < taken:
            assert time.monotonic() < end_s
            await asyncio.sleep(0.002)


@given(
    due_s=st.floats(0, 1e6),
    late_s=st.floats(0, 1e4),
    interval_s=st.floats(0.01, 1e3),
)
def test_the_next_turn_is_on_the_beat_and_not_in_the_past(due_s: float, late_s: float, interval_s: float) -> None:
    found = next_due_s(due_s, due_s + late_s, interval_s)
    beats = (found - due_s) / interval_s
    assert beats == pytest.approx(round(beats), abs=1e-3)
    assert due_s + late_s - 1e-6 <= found <= due_s + late_s + interval_s + 1e-6


def test_a_turn_that_is_late_does_not_shift_those_after_it() -> None:
    assert next_due_s(100.0, 100.0, 30.0) == 130.0
    assert next_due_s(130.0, 131.5, 30.0) == 160.0
    assert next_due_s(160.0, 255.0, 30.0) == 280.0
    assert next_due_s(160.0, 190.0, 30.0) == 220.0


def test_it_begins_ends_and_begins_again() -> None:
    counted = Counted()

    async def main() -> None:
        await counted.turns.start()
        await counted.turns.start()
        assert counted.turns.running
        assert counted.turns.loop is asyncio.get_running_loop()
        await counted.until(3)
        await counted.turns.stop()
        await counted.turns.stop()
        assert not counted.turns.running
        assert counted.turns.loop is None
        taken = counted.taken
        await asyncio.sleep(0.03)
        assert counted.taken == taken
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    asyncio.run(main())


def test_the_end_of_the_loop_is_its_end() -> None:
    counted = Counted()

    async def main() -> None:
        await counted.turns.start()
        await counted.until(1)

    asyncio.run(main())
    assert not counted.turns.running
    asyncio.run(counted.turns.stop())
    counted.turns.stop_thread()


def test_an_error_ends_one_turn_only() -> None:
    counted = Counted(fails=True)

    async def main() -> None:
        await counted.turns.start()
        await counted.until(3)
        await counted.turns.stop()

    asyncio.run(main())
    assert len(counted.errors) >= 2


def test_it_runs_on_a_thread_of_its_own() -> None:
    counted = Counted()
    counted.turns.start_thread()
    counted.turns.start_thread()
    assert [thread.name for thread in threading.enumerate()].count("counted") == 1
    assert counted.changed.wait(10)
    counted.turns.stop_thread()
    assert not counted.turns.running
    assert "counted" not in [thread.name for thread in threading.enumerate()]
    counted.changed.clear()
    counted.turns.start_thread()
    assert counted.changed.wait(10)

    asyncio.run(counted.turns.stop())
    assert "counted" not in [thread.name for thread in threading.enumerate()]


def test_it_is_stopped_from_another_thread_than_that_of_its_loop() -> None:
    counted = Counted()

    async def main() -> None:
        await counted.turns.start()
        await counted.until(1)
        await asyncio.to_thread(counted.turns.stop_thread)
        await asyncio.sleep(0.02)
        assert len(asyncio.all_tasks()) == 1
        assert not counted.turns.running

    asyncio.run(main())


def test_a_turn_may_end_it() -> None:
    seen = []

    async def main() -> None:
        async def once() -> None:
            seen.append(1)
            await turns.stop()

        turns = Turns("once", 0.001, once, lambda error: pytest.fail(str(error)))
        await turns.start()
        await asyncio.sleep(0.03)
        assert not turns.running
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    assert seen == [1]


def test_a_turn_under_way_is_cancelled() -> None:
    ended = []

    async def main() -> None:
        begun = asyncio.Event()

        async def long() -> None:
            begun.set()
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(1)

        turns = Turns("long", 1, long, lambda error: pytest.fail(str(error)))
        await turns.start()
        await begun.wait()
        await turns.stop()
        assert ended == [1]

    asyncio.run(main())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_takes_no_turns() -> None:
    counted = Counted()
    counted.turns.start_thread()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        counted.turns.stop_thread()
        os.write(write, b"1" if counted.turns.running else b"0")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1) == b"0"
    os.close(read)
    os.close(write)
    assert counted.turns.running
    counted.turns.stop_thread()


@pytest.mark.parametrize("interval_s", [0, -1, float("nan"), float("inf")])
def test_an_interval_is_above_zero(interval_s: float) -> None:
    with pytest.raises(UsageError, match="above zero"):
        Counted(interval_s)
