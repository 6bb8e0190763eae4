"""An endpoint that Prometheus scrapes, ``http://127.0.0.1:9464/metrics``, in a thread of the recording process."""

import gzip
import os
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread

from firstlight.codecs import openmetrics, prometheus_text
from firstlight.codecs.prometheus_families import families, text_families
from firstlight.errors import UsageError
from firstlight.export.latest import MAX_SERIES, Latest
from firstlight.model import Batch

DEFAULT_PORT = 9464
"""OpenTelemetry's default for this."""

PATH = "/metrics"
TIMEOUT_S = 10.0
POLL_S = 0.1
"""How soon it notices that it shall stop."""

_GZIP_LEVEL = 1
_OPENMETRICS = "application/openmetrics-text"
_TEXT = "text/plain"


class ScrapeExporter:
    """Keeps the present state and shows it to whoever asks; stops listening when it is closed.

    One process can have the port, so programs of several processes better use files, a collector or a lake.

    Args:
        port: 0 takes a free one; see ``address``.
        host: the loopback address unless others may read everything.
        events_total: count events under this name by subsystem, component and level; empty for not.
        operation_duration_ms: keep each operation's last duration under this name; empty for not.
        sender: add ``job`` and ``instance``, which a scraper usually adds itself.

    Attributes:
        address: the URL of the metrics.

    Raises:
        UsageError: the port is taken or may not be used.
    """

    def __init__(
        self,
        port: int = DEFAULT_PORT,
        host: str = "127.0.0.1",
        *,
        events_total: str = "",
        operation_duration_ms: str = "",
        sender: bool = False,
    ) -> None:
        self._sender = sender
        self._latest = Latest(events_total, operation_duration_ms, MAX_SERIES)
        self._pid = os.getpid()
        try:
            self._server: _Server | None = _Server((host, port), self)
        except (OSError, OverflowError) as error:
            raise UsageError(f"cannot listen at {host}:{port} ({error}); choose another port") from error
        self.address = f"http://{host}:{self._server.server_address[1]}{PATH}"
        self._thread = Thread(target=self._server.serve_forever, args=(POLL_S,), name="firstlight-scrape", daemon=True)
        self._thread.start()

    def export(self, batch: Batch) -> None:
        """Take ``batch`` into the state.

        Raises:
            UsageError: this is a forked child; only its parent is scraped.
        """
        if self._pid != os.getpid():
            raise UsageError("a forked process cannot share its parent's scrape endpoint; make an exporter in each")
        self._latest.fold(batch)

    def close(self) -> None:
        """Stop listening."""
        server, self._server = self._server, None
        if server is None:
            return
        if self._pid == os.getpid():
            server.shutdown()
            self._thread.join()
        server.server_close()

    def exposition(self, accept: str = "") -> tuple[str, bytes]:
        """Return the content type and the state in the format that ``accept`` (the header) prefers."""
        found = families(self._latest.readings(), sender=self._sender)
        if wants_openmetrics(accept):
            return openmetrics.CONTENT_TYPE, openmetrics.encode(found)
        return prometheus_text.CONTENT_TYPE, prometheus_text.encode(text_families(found))


def wants_openmetrics(accept: str) -> bool:
    """Return whether a client with this ``Accept`` header asks for OpenMetrics 1.0 rather than the text format."""
    best = {_OPENMETRICS: 0.0, _TEXT: 0.0}
    for item in accept.lower().split(","):
        kind, *rest = (part.strip() for part in item.split(";"))
        parameters = dict(part.partition("=")[::2] for part in rest)
        kind = _TEXT if kind in {"*/*", "text/*"} else kind
        if kind in best and parameters.get("version", "") in {"", "1.0.0" if kind == _OPENMETRICS else "0.0.4"}:
            best[kind] = max(best[kind], _quality(parameters.get("q", "1")))
    return best[_OPENMETRICS] > 0 and best[_OPENMETRICS] >= best[_TEXT]


def _accepts_gzip(header: str) -> bool:
    for item in header.lower().split(","):
        coding, _, quality = item.partition(";")
        if coding.strip() == "gzip":
            return _quality(quality.strip().removeprefix("q=") or "1") > 0
    return False


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], exporter: ScrapeExporter) -> None:
        self.exporter = exporter
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a scraper that hangs up is no trouble of the host program."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = TIMEOUT_S
    server_version = "firstlight"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with the state."""
        if self.path.partition("?")[0] != PATH:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", f"the metrics are at {PATH}\n".encode())
            return
        kind, body = self.server.exporter.exposition(self.headers.get("Accept", ""))
        self._answer(HTTPStatus.OK, kind, body)

    def do_HEAD(self) -> None:
        """Answer like GET, without the body."""
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library calls it so
        """Write nothing into the host program's output."""

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Vary", "Accept, Accept-Encoding")
        if _accepts_gzip(self.headers.get("Accept-Encoding", "")):
            body = gzip.compress(body, _GZIP_LEVEL)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
