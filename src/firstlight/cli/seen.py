"""Which events were already shown, when the same stretch of time is read twice."""

import json
import time
from collections import Counter, deque
from typing import Any

_REMEMBERED = 20_000


class Seen:
    """Tells new events from those shown before, by content and number: two equal events are both shown, once each.

    Attributes:
        last_ns: time of the newest event shown; of the beginning before there is one.
    """

    def __init__(self) -> None:
        self.last_ns = 0
        self._began_ns = time.time_ns()
        self._shown: deque[str] = deque(maxlen=_REMEMBERED)
        self._expected: Counter[str] = Counter()

    def since_ns(self, margin_ns: int) -> int:
        """Return where to read from so that nothing is missed that is late by less than ``margin_ns``."""
        return (self.last_ns or self._began_ns) - margin_ns

    def read_again(self, events: list[Any]) -> list[Any]:
        """Return those of a stretch of time that were not shown; what follows may repeat the stretch once."""
        self._expected = Counter(self._shown)
        fresh = self.live(events)
        self._expected = Counter(map(_key, events))
        return fresh

    def live(self, events: list[Any]) -> list[Any]:
        """Return those of a stream's next events that do not repeat the stretch read before it."""
        fresh = []
        for event in events:
            key = _key(event)
            if self._expected[key] > 0:
                self._expected[key] -= 1
            else:
                fresh.append(event)
                self._shown.append(key)
                self.last_ns = max(self.last_ns, event["time_ns"])
        return fresh


def _key(event: Any) -> str:
    return json.dumps(event, sort_keys=True)
