"""Sends batches to the hub or any other collector as OTLP/HTTP, in protobuf or JSON.

Protocol: OpenTelemetry OTLP specification 1.x, "OTLP/HTTP": 429, 502, 503 and 504 may be sent again, ``Retry-After`` is
obeyed, partial success is not.  Each request has a number of its own (``Firstlight-Delivery``), by which the hub knows
what it is sent twice.
"""

import gzip
import os
from collections.abc import Callable, Mapping
from http import HTTPStatus
from secrets import token_hex
from time import monotonic
from typing import Literal
from urllib.parse import SplitResult

from firstlight.codecs.otlp.read_answers import partial_of_json, partial_of_protobuf
from firstlight.codecs.otlp.write_json import encode_json
from firstlight.codecs.otlp.write_wire import encode_wire
from firstlight.errors import FirstlightError, Unavailable, UsageError
from firstlight.export.connection import Connections, Tls, checked_url
from firstlight.export.jitter import shortened
from firstlight.model import Batch

Protocol = Literal["protobuf", "json"]
Compression = Literal["gzip", "none"]

DEFAULT_ENDPOINT = "http://127.0.0.1:4318"
SIGNALS = ("traces", "metrics", "logs")
RETRYABLE = frozenset({429, 502, 503, 504})
GZIP_FROM_BYTES = 1024
BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 8.0
DELIVERY_HEADER = "Firstlight-Delivery"
SENDER_BYTES = 8
_FORMATS = {
    "protobuf": ("application/x-protobuf", encode_wire, partial_of_protobuf),
    "json": ("application/json", encode_json, partial_of_json),
}

OnRejected = Callable[[str, int, str], None]
"""Takes the signal (``traces``, ``metrics``, ``logs``), how many rows were turned down, and the receiver's reason."""


class OtlpExporter:
    """Posts to ``<endpoint>/v1/traces``, ``/v1/metrics`` and ``/v1/logs`` over one kept connection.

    Args:
        endpoint: base URL.
        token: sent as ``Authorization: Bearer``.
        headers: sent with every request.
        protocol: form of the bodies.
        compression: of bodies from 1 KiB up.
        endpoints: whole URLs of single signals (``traces``, ``metrics``, ``logs``) that go elsewhere.
        signal_headers: sent with the requests of single signals, besides ``headers``.
        tls: for https endpoints.
        timeout_s: for connecting and for each answer.
        retry_for_s: how long one delivery is tried again before :class:`~firstlight.errors.Unavailable` is raised.
        on_rejected: told of rows that the receiver turned down for good; without it they raise.

    Raises:
        UsageError: an endpoint is no http or https URL, or another argument cannot be used.
    """

    def __init__(  # noqa: PLR0913 - each is one thing that OTLP lets one choose
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        *,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        protocol: Protocol = "protobuf",
        compression: Compression = "gzip",
        endpoints: Mapping[str, str] | None = None,
        signal_headers: Mapping[str, Mapping[str, str]] | None = None,
        tls: Tls | None = None,
        timeout_s: float = 10.0,
        retry_for_s: float = 10.0,
        on_rejected: OnRejected | None = None,
    ) -> None:
        if protocol not in _FORMATS or compression not in ("gzip", "none"):
            raise UsageError(
                f"protocol is protobuf or json and compression gzip or none, not {protocol!r} and {compression!r}"
            )
        content_type, self._encode, self._partial = _FORMATS[protocol]
        self._urls = _urls(endpoint, endpoints or {})
        own = {"Content-Type": content_type, "User-Agent": "firstlight", **(headers or {})}
        if token:
            own["Authorization"] = f"Bearer {token}"
        self._headers = {signal: {**own, **(signal_headers or {}).get(signal, {})} for signal in SIGNALS}
        self._gzip_from_bytes = GZIP_FROM_BYTES if compression == "gzip" else None
        self._connections = Connections(timeout_s, tls or Tls())
        self._retry_for_s = retry_for_s
        self._on_rejected = on_rejected
        self._sender = token_hex(SENDER_BYTES)
        self._sequence = 0
        self._pid = os.getpid()
        self._last: Batch | None = None
        self._unfinished: tuple[tuple[str, int], dict[str, bytes]] | None = None
        if any(url.scheme == "https" for url in self._urls.values()):
            (tls or Tls()).context()

    def export(self, batch: Batch) -> None:
        """Deliver ``batch``; called again with it after a failure, go on where that failed.

        Raises:
            Unavailable: try again later.
            FirstlightError: some of it was turned down for good (only without ``on_rejected``).
        """
        if self._pid != os.getpid():
            # A forked child is another sender: its numbers are its own.
            self._pid, self._sender, self._sequence = os.getpid(), token_hex(SENDER_BYTES), 0
        if self._last is not batch:
            self._last, self._sequence = batch, self._sequence + 1
        self.export_named(batch, self._sender, self._sequence)
        self._last = None

    def export_named(self, batch: Batch, sender: str, sequence: int) -> None:
        """Deliver ``batch`` as number ``sequence`` of ``sender`` (16 hex digits), which sends in the order of numbers.

        A hub that has it already says so and keeps it once, whichever process sends it again.

        Raises:
            Unavailable: try again later.
            FirstlightError: as :meth:`export`.
        """
        if self._unfinished is None or self._unfinished[0] != (sender, sequence):
            self._unfinished = ((sender, sequence), self._encode(batch))
        bodies = self._unfinished[1]
        turned_down: list[str] = []
        while bodies:
            signal = next(iter(bodies))
            number = f"{sender}-{sequence * len(SIGNALS) + SIGNALS.index(signal)}"
            rejected, reason = self._deliver(signal, bodies[signal], number, _rows(batch, signal))
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
        self._connections.close()

    def _deliver(self, signal: str, body: bytes, number: str, rows: int) -> tuple[int, str]:
        """Return how many rows were turned down, and why."""
        url = self._urls[signal]
        headers = {**self._headers[signal], DELIVERY_HEADER: number}
        if self._gzip_from_bytes is not None and len(body) >= self._gzip_from_bytes:
            body = gzip.compress(body, 1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        deadline_s = monotonic() + self._retry_for_s
        backoff_s = BACKOFF_FIRST_S
        while True:
            status, retry_after_s, answer = self._connections.post(url, body, headers)
            if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                return self._partial(signal, answer)
            if status not in RETRYABLE:
                return rows, f"{url.netloc} answered {status}: {answer[:200].decode(errors='replace')}"
            wait_s = retry_after_s if retry_after_s is not None else shortened(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_MOST_S)
            if monotonic() + wait_s > deadline_s or self._connections.closed.wait(wait_s):
                raise Unavailable(f"{url.netloc} answered {status}; it will be tried again", wait_s)


def _urls(endpoint: str, endpoints: Mapping[str, str]) -> dict[str, SplitResult]:
    if unknown := sorted(endpoints.keys() - set(SIGNALS)):
        raise UsageError(f"there is no signal {unknown[0]!r}; there are {', '.join(SIGNALS)}")
    base = checked_url(endpoint, DEFAULT_ENDPOINT)
    own = {signal: base._replace(path=f"{base.path.rstrip('/')}/v1/{signal}") for signal in SIGNALS}
    return own | {signal: checked_url(url, f"{DEFAULT_ENDPOINT}/v1/{signal}") for signal, url in endpoints.items()}


def _rows(batch: Batch, signal: str) -> int:
    counts = {"traces": len(batch.spans), "logs": len(batch.events)}
    return counts.get(signal, len(batch.samples) + len(batch.exponential))
