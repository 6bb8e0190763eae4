"""How long things are kept."""

from collections.abc import Callable, Mapping
from typing import Any

from firstlight.compat.bridge.configuration import RetentionPolicy
from firstlight.compat.bridge.times import text
from firstlight.errors import UsageError
from firstlight.ports import Clock

DeleteBefore = Callable[[Mapping[str, int]], Mapping[str, int]]
"""Removes the rows of each table (``events``, ``samples``) that are older than its time in nanoseconds; returns how
many of each."""

_NS_PER_DAY = 86_400_000_000_000


class RetentionManager:
    """Applies the document's ``retention_policy``.

    Args:
        policy: how long.
        delete_before: does it; None while the store cannot.
        clock: nanoseconds since the epoch.
    """

    def __init__(self, policy: RetentionPolicy, delete_before: DeleteBefore | None, clock: Clock) -> None:
        self.policy = policy
        self._delete_before = delete_before
        self._clock = clock

    def limits_ns(self) -> dict[str, int]:
        """Return for each table the time before which nothing is kept."""
        days = {"events": self.policy.events.duration_days, "samples": self.policy.metrics.duration_days}
        now_ns = self._clock()
        return {table: now_ns - round(duration * _NS_PER_DAY) for table, duration in days.items()}

    def apply(self) -> dict[str, Any]:
        """Remove what is too old; return ``removed`` and ``kept_from``, each by table.

        Raises:
            UsageError: the store cannot remove anything.
            FirstlightError: it could not now.
        """
        if self._delete_before is None:
            raise UsageError("this lake cannot remove rows by age")
        limits = self.limits_ns()
        removed = self._delete_before(limits)
        return {"removed": dict(removed), "kept_from": {table: text(time_ns) for table, time_ns in limits.items()}}
