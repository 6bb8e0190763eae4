"""How long things are kept."""

from collections.abc import Callable, Mapping
from typing import Any

from firstlight.compat.bridge.configuration import RetentionPolicy
from firstlight.compat.bridge.times import text
from firstlight.errors import UsageError
from firstlight.ports import Clock

Retain = Callable[[Mapping[str, float]], Mapping[str, int]]
"""Removes the rows of each table (``events``, ``samples``) that are older than its days; returns how many of each."""

_NS_PER_DAY = 86_400_000_000_000


class RetentionManager:
    """Applies the document's ``retention_policy``.

    Args:
        policy: how long.
        retain: does it; None while the store cannot.
        clock: nanoseconds since the epoch.
    """

    def __init__(self, policy: RetentionPolicy, retain: Retain | None, clock: Clock) -> None:
        self.policy = policy
        self._retain = retain
        self._clock = clock

    def days(self) -> dict[str, float]:
        """Return how many days each table is kept."""
        return {"events": self.policy.events.duration_days, "samples": self.policy.metrics.duration_days}

    def apply(self) -> dict[str, Any]:
        """Remove what is too old; return ``removed`` and ``kept_from``, each by table.

        Raises:
            UsageError: the store cannot remove anything.
            FirstlightError: it could not now.
        """
        if self._retain is None:
            raise UsageError("this lake cannot remove rows by age")
        days, now_ns = self.days(), self._clock()
        removed = self._retain(days)
        kept_from = {table: text(now_ns - round(kept * _NS_PER_DAY)) for table, kept in days.items()}
        return {"removed": dict(removed), "kept_from": kept_from}
