"""One remote write request from its bytes to its answer, in a worker thread and within memory."""

import threading
from collections import deque
from collections.abc import Mapping
from typing import Protocol

from firstlight.app.deliveries import LARGE_BYTES
from firstlight.app.self_metrics import SelfMetrics
from firstlight.codecs.remote_write_series import Metadata

SIGNAL = "remote_write"
"""What the hub's own metrics call these requests, beside those of OTLP by signal."""

_STORED = "metrics"
_LIKELY_RATIO = 4
"""Snappy makes such requests about this much shorter."""


class Reply(Protocol):
    """The answer to a request."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def text(self) -> str:
        """What is wrong."""

    @property
    def retry_after_s(self) -> float | None:
        """Seconds to wait before the next try, if one makes sense."""

    @property
    def rejected(self) -> int:
        """How much of it cannot be kept."""

    @property
    def bytes(self) -> int:
        """Its inflated length."""


class WriteDoor(Protocol):
    """Takes remote write requests as they came."""

    @property
    def metadata(self) -> Mapping[str, Metadata]:
        """What senders said since the start that their metrics mean."""

    def handle(self, content_type: str, encoding: str, body: bytes, sender: str = "") -> Reply:
        """Decode, store and answer."""


class Writes:
    """Hands over and counts.

    Args:
        door: the receiver.
        metrics: where is counted.
    """

    def __init__(self, door: WriteDoor, metrics: SelfMetrics) -> None:
        self._door = door
        self._metrics = metrics
        self._one_large = threading.Lock()

    @property
    def metadata(self) -> Mapping[str, Metadata]:
        """What senders said since the start that their metrics mean."""
        return self._door.metadata

    def take(self, content_type: str, encoding: str, chunks: deque[bytes], sender: str) -> Reply:
        """Return the answer to a request; ``chunks`` is its body as it came and is emptied."""
        body = b"".join(chunks)
        chunks.clear()
        if len(body) * _LIKELY_RATIO <= LARGE_BYTES:
            return self._counted(self._door.handle(content_type, encoding, body, sender))
        with self._one_large:
            return self._counted(self._door.handle(content_type, encoding, body, sender))

    def _counted(self, reply: Reply) -> Reply:
        self._metrics.ingest_bytes.inc(SIGNAL, by=reply.bytes)
        if reply.rejected:
            self._metrics.ingest_rejected.inc(_STORED, by=reply.rejected)
        return reply
