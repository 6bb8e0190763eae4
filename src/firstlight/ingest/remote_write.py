"""The receiver of Prometheus' remote write 1.0, free of any transport: a request in, an answer out.

Source: https://prometheus.io/docs/specs/prw/remote_write_spec/.  Senders give up what is answered with 4xx, except 429,
and send again what is answered with 429 or 5xx; so what can never be kept is 400, however often it comes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from http import HTTPStatus
from typing import Protocol

import msgspec

from firstlight.codecs.remote_write import RemoteWriteDecoder
from firstlight.codecs.remote_write_points import Written
from firstlight.codecs.remote_write_series import Metadata
from firstlight.codecs.snappy import inflated
from firstlight.errors import DecodeError, Overloaded, PayloadTooLarge, StorageError, Unavailable
from firstlight.ingest.otlp import PROTOBUF, STORAGE_RETRY_S
from firstlight.model import Batch, Resource

MESSAGE = "prometheus.WriteRequest"
"""What version 1.0 calls its requests, in the content type."""

_SNAPPY = "snappy"
_BATCH_ID_BYTES = 16
_SENDER_MOST_CHARS = 64


class Deliveries(Protocol):
    """The part of :class:`firstlight.ports.SignalStore` that a receiver needs."""

    def append(self, batches: Sequence[Batch], batch_id: bytes = b"") -> None:
        """Store all of ``batches`` or none."""

    def was_recovered(self, batch_id: bytes) -> bool:
        """Return whether a delivery survived a crash before it could be answered."""


Refusals = Callable[[Iterable[int]], Mapping[int, str]]
"""Says why samples of those of some series were left out that the store had no room for."""


class WriteReply(msgspec.Struct, frozen=True):
    """The answer to one request.

    Attributes:
        status: HTTP status; 204 when all of it is kept.
        text: what is wrong.
        retry_after_s: seconds to wait before the next try; None when no retry helps or none is needed.
        rejected: samples, histograms and exemplars that cannot be kept, and series that have none.
        bytes: of the request, inflated; 0 when it was not.
    """

    status: int
    text: str = ""
    retry_after_s: float | None = None
    rejected: int = 0
    bytes: int = 0


class RemoteWriteReceiver:
    """Decodes requests, stores them and answers.  Any number of threads may call it.

    Args:
        store: where the batches go.
        refusals: of the store.
        limit_bytes: most that a request may inflate to.
    """

    def __init__(self, store: Deliveries, refusals: Refusals, limit_bytes: int) -> None:
        self._store = store
        self._refusals = refusals
        self._limit_bytes = limit_bytes
        self._decoder = RemoteWriteDecoder()

    @property
    def metadata(self) -> Mapping[str, Metadata]:
        """What senders said since the start that their metrics mean."""
        return self._decoder.metadata

    def handle(self, content_type: str, encoding: str, body: bytes, sender: str = "") -> WriteReply:
        """Store one request and return the answer; after a 204, and of a 400 what it does not name, it is kept.

        Args:
            content_type: as the request has it; none is as good as the right one.
            encoding: likewise.
            body: as it came.
            sender: the program that sends, as its ``User-Agent`` says.
        """
        problem = not_taken(content_type, encoding)
        if problem:
            return WriteReply(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, problem)
        try:
            request = inflated(body, self._limit_bytes)
            return self._keep(request, sender)
        except PayloadTooLarge as error:
            return WriteReply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error))
        except DecodeError as error:
            return WriteReply(HTTPStatus.BAD_REQUEST, str(error))
        except Unavailable as error:
            status = HTTPStatus.TOO_MANY_REQUESTS if isinstance(error, Overloaded) else HTTPStatus.SERVICE_UNAVAILABLE
            return WriteReply(status, str(error), error.retry_after_s)
        except StorageError as error:
            return WriteReply(HTTPStatus.SERVICE_UNAVAILABLE, str(error), STORAGE_RETRY_S)

    def _keep(self, request: bytes, sender: str) -> WriteReply:
        written = self._decoder.read(request)
        written.batch.resource = Resource(service=sender.partition("/")[0][:_SENDER_MOST_CHARS])
        batch_id = blake2b(request, digest_size=_BATCH_ID_BYTES, person=b"remote write").digest()
        if len(written.batch) and not self._store.was_recovered(batch_id):
            self._store.append([written.batch], batch_id)
        self._count_refused(written)
        if not written.rejected:
            return WriteReply(HTTPStatus.NO_CONTENT, bytes=len(request))
        text = f"{written.rejected} of it cannot be kept ({'; '.join(written.reasons)}); all else is kept"
        return WriteReply(HTTPStatus.BAD_REQUEST, text, rejected=written.rejected, bytes=len(request))

    def _count_refused(self, written: Written) -> None:
        """Count the samples of series that the store had no room for."""
        refused = self._refusals(written.batch.series)
        if refused:
            ids = [*written.batch.samples.series_ids, *(point.series_id for point in written.batch.exponential)]
            for series_id in ids:
                if series_id in refused:
                    written.refuse(refused[series_id])


def not_taken(content_type: str, encoding: str) -> str:
    """Return why a request of such a type and encoding is not taken; empty when it is.

    Args:
        content_type: as the request has it; none is as good as the right one.
        encoding: likewise.
    """
    kind, *parameters = (part.strip() for part in content_type.split(";"))
    if kind.lower() not in {"", PROTOBUF}:
        return f"Content-Type {content_type!r} is not taken; send {PROTOBUF}"
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "proto" and value.strip().strip('"') != MESSAGE:
            return f"messages of {value!r} are not taken; send remote write 1.0 ({MESSAGE})"
    if encoding.strip().lower() not in {"", _SNAPPY}:
        return f"Content-Encoding {encoding!r} is not taken; send {_SNAPPY}"
    return ""
