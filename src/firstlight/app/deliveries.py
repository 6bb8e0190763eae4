"""One OTLP delivery from its bytes to its answer, in a worker thread and within memory."""

import contextlib
import io
import threading
from collections import deque
from collections.abc import Iterator
from typing import Protocol

from firstlight.app.self_metrics import SelfMetrics
from firstlight.ingest.inflate import inflate
from firstlight.ports import Clock

LARGE_BYTES = 2 * 2**20
"""Decoding takes several times the size of a body, so those above this go one after another."""


class Reply(Protocol):
    """The answer to a delivery."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def content_type(self) -> str:
        """Of the body."""

    @property
    def body(self) -> bytes:
        """An encoded answer."""

    @property
    def retry_after_s(self) -> float | None:
        """Seconds to wait before the next try, if one makes sense."""


class OtlpDoor(Protocol):
    """Takes OTLP/HTTP bodies, inflated."""

    def handle(self, signal: str, content_type: str, body: bytes, now_ns: int) -> Reply:
        """Decode, store and answer; ``signal`` is ``traces``, ``metrics`` or ``logs``."""


class Deliveries:
    """Inflates and hands over.

    Args:
        door: the OTLP receiver.
        metrics: where the bytes are counted.
        limit_bytes: most that a body may inflate to.
        clock: time of receipt, nanoseconds since the epoch.
    """

    def __init__(self, door: OtlpDoor, metrics: SelfMetrics, limit_bytes: int, clock: Clock) -> None:
        self._door = door
        self._metrics = metrics
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._one_large = threading.Lock()

    def take(self, signal: str, content_type: str, encoding: str, chunks: deque[bytes]) -> Reply:
        """Return the answer to a delivery; ``chunks`` is its body as it came and is emptied.

        Raises:
            DecodeError: the body does not inflate.
            PayloadTooLarge: it inflates beyond the limit.
        """
        with contextlib.ExitStack() as stack:
            body = self._inflated(chunks, encoding, stack)
            self._metrics.ingest_bytes.inc(signal, by=len(body))
            return self._door.handle(signal, content_type, body, self._clock())

    def _inflated(self, chunks: deque[bytes], encoding: str, stack: contextlib.ExitStack) -> bytes:
        buffer = io.BytesIO()  # gives its bytes away without a copy, which a join of pieces cannot
        stack.callback(buffer.close)  # or the traceback of a refusal keeps it until the next garbage collection
        is_large = False
        for piece in inflate(_emptying(chunks), encoding, self._limit_bytes):
            buffer.write(piece)
            if not is_large and buffer.tell() > LARGE_BYTES:
                is_large = True
                stack.enter_context(self._one_large)
        return buffer.getvalue()


def _emptying(chunks: deque[bytes]) -> Iterator[bytes]:
    while chunks:
        yield chunks.popleft()
