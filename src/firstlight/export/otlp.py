"""Sends batches to the hub or any other collector as OTLP/HTTP with JSON bodies.

Protocol: OpenTelemetry OTLP specification 1.x, "OTLP/HTTP": 429, 502, 503 and 504 may be sent again, ``Retry-After`` is
obeyed, partial success is not.
"""

import gzip
import http.client
import json
import os
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from random import uniform
from threading import Event
from time import monotonic, time
from urllib.parse import SplitResult, urlsplit

from firstlight.codecs.otlp.write_json import encode_json
from firstlight.errors import FirstlightError, NotReachable, Unavailable, UsageError
from firstlight.model import Batch

DEFAULT_ENDPOINT = "http://127.0.0.1:4318"
RETRYABLE = frozenset({429, 502, 503, 504})
GZIP_FROM_BYTES = 1024
ANSWER_MOST_BYTES = 65_536
BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 8.0
_REJECTED = {"traces": "rejectedSpans", "metrics": "rejectedDataPoints", "logs": "rejectedLogRecords"}

OnRejected = Callable[[str, int, str], None]
"""Takes the signal (``traces``, ``metrics``, ``logs``), how many rows were turned down, and the receiver's reason."""


class OtlpExporter:
    """Posts to ``<endpoint>/v1/traces``, ``/v1/metrics`` and ``/v1/logs`` over one kept connection.

    Args:
        endpoint: base URL.
        token: sent as ``Authorization: Bearer``.
        headers: sent with every request.
        timeout_s: for connecting and for each answer.
        retry_for_s: how long one delivery is tried again before :class:`~firstlight.errors.Unavailable` is raised.
        on_rejected: told of rows that the receiver turned down for good; without it they raise.

    Raises:
        UsageError: the endpoint is no http or https URL.
    """

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        *,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
        retry_for_s: float = 10.0,
        on_rejected: OnRejected | None = None,
    ) -> None:
        self._url = _checked(endpoint)
        self._headers = {"Content-Type": "application/json", "User-Agent": "firstlight", **(headers or {})}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout_s = timeout_s
        self._retry_for_s = retry_for_s
        self._on_rejected = on_rejected
        self._closed = Event()
        self._connection: http.client.HTTPConnection | None = None
        self._pid = 0
        self._unfinished: tuple[Batch, dict[str, bytes]] | None = None

    def export(self, batch: Batch) -> None:
        """Deliver ``batch``; called again with it after a failure, go on where that failed.

        Raises:
            Unavailable: try again later.
            FirstlightError: some of it was turned down for good (only without ``on_rejected``).
        """
        if self._unfinished is None or self._unfinished[0] is not batch:
            self._unfinished = (batch, encode_json(batch))
        bodies = self._unfinished[1]
        turned_down: list[str] = []
        while bodies:
            signal = next(iter(bodies))
            rejected, reason = self._deliver(signal, bodies[signal], _rows(batch, signal))
            del bodies[signal]
            if rejected and self._on_rejected is not None:
                self._on_rejected(signal, rejected, reason)
            elif rejected:
                turned_down.append(f"{rejected} rows of {signal}: {reason}")
        self._unfinished = None
        if turned_down:
            raise FirstlightError("; ".join(turned_down))

    def close(self) -> None:
        """Close the connection and cut short any waiting."""
        self._closed.set()
        self._disconnect()

    def _deliver(self, signal: str, body: bytes, rows: int) -> tuple[int, str]:
        """Return how many rows were turned down, and why."""
        headers = dict(self._headers)
        if len(body) >= GZIP_FROM_BYTES:
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        path = f"{self._url.path.rstrip('/')}/v1/{signal}"
        deadline_s = monotonic() + self._retry_for_s
        backoff_s = BACKOFF_FIRST_S
        while True:
            status, retry_after_s, answer = self._post(path, body, headers)
            if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                return _partial(signal, answer)
            if status not in RETRYABLE:
                return rows, f"{self._url.netloc} answered {status}: {answer[:200].decode(errors='replace')}"
            wait_s = retry_after_s if retry_after_s is not None else uniform(backoff_s / 2, backoff_s)  # noqa: S311
            backoff_s = min(backoff_s * 2, BACKOFF_MOST_S)
            if monotonic() + wait_s > deadline_s or self._closed.wait(wait_s):
                raise Unavailable(f"{self._url.netloc} answered {status}; it will be tried again", wait_s)

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, float | None, bytes]:
        was_kept = self._connection is not None and self._pid == os.getpid()
        try:
            return self._exchange(path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self._disconnect()
            if not was_kept:
                raise self._away(error) from error
        # The receiver may have closed a kept connection just as we used it, so that alone proves nothing.
        try:
            return self._exchange(path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self._disconnect()
            raise self._away(error) from error

    def _exchange(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, float | None, bytes]:
        connection = self._connected()
        connection.request("POST", path, body, headers)
        with connection.getresponse() as response:
            answer = response.read(ANSWER_MOST_BYTES)
            if response.will_close or not response.isclosed():
                self._disconnect()
            return response.status, _retry_after_s(response.headers.get("Retry-After")), answer

    def _connected(self) -> http.client.HTTPConnection:
        # A forked child must not speak on its parent's connection.
        if self._pid != os.getpid():
            self._disconnect()
            self._closed = Event()
            self._pid = os.getpid()
        if self._connection is None:
            secure = self._url.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            self._connection = kind(self._url.hostname or "", self._url.port, timeout=self._timeout_s)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _away(self, error: Exception) -> NotReachable:
        where = f"{self._url.scheme}://{self._url.netloc}"
        return NotReachable(f"nothing answers at {where} ({error!r}); start it with: firstlight up")


def _checked(endpoint: str) -> SplitResult:
    try:
        url = urlsplit(endpoint)
        if url.scheme in {"http", "https"} and url.hostname and url.port != 0:
            return url
    except ValueError:
        pass
    raise UsageError(f"the endpoint must be an address such as {DEFAULT_ENDPOINT}, not {endpoint!r}")


def _rows(batch: Batch, signal: str) -> int:
    counts = {"traces": len(batch.spans), "logs": len(batch.events)}
    return counts.get(signal, len(batch.samples) + len(batch.exponential))


def _retry_after_s(text: str | None) -> float | None:
    """Read ``Retry-After``: seconds or an HTTP date; None when it is neither."""
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time())
    except ValueError:
        return None


def _partial(signal: str, answer: bytes) -> tuple[int, str]:
    """Return how many rows an answer of success turns down all the same, and why."""
    try:
        partial = json.loads(answer or b"{}").get("partialSuccess") or {}
        return int(partial.get(_REJECTED[signal]) or 0), str(partial.get("errorMessage") or "no reason given")
    except (ValueError, TypeError, AttributeError):
        return 0, ""
