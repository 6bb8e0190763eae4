import asyncio
import threading

import pytest

from firstlight.app.collector.hooks import Hooks
from firstlight.errors import UsageError
from firstlight.sdk.flow.ledger import Ledger
from firstlight.sdk.flow.troubles import Troubles


@pytest.fixture
def hooks() -> Hooks:
    return Hooks(Troubles(Ledger(), raise_errors=False), timeout_s=0.05)


def test_all_of_a_type_are_called_in_order_and_awaited(hooks: Hooks) -> None:
    seen = []

    async def slowly(subject: str) -> None:
        await asyncio.sleep(0)
        seen.append(f"slowly {subject}")

    hooks.add("pre_collection", slowly)
    hooks.add("on_pre_collection", lambda subject: seen.append(f"quickly {subject}"))
    hooks.add("post_collection", lambda _: seen.append("never"))
    asyncio.run(hooks.run("pre_collection", "now"))
    assert seen == ["slowly now", "quickly now"]


def test_one_that_fails_or_hangs_is_counted_and_the_others_are_called(
    hooks: Hooks, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []

    async def hang(_: object) -> None:
        await asyncio.sleep(60)

    async def fail(_: object) -> None:
        raise ValueError("the host's own")

    for callback in (lambda _: 1 / 0, hang, fail, seen.append):
        hooks.add("pre_collection", callback)
    asyncio.run(hooks.run("pre_collection", "now"))
    assert seen == ["now"]
    assert hooks.failures == {"pre_collection": 3}
    assert "a pre_collection hook failed: ZeroDivisionError" in caplog.text


def test_a_hook_is_there_once(hooks: Hooks) -> None:
    seen: list[int] = []
    callback = seen.append
    hooks.add("event", callback)
    hooks.add("on_event", callback)
    hooks.call("event", 1, None)
    assert seen == [1]


def test_what_cannot_be_a_hook_is_refused(hooks: Hooks) -> None:
    with pytest.raises(UsageError, match="no hook type 'later'; there are pre_collection, post_collection, event"):
        hooks.add("later", print)
    with pytest.raises(UsageError, match="callable"):
        hooks.add("event", "print")


def test_an_asynchronous_hook_for_events_goes_on_where_it_was_called(hooks: Hooks) -> None:
    seen = []

    async def slowly(subject: int) -> None:
        await asyncio.sleep(0)
        if subject == 2:
            raise ValueError("not this one")
        seen.append((subject, threading.get_ident()))

    async def main() -> None:
        hooks.call("event", 1, None)
        hooks.call("event", 2, None)
        assert seen == []
        while not (seen and hooks.failures):
            await asyncio.sleep(0.001)

    hooks.add("event", slowly)
    asyncio.run(main())
    assert seen == [(1, threading.get_ident())]
    assert hooks.failures == {"event": 1}


def test_an_asynchronous_hook_called_from_another_thread_goes_on_on_the_loop(hooks: Hooks) -> None:
    seen = []

    async def slowly(_: object) -> None:
        seen.append(threading.get_ident())

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(hooks.call, "event", 1, loop)
        while not seen:
            await asyncio.sleep(0.001)

    hooks.add("event", slowly)
    asyncio.run(main())
    assert seen == [threading.get_ident()]


def test_without_a_loop_an_asynchronous_hook_fails(hooks: Hooks) -> None:
    async def slowly(_: object) -> None:
        pytest.fail("it must not run")

    hooks.add("event", slowly)
    hooks.call("event", 1, None)
    assert hooks.failures == {"event": 1}


def test_under_pytest_a_failure_is_raised_by_the_next_flush() -> None:
    troubles = Troubles(Ledger())
    hooks = Hooks(troubles)
    hooks.add("event", lambda _: 1 / 0)
    hooks.call("event", 1, None)
    with pytest.raises(ZeroDivisionError):
        troubles.raise_kept()
