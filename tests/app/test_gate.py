import asyncio
import threading

import pytest

from firstlight.app.gate import Gate
from firstlight.errors import Overloaded


def test_it_runs_calls_in_threads_of_its_own() -> None:
    gate = Gate("test", 1, 0)
    name = asyncio.run(gate.run(lambda: threading.current_thread().name))
    gate.close()
    assert name.startswith("firstlight-test")


def test_errors_come_through_and_free_the_place() -> None:
    async def scenario() -> int:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await gate.run(lambda: 1 // 0)
        return await gate.run(lambda: 7)

    gate = Gate("test", 1, 0)
    assert asyncio.run(scenario()) == 7
    gate.close()


def test_beyond_workers_and_waiting_it_refuses() -> None:
    may_go = threading.Event()
    gate = Gate("test", 1, 1, retry_after_s=3.0)

    async def scenario() -> list[object]:
        calls = [asyncio.create_task(gate.run(may_go.wait)) for _ in range(4)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        may_go.set()
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(scenario())
    gate.close()
    assert results[:2] == [True, True]
    assert [(type(result), getattr(result, "retry_after_s", 0)) for result in results[2:]] == [(Overloaded, 3.0)] * 2


def test_a_cancelled_caller_keeps_its_place_until_its_call_ends() -> None:
    may_go, began = threading.Event(), threading.Event()
    gate = Gate("test", 1, 0)

    def work() -> None:
        began.set()
        may_go.wait(30)

    async def scenario() -> None:
        task = asyncio.create_task(gate.run(work))
        await asyncio.to_thread(began.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(Overloaded):
            await gate.run(lambda: None)
        may_go.set()

    asyncio.run(scenario())
    gate._pool.submit(lambda: None).result()  # the one worker is through with the call before it
    asyncio.run(gate.run(lambda: None))
    gate.close()


def test_a_closed_gate_refuses() -> None:
    gate = Gate("test", 1, 1)
    gate.close()
    with pytest.raises(Overloaded, match="stopping"):
        asyncio.run(gate.run(lambda: None))
