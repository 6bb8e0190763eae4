"""Something awaited again and again, on an event loop of the host's or on a thread of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from math import floor, isfinite
from threading import Event, RLock, Thread

from firstlight.errors import UsageError
from firstlight.store.forks import restart_in_children

STOP_WAIT_S = 5.0


class Turns:
    """Awaits ``action`` every ``interval_s``, the first time at once; it keeps the beat and leaves out turns it missed.

    It can be started again after it was stopped, on another loop too.  An error ends one turn only.  A forked child
    has to start its own.

    Args:
        name: of the task and the thread.
        interval_s: seconds from one turn to the next.
        action: what is done.
        on_error: told what a turn failed with.

    Raises:
        UsageError: the interval is not above zero.
    """

    def __init__(
        self,
        name: str,
        interval_s: float,
        action: Callable[[], Awaitable[object]],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._name = name
        self._action = action
        self._on_error = on_error
        self.interval_s = interval_s
        self.restart()
        restart_in_children(self)

    def restart(self) -> None:
        """Forget the turns, with a lock of our own, as a forked child does."""
        self._lock = RLock()
        self._task: asyncio.Task[None] | None = None
        self._thread: Thread | None = None

    @property
    def interval_s(self) -> float:
        """Seconds from one turn to the next; a change holds from the next turn on."""
        return self._interval_s

    @interval_s.setter
    def interval_s(self, interval_s: float) -> None:
        if not (isfinite(interval_s) and interval_s > 0):
            raise UsageError(f"an interval is a number of seconds above zero, not {interval_s!r}")
        self._interval_s = float(interval_s)

    @property
    def running(self) -> bool:
        """Whether turns are taken."""
        task = self._task
        return task is not None and not task.done() and not task.get_loop().is_closed()

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop on which turns are taken, if any are."""
        task = self._task
        return task.get_loop() if task is not None and self.running else None

    async def start(self) -> None:
        """Begin on the running loop, if it has not begun."""
        with self._lock:
            if not self.running:
                self._task = asyncio.get_running_loop().create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """End; a turn that is under way is cancelled."""
        task, thread = self._let_go()
        if task is None or task.done():
            return
        if task.get_loop() is asyncio.get_running_loop():
            await _cancelled(task)
        else:
            ended = _cancelled_elsewhere(task)
            await asyncio.wait([asyncio.wrap_future(ended)], timeout=STOP_WAIT_S)
        if thread is not None:
            await asyncio.to_thread(thread.join, STOP_WAIT_S)

    def start_thread(self) -> None:
        """Begin on a thread with a loop of its own, if it has not begun."""
        with self._lock:
            if self.running:
                return
            begun = Event()
            thread = Thread(target=lambda: asyncio.run(self._on_thread(begun)), name=self._name, daemon=True)
            thread.start()
            begun.wait(STOP_WAIT_S)
            self._thread = thread

    def stop_thread(self) -> None:
        """End, whatever it runs on; waits for that unless it is called on the very loop."""
        task, thread = self._let_go()
        if task is None or task.done():
            return
        if task.get_loop() is running_loop():
            task.cancel()
            return
        wait([_cancelled_elsewhere(task)], STOP_WAIT_S)
        if thread is not None:
            thread.join(STOP_WAIT_S)

    def _let_go(self) -> tuple[asyncio.Task[None] | None, Thread | None]:
        with self._lock:
            found = self._task, self._thread
            self._task = self._thread = None
            return found

    async def _on_thread(self, begun: Event) -> None:
        self._task = asyncio.current_task()
        begun.set()
        try:
            await self._run()
        except asyncio.CancelledError:
            # Stopped; what is left of it is only the end of the thread.
            return

    async def _run(self) -> None:
        now_s = asyncio.get_running_loop().time
        me = asyncio.current_task()
        due_s = now_s()
        while self._task is me:
            await self._turn()
            due_s = next_due_s(due_s, now_s(), self._interval_s)
            if self._task is me:
                await asyncio.sleep(due_s - now_s())

    async def _turn(self) -> None:
        try:
            await self._action()
        except Exception as error:  # noqa: BLE001 - the turns must outlive whatever one of them met
            self._on_error(error)


def next_due_s(due_s: float, now_s: float, interval_s: float) -> float:
    """Return the first time after ``now_s`` that is a whole number of intervals after ``due_s``."""
    return due_s + (max(0, floor((now_s - due_s) / interval_s)) + 1) * interval_s


async def _cancelled(task: "asyncio.Task[None]") -> None:
    """Cancel ``task`` and wait for its end, unless it is the one that asks for it."""
    if task is asyncio.current_task():
        # It sees at the end of its turn that it was let go.
        return
    task.cancel()
    await asyncio.wait([task])


def _cancelled_elsewhere(task: "asyncio.Task[None]") -> "Future[None]":
    """Cancel ``task`` on its own loop; return what is done as soon as it is."""
    ended: Future[None] = Future()

    def cancel() -> None:
        task.add_done_callback(lambda _: ended.set_result(None))
        task.cancel()

    loop = task.get_loop()
    if loop.is_running():
        # It may end before it gets there, which is the end of the task too.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(cancel)
            return ended
    elif not loop.is_closed():
        task.cancel()
    ended.set_result(None)
    return ended


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs on this thread; None when none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
