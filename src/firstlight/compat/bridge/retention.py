"""How long things are kept."""

from collections.abc import Callable
from typing import Any

from firstlight.app.upkeep import Let
from firstlight.compat.bridge.configuration import RetentionPolicy
from firstlight.compat.bridge.times import text
from firstlight.ports import Clock
from firstlight.store.policy import begin_us

Retain = Callable[[int], Let]
"""Lets go what is too old at a time, nanoseconds since the epoch."""

_NS_PER_US = 1000


class RetentionManager:
    """Applies the document's ``retention_policy`` now; the lake does so by itself in the background.

    Args:
        policy: how long.
        retain: does it.
        clock: nanoseconds since the epoch.
    """

    def __init__(self, policy: RetentionPolicy, retain: Retain, clock: Clock) -> None:
        self.policy = policy
        self._retain = retain
        self._clock = clock

    def days(self) -> dict[str, float]:
        """Return how many days each table is kept."""
        return {"events": self.policy.events.duration_days, "samples": self.policy.metrics.duration_days}

    def apply(self) -> dict[str, Any]:
        """Remove what is too old, of the days that are over and sealed.

        Returns:
            ``removed`` rows by table; ``kept_from``, the time from which rows stay, by table; and ``removed_for_room``,
            the rows of any table that went to keep to ``storage_config.budget_bytes``.

        Raises:
            FirstlightError: it could not be done now.
        """
        now_ns = self._clock()
        let = self._retain(now_ns)
        removed = dict.fromkeys(self.days(), 0) | {done.table: done.rows for done in let.retained}
        kept_from = {table: self._kept_from(days, now_ns) for table, days in self.days().items()}
        return {
            "removed": removed,
            "kept_from": kept_from,
            "removed_for_room": let.reduced.rows if let.reduced else 0,
        }

    def _kept_from(self, days: float, now_ns: int) -> str:
        first_us = begin_us(now_ns // _NS_PER_US, days)
        assert first_us is not None
        return text(first_us * _NS_PER_US)
