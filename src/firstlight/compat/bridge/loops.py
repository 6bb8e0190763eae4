"""Events that cause themselves, and events that come again and again."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

import msgspec

from firstlight.compat.bridge.configuration import LoopDetection
from firstlight.detect.repetition import Repetition

MAX_DEPTH = 8
"""Events that monitors record about events that monitors recorded, and so on."""

_encode = msgspec.msgpack.Encoder(order="deterministic").encode
Kind = tuple[str, str]
"""An event's type and source; of a metric ``METRIC`` and its name."""


_handled: ContextVar[tuple[tuple[int, Kind], ...]] = ContextVar("firstlight_bridge_handled", default=())
"""What is being handled here and now, each with the guard that said so."""


class LoopGuard:
    """Tells loops from lively programs.

    An event is in a loop when a monitor or a callback records it while it handles an event of the same type and source,
    or while :data:`MAX_DEPTH` others are being handled; or when the very same event (type, source, data and whatever
    else was given with it) comes more often than ``limits`` allow.  Events that differ may come at any rate.
    """

    def __init__(self, limits: LoopDetection) -> None:
        self._repetition = Repetition(limits.max_repeats, limits.window_s)
        self.restart()

    def restart(self) -> None:
        """Take a lock of its own, as a forked child does."""
        self._lock = Lock()

    def is_loop(self, event: Mapping[str, Any]) -> bool:
        """Count an event of plain values and return whether it is in a loop."""
        kind = (str(event.get("event_type", "")), str(event.get("source", "")))
        return self.is_nested(kind) or self._is_repeated(event)

    def is_nested(self, kind: Kind) -> bool:
        """Return whether ``kind`` is being handled by whoever records it now, or too much is."""
        handled = _handled.get()
        return (id(self), kind) in handled or len(handled) >= MAX_DEPTH

    @contextmanager
    def handling(self, kind: Kind) -> Iterator[None]:
        """Remember inside that ``kind`` is being handled."""
        token = _handled.set((*_handled.get(), (id(self), kind)))
        try:
            yield
        finally:
            _handled.reset(token)

    def _is_repeated(self, event: Mapping[str, Any]) -> bool:
        key = hash(_encode(event))
        with self._lock:
            return self._repetition.is_loop(key, time.monotonic_ns())
