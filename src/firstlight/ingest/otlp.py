"""The OTLP receiver, free of any transport: a body in, an answer out.

Source: OTLP specification 1.x, "OTLP/HTTP": answers in the request's content type, partial success with 200, 400 and
other 4xx for what can never be kept, 429 and 503 with a pause for what can be kept later.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from http import HTTPStatus
from typing import Protocol, cast

import msgspec

from firstlight.codecs.otlp import answers
from firstlight.codecs.otlp.decode import OtlpDecoder
from firstlight.codecs.otlp.messages import Signal
from firstlight.codecs.otlp.outcome import Decoded
from firstlight.errors import DecodeError, Overloaded, StorageError, Unavailable
from firstlight.ingest.deltas import DeltaTotals
from firstlight.model import Batch

SIGNALS = ("traces", "metrics", "logs")
PROTOBUF = "application/x-protobuf"
JSON = "application/json"

STORAGE_RETRY_S = 5.0
"""A store that fails needs a person or a moment; senders keep their data until then."""

_BATCH_ID_BYTES = 16
_RPC_CODES: dict[int, int] = {
    HTTPStatus.BAD_REQUEST: 3,
    HTTPStatus.NOT_FOUND: 5,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: 3,
    HTTPStatus.TOO_MANY_REQUESTS: 8,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,
}
"""google/rpc/code.proto: INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, UNAVAILABLE."""


class Deliveries(Protocol):
    """The part of :class:`firstlight.ports.SignalStore` that a receiver needs."""

    def append(self, batches: Sequence[Batch], batch_id: bytes = b"") -> None:
        """Store all of ``batches`` or none."""

    def was_recovered(self, batch_id: bytes) -> bool:
        """Return whether a delivery survived a crash before it could be answered."""


class OtlpReply(msgspec.Struct, frozen=True):
    """The answer to one delivery.

    Attributes:
        status: HTTP status.
        content_type: of ``body``; the request's own.
        body: an encoded response or ``google.rpc.Status``.
        retry_after_s: seconds to wait before the next try; None when no retry helps or none is needed.
    """

    status: int
    content_type: str
    body: bytes
    retry_after_s: float | None = None


class OtlpCounts(msgspec.Struct):
    """What went through a receiver since its start, by signal.

    Attributes:
        bytes: inflated bytes of the bodies answered with 200.
        items: spans, log records and data points that were stored.
        rejected: those that were refused through partial success.
        failed_requests: requests answered with anything but 200, by ``(signal, status)``.
    """

    bytes: Counter[str] = msgspec.field(default_factory=Counter)
    items: Counter[str] = msgspec.field(default_factory=Counter)
    rejected: Counter[str] = msgspec.field(default_factory=Counter)
    failed_requests: Counter[tuple[str, int]] = msgspec.field(default_factory=Counter)


class OtlpReceiver:
    """Decodes deliveries, stores them and answers.  Any number of threads may call it.

    Args:
        store: where the batches go.
    """

    def __init__(self, store: Deliveries) -> None:
        self.counts = OtlpCounts()
        self._store = store
        self._decoder = OtlpDecoder()
        self._deltas = DeltaTotals()
        self._lock = threading.Lock()

    @property
    def rejected_items(self) -> dict[str, int]:
        """Spans, log records and data points refused through partial success since the start, by signal."""
        with self._lock:
            return dict(self.counts.rejected)

    def handle(self, signal: str, content_type: str, body: bytes, now_ns: int, delivery: bytes = b"") -> OtlpReply:
        """Store one delivery and return the answer; after a 200 it is kept.

        Args:
            signal: ``traces``, ``metrics`` or ``logs``.
            content_type: as the request has it.
            body: inflated.
            now_ns: time of receipt; stands in for times that the sender left out.
            delivery: its name; a digest of the body when empty.
        """
        kind = content_type.partition(";")[0].strip().lower()
        if signal not in SIGNALS:
            return self._fail(signal, kind, HTTPStatus.NOT_FOUND, f"there is no signal {signal!r}; there are {SIGNALS}")
        if kind not in (PROTOBUF, JSON):
            message = f"Content-Type {content_type!r} is not taken; send {PROTOBUF} or {JSON}"
            return self._fail(signal, kind, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message)
        try:
            return self._keep(cast(Signal, signal), kind, body, now_ns, delivery)
        except DecodeError as error:
            return self._fail(signal, kind, HTTPStatus.BAD_REQUEST, str(error))
        except Unavailable as error:
            status = HTTPStatus.TOO_MANY_REQUESTS if isinstance(error, Overloaded) else HTTPStatus.SERVICE_UNAVAILABLE
            return self._fail(signal, kind, status, str(error), error.retry_after_s)
        except StorageError as error:
            return self._fail(signal, kind, HTTPStatus.SERVICE_UNAVAILABLE, str(error), STORAGE_RETRY_S)

    def _keep(self, signal: Signal, kind: str, body: bytes, now_ns: int, delivery: bytes) -> OtlpReply:
        batch_id = delivery or blake2b(body, digest_size=_BATCH_ID_BYTES, person=signal.encode()).digest()
        with self._lock:
            draft = self._deltas.draft()
            decoded = self._decoder.read(signal, body, now_ns, as_json=kind == JSON, deltas=draft)
            # Totals move only with the store, and no other request may see them in between.
            if draft.changes and self._append(decoded, batch_id):
                draft.commit()
        if not draft.changes:
            self._append(decoded, batch_id)
        return self._succeed(signal, kind, decoded, len(body))

    def _append(self, decoded: Decoded, batch_id: bytes) -> bool:
        """Store it; return whether it was new."""
        is_new = bool(decoded.batches) and not self._store.was_recovered(batch_id)
        if is_new:
            self._store.append(decoded.batches, batch_id)
        return is_new

    def _succeed(self, signal: str, kind: str, decoded: Decoded, body_bytes: int) -> OtlpReply:
        rejected = decoded.rejected
        with self._lock:
            self.counts.bytes[signal] += body_bytes
            self.counts.items[signal] += decoded.received - rejected
            self.counts.rejected[signal] += rejected
        body = answers.success(signal, rejected, "; ".join(decoded.reasons), as_json=kind == JSON)
        return OtlpReply(HTTPStatus.OK, kind, body)

    def _fail(self, signal: str, kind: str, status: int, message: str, retry_after_s: float | None = None) -> OtlpReply:
        with self._lock:
            self.counts.failed_requests[signal, status] += 1
        as_json = kind == JSON
        body = answers.status(_RPC_CODES[status], message, as_json=as_json)
        return OtlpReply(status, JSON if as_json else PROTOBUF, body, retry_after_s)
