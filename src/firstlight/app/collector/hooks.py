"""What the host wants to be done around a collection."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from inspect import isawaitable, iscoroutine
from threading import Lock
from typing import Any

from firstlight.app.collector.turns import running_loop
from firstlight.errors import UsageError
from firstlight.sdk.flow.troubles import Troubles

PRE_COLLECTION, POST_COLLECTION = "pre_collection", "post_collection"
EVENT, METRIC_REGISTERED = "event", "metric_registered"
HOOK_TYPES = (PRE_COLLECTION, POST_COLLECTION, EVENT, METRIC_REGISTERED)
TIMEOUT_S = 10.0
"""A hook that is still not done then is given up."""
MAX_PENDING = 1000
"""Calls of asynchronous hooks for events that may be under way at once."""

Callback = Callable[[Any], object]


class Hooks:
    """Callbacks by type; one that fails is counted, and never stops what it hangs on.

    Attributes:
        failures: how often hooks failed, by type.
    """

    def __init__(self, troubles: Troubles, timeout_s: float = TIMEOUT_S) -> None:
        self.failures: Counter[str] = Counter()
        self._troubles = troubles
        self._timeout_s = timeout_s
        self._callbacks: dict[str, tuple[Callback, ...]] = dict.fromkeys(HOOK_TYPES, ())
        self.restart()

    def restart(self) -> None:
        """Let go of what is under way, with a lock of our own, as a forked child does."""
        self._lock = Lock()
        self._pending: set[Any] = set()

    def add(self, hook_type: str, callback: Callback) -> None:
        """Call ``callback`` from now on; one that is there already stays there once.

        Raises:
            UsageError: there is no such type, or the callback cannot be called.
        """
        known = self._known(hook_type)
        if not callable(callback):
            raise UsageError(f"a hook must be callable, not {callback!r}")
        with self._lock:
            if callback not in self._callbacks[known]:
                self._callbacks[known] += (callback,)

    async def run(self, hook_type: str, subject: object) -> None:
        """Call all of a type one after the other and await those that are asynchronous."""
        for callback in self._callbacks[hook_type]:
            try:
                result = callback(subject)
                if isawaitable(result):
                    async with asyncio.timeout(self._timeout_s):
                        await result
            except Exception as error:  # noqa: BLE001 - a hook is the host's code and may fail with anything
                self._failed(hook_type, error)

    def call(self, hook_type: str, subject: object, loop: asyncio.AbstractEventLoop | None) -> None:
        """Call all of a type at once; asynchronous ones go on, on the loop of this thread or else on ``loop``."""
        for callback in self._callbacks[hook_type]:
            try:
                result = callback(subject)
                if isawaitable(result):
                    self._go_on(hook_type, result, loop)
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(hook_type, error)

    def _go_on(self, hook_type: str, result: Awaitable[object], loop: asyncio.AbstractEventLoop | None) -> None:
        here = running_loop()
        wanted = here or loop
        if wanted is None or len(self._pending) >= MAX_PENDING:
            if iscoroutine(result):
                result.close()
            raise UsageError("an asynchronous hook needs a running event loop, and one that keeps up")
        guarded = self._guarded(hook_type, result)
        pending = wanted.create_task(guarded) if here else asyncio.run_coroutine_threadsafe(guarded, wanted)
        self._pending.add(pending)
        pending.add_done_callback(self._pending.discard)

    def _guarded(self, hook_type: str, result: Awaitable[object]) -> Coroutine[Any, Any, None]:
        async def wait() -> None:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await result
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(hook_type, error)

        return wait()

    def _failed(self, hook_type: str, error: Exception) -> None:
        with self._lock:
            self.failures[hook_type] += 1
        self._troubles.internal(f"a {hook_type} hook failed", error)

    def _known(self, hook_type: str) -> str:
        known = hook_type.removeprefix("on_")
        if known not in self._callbacks:
            raise UsageError(f"no hook type {hook_type!r}; there are {', '.join(HOOK_TYPES)}")
        return known
