"""The newest events, as they were recorded."""

from collections import deque
from collections.abc import Mapping
from threading import Lock
from typing import Any

import msgspec

MAX_EVENTS = 10_000


class RecordedEvent(msgspec.Struct, frozen=True):
    """One event.

    Attributes:
        name: what happened.
        value: what belongs to it: fields, or a single value.
        labels: what to tell it apart by.
        metadata: what else is known.
        time_ns: when.
    """

    name: str
    value: Any
    labels: Mapping[str, str]
    metadata: Mapping[str, Any]
    time_ns: int


class RecordedEvents:
    """Holds the newest ``max_events``; the oldest give way and are counted."""

    def __init__(self, max_events: int = MAX_EVENTS) -> None:
        self._kept: deque[RecordedEvent] = deque(maxlen=max_events)
        self.restart()

    def restart(self) -> None:
        """Forget everything, with a lock of our own, as a forked child does."""
        self._kept.clear()
        self._recorded = 0
        self._lock = Lock()

    def add(self, event: RecordedEvent) -> None:
        """Take over ``event``."""
        with self._lock:
            self._recorded += 1
            self._kept.append(event)

    def newest(self) -> list[RecordedEvent]:
        """Return what is held, oldest first."""
        with self._lock:
            return list(self._kept)

    def counts(self) -> tuple[int, int]:
        """Return how many were recorded, and how many of them are no longer held."""
        with self._lock:
            return self._recorded, self._recorded - len(self._kept)
