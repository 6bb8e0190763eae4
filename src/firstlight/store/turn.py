"""Taking turns at a lake: whoever changes its segments holds ``keeper.lock``, and makes way for one who waits.

One who wants the lock holds ``keeper.wanted`` while it waits.  A maintaining process looks at that between two pieces
of work and ends when somebody waits.  Both are locks of the kernel, so a process that dies gives them back.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from firstlight.errors import Unavailable
from firstlight.store.layout import FileLock, Layout

DEFAULT_WAIT_S = 120.0
"""Longer than one piece of work of a maintaining process usually takes: the merge of a day."""

_POLL_S = 0.05
_RETRY_AFTER_S = 30.0


@contextmanager
def turn(layout: Layout, wait_s: float = DEFAULT_WAIT_S) -> Iterator[None]:
    """Hold the keeper lock inside the block, and ask whoever has it to make way.

    Raises:
        Unavailable: nobody made way in time.
        StorageError: the directory cannot be written.
    """
    until_s = time.monotonic() + wait_s
    wanted, keeper = FileLock(layout.keeper_wanted), FileLock(layout.keeper_lock)
    try:
        _acquire(wanted.acquire, layout, until_s, wait_s)
        _acquire(keeper.acquire, layout, until_s, wait_s)
    finally:
        wanted.release()
    try:
        yield
    finally:
        keeper.release()


def is_wanted(layout: Layout) -> bool:
    """Return whether somebody waits for the keeper lock."""
    if not layout.keeper_wanted.exists():
        return False
    wanted = FileLock(layout.keeper_wanted)
    free = wanted.acquire()
    wanted.release()
    return not free


def _acquire(acquire: Callable[[], bool], layout: Layout, until_s: float, wait_s: float) -> None:
    while not acquire():
        if time.monotonic() >= until_s:
            raise Unavailable(
                f"another process has been changing the lake in {layout.root} for {wait_s:g} s; "
                "try again, or wait for longer with --wait SECONDS",
                _RETRY_AFTER_S,
            )
        time.sleep(_POLL_S)
