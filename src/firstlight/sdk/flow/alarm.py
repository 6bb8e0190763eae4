"""Wakes a thread when records pile up, though nobody looks at each one of them."""

import gc
from _thread import allocate_lock
from collections.abc import Callable
from typing import Any


class Alarm:
    """Rings when more than ``most`` records are there.

    Each record is an object that Python's collector tracks, so the collector runs at least once in some hundred or
    thousand of them and asks its callbacks: that is the alarm, and it costs the host nothing.  Where the collector is
    switched off it never rings (:meth:`works`).

    Args:
        records: the list that is watched.
        most: from how many on it rings.
        check: called with how many there are when it rings, on whatever thread that is; must take no lock.
    """

    def __init__(self, records: list[Any], most: int, check: Callable[[int], object]) -> None:
        self._records = records
        self._most = most
        self._check = check
        # A bare lock, held while nothing rings: a callback of the collector may come at any moment of any thread, and
        # letting go of a bare lock is the one way to wake somebody that needs no lock itself.
        self._silence = allocate_lock()
        self._silence.acquire()

    def start(self) -> None:
        """Watch from now on."""
        if self._look not in gc.callbacks:
            gc.callbacks.append(self._look)

    def stop(self) -> None:
        """Watch no more."""
        if self._look in gc.callbacks:
            gc.callbacks.remove(self._look)

    def works(self) -> bool:
        """Return whether it would ring."""
        return gc.isenabled()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it rings, once; return whether it did."""
        return self._silence.acquire(timeout=timeout_s)

    def ring(self) -> None:
        """Wake who waits."""
        try:
            self._silence.release()
        except RuntimeError:
            # It rings already.
            return

    def _look(self, phase: str, _: dict[str, int]) -> None:
        waiting = len(self._records)
        if phase == "start" and waiting > self._most:
            self._check(waiting)
            self.ring()
