"""Who is sending data."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from firstlight.model import Batch

MAX_SOURCES = 1000


class SignalCounts(msgspec.Struct):
    """Rows received since the hub started."""

    events: int = 0
    spans: int = 0
    samples: int = 0


class Source(msgspec.Struct):
    """One session of one service."""

    service: str
    session_id: str
    host: str
    signals: SignalCounts
    last_seen_ns: int


class Sources:
    """The senders seen since the start; the longest silent ones are forgotten beyond ``limit``.

    Args:
        limit: how many are remembered.
        forgotten: called for each one that is not.
    """

    def __init__(self, limit: int = MAX_SOURCES, forgotten: Callable[[], None] = lambda: None) -> None:
        self._limit = limit
        self._forgotten = forgotten
        self._lock = threading.Lock()
        self._by_identity: OrderedDict[tuple[str, str, str], Source] = OrderedDict()

    def note(self, batches: Iterable[Batch], now_ns: int) -> None:
        """Count what ``batches`` hold for their senders."""
        with self._lock:
            for batch in batches:
                self._count(batch, now_ns)

    def seen(self) -> list[Source]:
        """Return a copy, the most recently heard first."""
        with self._lock:
            return [msgspec.structs.replace(s, signals=_copy(s.signals)) for s in reversed(self._by_identity.values())]

    def _count(self, batch: Batch, now_ns: int) -> None:
        signals = self._touch(batch, now_ns).signals
        signals.events += len(batch.events)
        signals.spans += len(batch.spans)
        signals.samples += len(batch.samples) + len(batch.exponential)

    def _touch(self, batch: Batch, now_ns: int) -> Source:
        resource = batch.resource
        identity = (resource.service, resource.session_id, resource.host)
        source = self._by_identity.pop(identity, None) or Source(*identity, SignalCounts(), now_ns)
        source.last_seen_ns = now_ns
        self._by_identity[identity] = source
        if len(self._by_identity) > self._limit:
            self._by_identity.popitem(last=False)
            self._forgotten()
        return source


def _copy(counts: SignalCounts) -> SignalCounts:
    return msgspec.structs.replace(counts)
