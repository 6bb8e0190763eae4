"""A bounded number of threads with a bounded queue before them."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from firstlight.errors import Overloaded

P = ParamSpec("P")
R = TypeVar("R")


class Gate:
    """Runs calls in ``workers`` threads, lets ``waiting`` more wait, and refuses the rest.

    Args:
        name: what is done here, for the threads' names and the refusal.
        workers: calls at once.
        waiting: calls that may wait.
        retry_after_s: what a refused caller is told.
    """

    def __init__(self, name: str, workers: int, waiting: int, retry_after_s: float = 1.0) -> None:
        self._name = name
        self._most = workers + waiting
        self._retry_after_s = retry_after_s
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=f"firstlight-{name}")
        self._lock = threading.Lock()
        self._inside = 0

    async def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what ``call`` returns, from a thread.

        A caller that is cancelled gives its place up only when its call has ended.

        Raises:
            Overloaded: too many are waiting.
        """
        self._enter()
        try:
            future = self._pool.submit(call, *args, **kwargs)
        except RuntimeError:
            self._leave()
            raise Overloaded("the hub is stopping", self._retry_after_s) from None
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Refuse everything from now on and wait for the calls that run."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _enter(self) -> None:
        with self._lock:
            if self._inside >= self._most:
                raise Overloaded(f"too many calls wait for {self._name}; try again soon", self._retry_after_s)
            self._inside += 1

    def _leave(self, _: Future[Any] | None = None) -> None:
        with self._lock:
            self._inside -= 1
