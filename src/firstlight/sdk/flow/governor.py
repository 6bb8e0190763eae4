"""Keeps the cost of recording within the budget that the host declared."""

import os
from collections.abc import Callable
from time import monotonic_ns, thread_time_ns

from firstlight.sdk.volume import Volume

LOOK_EVERY_NS = 1_000_000_000
CALL_NS = 800
"""What a recorded event costs the thread that records it (``bench hot_path``, CPython 3.11)."""

LEAST_FACTOR = 1 / 64
BUSY_FACTOR = 1 / 16


class Governor:
    """Looks once a second at what recording cost and says which share of it may go on.

    Args:
        spent_ns: processor time of the delivering thread so far.
        load_ratio: the machine's load over its cores.
    """

    def __init__(self, spent_ns: Callable[[], int], load_ratio: Callable[[], float] | None = None) -> None:
        self._spent_ns = spent_ns
        self._load_ratio = load_ratio or _load_ratio
        self._records = 0
        self._own_ns = self._last_spent_ns = 0
        self._last_ns = monotonic_ns()
        self._began_ns: int | None = None
        self._share = 1.0
        self.overhead_ratio = 0.0
        self.factor = 1.0

    def begin(self) -> None:
        """Say that the calling thread works for recording from now on."""
        self._began_ns = thread_time_ns()

    def end(self, records: int) -> None:
        """Say that it has taken over ``records``."""
        if self._began_ns is not None:
            self._own_ns += thread_time_ns() - self._began_ns
        self._records += records

    def look(self, volume: Volume) -> float:
        """Return the share of what may be dropped that is to be kept."""
        now_ns = monotonic_ns()
        if now_ns - self._last_ns >= LOOK_EVERY_NS:
            self._measure(now_ns)
            self._share = _adjusted(self._share, self.overhead_ratio, volume.overhead_ratio)
            busy = volume.busy_load_ratio > 0 and self._load_ratio() > volume.busy_load_ratio
            self.factor = min(self._share, BUSY_FACTOR) if busy else self._share
        return self.factor

    def _measure(self, now_ns: int) -> None:
        spent_ns = self._spent_ns()
        cost_ns = self._own_ns + max(0, spent_ns - self._last_spent_ns) + self._records * CALL_NS
        self.overhead_ratio = cost_ns / (now_ns - self._last_ns)
        self._last_ns, self._last_spent_ns, self._own_ns, self._records = now_ns, spent_ns, 0, 0


def _adjusted(share: float, spent_ratio: float, budget_ratio: float) -> float:
    """Cut the share at once when too much is spent, widen it slowly when half of the budget is free."""
    if not budget_ratio:
        return 1.0
    if spent_ratio > budget_ratio:
        return max(LEAST_FACTOR, share * max(0.25, 0.9 * budget_ratio / spent_ratio))
    return min(1.0, share * 1.25) if spent_ratio < budget_ratio / 2 else share


def _load_ratio() -> float:
    return os.getloadavg()[0] / (os.cpu_count() or 1)
