"""Kept HTTP connections to receivers; one to each address, none shared with a forked child."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Event
from time import time
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from firstlight.errors import NotReachable, UsageError

ANSWER_MOST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Tls:
    """How an https receiver is trusted and how we show who we are.

    Attributes:
        ca_file: PEM certificates that the receiver's must lead to; the system's own when empty.
        cert_file: our own PEM certificate; none when empty.
        key_file: its PEM key; in ``cert_file`` when empty.
        insecure: trust whatever certificate the receiver shows.
    """

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    insecure: bool = False

    def context(self) -> ssl.SSLContext:
        """Return what a connection needs.

        Raises:
            UsageError: a file cannot be read or is no PEM file.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file or None)
            if self.cert_file:
                context.load_cert_chain(self.cert_file, self.key_file or None)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(filter(None, (self.ca_file, self.cert_file, self.key_file)))
            raise UsageError(f"cannot use the certificates {files}: {error}; they must be PEM files") from error
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class Answer(NamedTuple):
    """What a receiver said; ``retry_after_s`` is None when it did not say."""

    status: int
    retry_after_s: float | None
    body: bytes


class Connections:
    """Posts bodies.  Called from one thread at a time, but for :meth:`close`.

    Args:
        timeout_s: for connecting and for each answer.
        tls: for https.
    """

    def __init__(self, timeout_s: float, tls: Tls) -> None:
        self.closed = Event()
        self._timeout_s = timeout_s
        self._tls = tls
        self._open: dict[tuple[str, str], HTTPConnection] = {}
        self._pid = os.getpid()

    def post(self, url: SplitResult, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post ``body``; the path and query are those of ``url``.

        Raises:
            NotReachable: nobody answered; whether it was taken is unknown.
        """
        if self._pid != os.getpid():
            self._forget_parents()
        was_kept = (url.scheme, url.netloc) in self._open
        try:
            return self._exchange(url, body, headers)
        except (OSError, HTTPException) as error:
            self._disconnect(url)
            if not was_kept:
                raise _away(url, error) from error
        # The receiver may have closed a kept connection just as we used it, so that alone proves nothing.
        try:
            return self._exchange(url, body, headers)
        except (OSError, HTTPException) as error:
            self._disconnect(url)
            raise _away(url, error) from error

    def close(self) -> None:
        """Close all and cut short any waiting."""
        self.closed.set()
        while self._open:
            self._open.popitem()[1].close()

    def _exchange(self, url: SplitResult, body: bytes, headers: Mapping[str, str]) -> Answer:
        connection = self._connected(url)
        target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        connection.request("POST", target, body, dict(headers))
        with connection.getresponse() as response:
            answer = response.read(ANSWER_MOST_BYTES)
            if response.will_close or not response.isclosed():
                self._disconnect(url)
            return Answer(response.status, retry_after_s(response.headers.get("Retry-After")), answer)

    def _connected(self, url: SplitResult) -> HTTPConnection:
        found = self._open.get((url.scheme, url.netloc))
        if found is None:
            found = self._open[url.scheme, url.netloc] = self._made(url)
        return found

    def _made(self, url: SplitResult) -> HTTPConnection:
        if url.scheme == "http":
            return HTTPConnection(url.hostname or "", url.port, timeout=self._timeout_s)
        return HTTPSConnection(url.hostname or "", url.port, timeout=self._timeout_s, context=self._tls.context())

    def _disconnect(self, url: SplitResult) -> None:
        connection = self._open.pop((url.scheme, url.netloc), None)
        if connection is not None:
            connection.close()

    def _forget_parents(self) -> None:
        while self._open:
            self._open.popitem()[1].close()
        self.closed = Event()
        self._pid = os.getpid()


def checked_url(endpoint: str, example: str) -> SplitResult:
    """Return ``endpoint`` taken apart.

    Raises:
        UsageError: it is no http or https URL.
    """
    try:
        url = urlsplit(endpoint)
        if url.scheme in {"http", "https"} and url.hostname and url.port != 0:
            return url
    except ValueError:
        pass
    raise UsageError(f"the endpoint must be an address such as {example}, not {endpoint!r}")


def retry_after_s(text: str | None) -> float | None:
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


def _away(url: SplitResult, error: Exception) -> NotReachable:
    return NotReachable(f"nothing answers at {url.scheme}://{url.netloc} ({error!r}); start it with: firstlight up")
