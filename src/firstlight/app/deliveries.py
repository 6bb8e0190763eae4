"""One OTLP delivery from its bytes to its answer, in a worker thread and within memory."""

import contextlib
import io
import re
import threading
from collections import deque
from collections.abc import Iterator
from typing import Protocol

from firstlight.app.progress import Progress
from firstlight.app.self_metrics import SelfMetrics
from firstlight.ingest.inflate import inflate
from firstlight.ports import Clock
from firstlight.store.delivery import SEQUENCE_END, numbered

LARGE_BYTES = 2 * 2**20
"""Decoding takes several times the size of a body, so those above this go one after another."""

_NUMBERED = re.compile(r"([0-9a-f]{16})-([0-9]{1,15})")


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

    def handle(self, signal: str, content_type: str, body: bytes, now_ns: int, delivery: bytes = b"") -> Reply:
        """Decode, store and answer; ``signal`` is ``traces``, ``metrics`` or ``logs``, ``delivery`` its name if any."""


class Deliveries:
    """Inflates and hands over.

    Args:
        door: the OTLP receiver.
        metrics: where the bytes are counted.
        limit_bytes: most that a body may inflate to.
        clock: time of receipt, nanoseconds since the epoch.
        progress: of the senders that number their deliveries.
    """

    def __init__(
        self, door: OtlpDoor, metrics: SelfMetrics, limit_bytes: int, clock: Clock, progress: Progress | None = None
    ) -> None:
        self._door = door
        self._progress = progress or Progress()
        self._metrics = metrics
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._one_large = threading.Lock()

    def take(self, signal: str, content_type: str, encoding: str, chunks: deque[bytes], delivery: str = "") -> Reply:
        """Return the answer to a delivery; ``chunks`` is its body as it came and is emptied.

        Args:
            signal: ``traces``, ``metrics`` or ``logs``.
            content_type: as the request has it.
            encoding: as the request has it.
            chunks: the body.
            delivery: the header ``Firstlight-Delivery``: what is sent again under the same number is stored once.

        Raises:
            DecodeError: the body does not inflate.
            PayloadTooLarge: it inflates beyond the limit.
            Overloaded: an earlier delivery of the same sender is still at work.
        """
        with contextlib.ExitStack() as stack:
            body = self._inflated(chunks, encoding, stack)
            self._metrics.ingest_bytes.inc(signal, by=len(body))
            name = delivery_name(delivery)
            stack.enter_context(self._progress.turn(name))
            return self._door.handle(signal, content_type, body, self._clock(), name)

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


def delivery_name(header: str) -> bytes:
    """Return the name that ``Firstlight-Delivery: <16 hex digits>-<number>`` says; empty when it says none."""
    found = _NUMBERED.fullmatch(header)
    if found is None or int(found[2]) >= SEQUENCE_END:
        return b""
    return numbered(bytes.fromhex(found[1]), int(found[2]))


def _emptying(chunks: deque[bytes]) -> Iterator[bytes]:
    while chunks:
        yield chunks.popleft()
