"""Asking a hub over HTTP, with the standard library alone."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from firstlight.errors import (
    FirstlightError,
    NotReachable,
    Overloaded,
    PayloadTooLarge,
    QueryCanceled,
    QueryError,
    QueryFailed,
    QueryTimedOut,
    UsageError,
)

DEFAULT_PORT = 4318
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
"""What a client on this machine says instead of every address that a hub listens on."""

DEFAULT_TIMEOUT_S = 10.0
QUERY_TIMEOUT_S = 40.0
"""A hub stops a query after 30 s (``limits.query_time_s``), and then says so itself."""
_OK = 200
_BAD_REQUEST = 400
_NO_TOKEN = 401
_TOO_LARGE = 413
_BUSY = (429, 503)
_QUERY_ERRORS = {
    "bad_data": QueryError,
    "execution": QueryFailed,
    "timeout": QueryTimedOut,
    "canceled": QueryCanceled,
}
"""Prometheus' words for what is wrong with a query."""
_SHOWN_CHARS = 200
KEEP_ALIVES_MISSED_S = 35.0
"""The hub sends a comment every 10 s; after three silent ones it is gone."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a hub listens; ``prefix`` is what a proxy puts before its paths."""

    secure: bool
    host: str
    port: int
    prefix: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{self.prefix}"


def parse_address(text: str) -> Address:
    """Return the address that ``text`` names; the scheme may be left out, and so may the port.

    Raises:
        UsageError: it is no address.
    """
    spelled = text.strip()
    try:
        parts = urlsplit(spelled if "://" in spelled else f"http://{spelled}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"--url {text!r} is no address ({error}); use one such as http://127.0.0.1:4318") from error
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or not spelled.isprintable():
        raise UsageError(f"--url {text!r} is no address; use one such as http://127.0.0.1:4318")
    secure = parts.scheme == "https"
    given = 443 if secure else DEFAULT_PORT
    return Address(secure, host, given if port is None else port, parts.path.rstrip("/"))


class HubClient:
    """One hub.

    Args:
        address: where it listens.
        timeout_s: seconds it may be silent; None for 10, and 40 where it may have to think.
        token: what it wants to be shown; empty for none.
    """

    def __init__(self, address: Address, timeout_s: float | None, token: str = "") -> None:
        self.address = address
        self.timeout_s = timeout_s or DEFAULT_TIMEOUT_S
        self._query_timeout_s = timeout_s or QUERY_TIMEOUT_S
        self._headers = {"Accept": "*/*", "User-Agent": "firstlight-cli"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, parameters: Mapping[str, str] | None = None, *, patient: bool = False) -> Any:
        """Return the JSON that ``path`` answers; ``patient`` where the hub may have to think.

        Raises:
            UsageError: the hub refuses the request or wants a token.
            NotReachable: nothing answers, or no hub does.
            Overloaded: it cannot answer now.
        """
        query = f"?{urlencode(parameters)}" if parameters else ""
        timeout_s = self._query_timeout_s if patient else self.timeout_s
        with self._request("GET", path + query, None, timeout_s) as response:
            return self._json(response, response.read())

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send ``body`` as JSON and return the JSON answer; raises as :meth:`get`."""
        with self._request("POST", path, json.dumps(body).encode(), self._query_timeout_s) as response:
            return self._json(response, response.read())

    def text(self, path: str) -> tuple[int, str, str]:
        """Return ``(status, content type, body)`` of ``path``.

        Raises:
            NotReachable: nothing answers.
        """
        with self._request("GET", path, None, self.timeout_s) as response:
            body = response.read().decode("utf-8", "replace")
            return response.status, response.getheader("Content-Type", ""), body

    def lives(self) -> bool:
        """Return whether a hub answers; another program on its port is none."""
        try:
            status, _, body = self.text("/livez")
        except NotReachable:
            return False
        return status == _OK and body.strip() == "ok"

    def stream(self, path: str, parameters: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
        """Yield ``(event, data)`` for each message of a stream, and ``("", None)`` for each sign of life between them.

        Raises:
            NotReachable: the stream cannot be opened, has ended or has gone silent.
        """
        query = f"{path}?{urlencode(parameters)}"
        with self._request("GET", query, None, self.timeout_s, streaming=True) as response:
            if response.status != _OK:
                self._json(response, response.read())
            if not response.getheader("Content-Type", "").startswith("text/event-stream"):
                raise self._foreign("no event stream")
            yield "", None
            yield from self._messages(response)

    @contextmanager
    def _request(
        self, method: str, path: str, body: bytes | None, timeout_s: float, *, streaming: bool = False
    ) -> Iterator[HTTPResponse]:
        kind = HTTPSConnection if self.address.secure else HTTPConnection
        headers = self._headers if body is None else self._headers | {"Content-Type": "application/json"}
        connection = kind(self.address.host, self.address.port, timeout=timeout_s)
        with closing(connection), self._translated(timeout_s):
            connection.request(method, self.address.prefix + path, body, headers)
            peer = connection.sock
            with closing(connection.getresponse()) as response:
                if streaming:
                    peer.settimeout(KEEP_ALIVES_MISSED_S)
                yield response

    @contextmanager
    def _translated(self, timeout_s: float) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise NotReachable(
                f"the hub at {self.address} did not answer within {timeout_s:g} s; try again, or raise --timeout"
            ) from error
        except ConnectionRefusedError as error:
            raise NotReachable(
                f"no hub answers at {self.address}; start one with `firstlight up`, or name another with --url"
            ) from error
        except socket.gaierror as error:
            raise NotReachable(f"the host of {self.address} is unknown ({error.strerror}); check --url") from error
        except OSError as error:
            raise NotReachable(f"{self.address} cannot be reached ({error}); check --url") from error
        except HTTPException as error:
            raise self._foreign(f"no HTTP: {type(error).__name__}") from error

    def _json(self, response: HTTPResponse, body: bytes) -> Any:
        try:
            answer = json.loads(body)
        except ValueError:
            if response.status in _BUSY:
                raise Overloaded(f"the hub at {self.address} cannot answer now; try again in a moment") from None
            raise self._foreign(f"HTTP {response.status} without JSON") from None
        if response.status == _OK:
            return answer
        raise self._refusal(response.status, answer)

    def _refusal(self, status: int, answer: Any) -> FirstlightError:
        error = answer.get("error") if isinstance(answer, dict) else None
        message = error.get("message") if isinstance(error, dict) else error
        if not isinstance(message, str):
            return self._foreign(f"HTTP {status}")
        if (kind := _QUERY_ERRORS.get(answer.get("errorType"))) is not None:
            return kind(message)
        if status in _BUSY:
            return Overloaded(message)
        if status == _BAD_REQUEST:
            return QueryError(message)
        if status == _NO_TOKEN:
            return UsageError(f"the hub at {self.address} wants its token; set FIRSTLIGHT_TOKEN")
        if status == _TOO_LARGE:
            return PayloadTooLarge(message)
        return NotReachable(f"the hub at {self.address} says: {message[:_SHOWN_CHARS]} (HTTP {status})")

    def _foreign(self, what: str) -> NotReachable:
        return NotReachable(f"what answers at {self.address} is no Firstlight hub ({what}); check --url")

    def _messages(self, response: HTTPResponse) -> Iterator[tuple[str, Any]]:
        name, data = "message", list[str]()
        while line := response.readline():
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            field, _, value = text.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif not text and data:
                yield name, self._decoded("\n".join(data))
                name, data = "message", []
            else:
                yield "", None
        raise NotReachable(f"the hub at {self.address} has ended the stream; see whether it still runs")

    def _decoded(self, data: str) -> Any:
        try:
            return json.loads(data)
        except ValueError:
            raise self._foreign("a stream without JSON") from None
