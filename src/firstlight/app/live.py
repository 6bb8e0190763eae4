"""The live feed: what was just stored goes to whoever watches, as server-sent events.

A subscriber's queue is bounded by bytes.  One that does not keep up is dropped and counted; it may subscribe again.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from firstlight.app.shown import shown
from firstlight.errors import Overloaded
from firstlight.model import Batch, HealthReport

MAX_QUEUED_BYTES = 512 * 1024
ROWS_PER_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Wants:
    """What a subscriber asked for: metric names, and whether events and health too."""

    names: frozenset[str] = frozenset()
    events: bool = False
    health: bool = False


class Subscriber:
    """A bounded queue from any thread to one event loop."""

    def __init__(self, wants: Wants, loop: asyncio.AbstractEventLoop) -> None:
        self.wants = wants
        self.ended = asyncio.Event()
        self._loop = loop
        self._ready = asyncio.Event()
        self._messages: deque[bytes] = deque()
        self._queued_bytes = 0

    async def next(self) -> bytes:
        """Wait for messages and return all that are there."""
        await self._ready.wait()
        self._ready.clear()
        return self._take()

    def offer(self, message: bytes) -> bool:
        """Queue ``message``; False when there is no room for it.  Call it from one thread at a time."""
        if self._queued_bytes + len(message) > MAX_QUEUED_BYTES:
            return False
        self._queued_bytes += len(message)
        self._messages.append(message)
        self._tell(self._ready)
        return True

    def close(self) -> None:
        """End the feed for this subscriber: sets ``ended``."""
        self._tell(self.ended)

    def _take(self) -> bytes:
        parts: list[bytes] = []
        while self._messages:
            parts.append(self._messages.popleft())
        taken = b"".join(parts)
        self._queued_bytes -= len(taken)
        return taken

    def _tell(self, event: asyncio.Event) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(event.set)


class LiveFeed:
    """Everybody who watches.

    Args:
        max_subscribers: more are refused.
        dropped: called once for each subscriber that did not keep up.
    """

    def __init__(self, max_subscribers: int, dropped: Callable[[], None]) -> None:
        self._max_subscribers = max_subscribers
        self._dropped = dropped
        self._lock = threading.Lock()
        self._subscribers: list[Subscriber] = []
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._subscribers)

    def subscribe(self, wants: Wants) -> Subscriber:
        """Return a new subscriber; call it in the event loop that will read.

        Raises:
            Overloaded: there are too many, or the hub stops.
        """
        with self._lock:
            if self._is_closed or len(self._subscribers) >= self._max_subscribers:
                raise Overloaded("there are as many live streams as the hub allows (limits.max_streams)", 5.0)
            subscriber = Subscriber(wants, asyncio.get_running_loop())
            self._subscribers.append(subscriber)
            return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Forget ``subscriber``."""
        with self._lock:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

    def publish(self, batches: Iterable[Batch]) -> None:
        """Give what was just stored to everybody who wants some of it."""
        if not self._subscribers:
            return
        with self._lock:
            for batch in batches:
                self._offer(lambda wants, batch=batch: messages(batch, wants))  # type: ignore[misc]

    def publish_health(self, report: HealthReport) -> None:
        """Give a new assessment to everybody who wants it."""
        if not self._subscribers:
            return
        message = encode_message("health", report)
        with self._lock:
            self._offer(lambda wants: [message] if wants.health else [])

    def close(self) -> None:
        """End all streams and take no new ones."""
        with self._lock:
            self._is_closed = True
            for subscriber in self._subscribers:
                subscriber.close()
            self._subscribers.clear()

    def _offer(self, messages_for: Callable[[Wants], Iterable[bytes]]) -> None:
        for subscriber in list(self._subscribers):
            if not all(map(subscriber.offer, messages_for(subscriber.wants))):
                subscriber.close()
                self._subscribers.remove(subscriber)
                self._dropped()


def messages(batch: Batch, wants: Wants) -> Iterator[bytes]:
    """Yield the messages that tell ``batch`` to somebody who wants ``wants``."""
    if wants.events:
        service = batch.resource.service
        for start in range(0, len(batch.events), ROWS_PER_MESSAGE):
            events = [shown(event, service) for event in batch.events[start : start + ROWS_PER_MESSAGE]]
            yield encode_message("events", {"events": events})
    points = list(_points(batch, wants.names)) if wants.names else []
    for start in range(0, len(points), ROWS_PER_MESSAGE):
        yield encode_message("samples", {"points": points[start : start + ROWS_PER_MESSAGE]})


def encode_message(event: str, data: Any) -> bytes:
    """Return one server-sent event with JSON data."""
    return b"event: " + event.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"


def _points(batch: Batch, names: frozenset[str]) -> Iterator[dict[str, Any]]:
    wanted = {
        series_id: {"name": series.name, "labels": dict(series.labels), "service": series.service}
        for series_id, series in batch.series.items()
        if series.name in names and series.field == "value"
    }
    if not wanted:
        return
    samples = batch.samples
    for series_id, time_ns, value in zip(samples.series_ids, samples.times_ns, samples.values, strict=True):
        if series_id in wanted:
            yield {**wanted[series_id], "time_ns": time_ns, "value": value}
