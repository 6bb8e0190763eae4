"""InfluxDB line protocol: to files, ``influxdb/telemetry-*.lp``, and to a server over HTTP."""

import gzip
from http import HTTPStatus
from os import PathLike
from pathlib import Path
from urllib.parse import urlencode

from firstlight.codecs import influx
from firstlight.codecs.influx_points import points
from firstlight.errors import FirstlightError, Unavailable
from firstlight.export.connection import Answer, Connections, Tls, checked_url
from firstlight.export.files import FileExporter, FilePolicy, Parts, RotatingFile
from firstlight.model import Batch

FOLDER = "influxdb"
EXAMPLE = "http://127.0.0.1:8086"
GZIP_FROM_BYTES = 1024
RETRY_AFTER_S = 5.0
_STEM = "telemetry"
_SHOWN_BYTES = 200


class InfluxFileExporter(FileExporter):
    """Writes all rows of each batch as lines below ``directory``, times in nanoseconds.

    Args:
        directory: the folder ``influxdb`` is made in it.
        policy: see :class:`~firstlight.export.files.FilePolicy`.

    Raises:
        UsageError: the policy's compression needs a package that is not installed.
    """

    def __init__(self, directory: str | PathLike[str], policy: FilePolicy | None = None) -> None:
        file = RotatingFile(Path(directory) / FOLDER, _STEM, ".lp", policy or FilePolicy())
        super().__init__({_STEM: file}, _parts)


class InfluxExporter:
    """Posts each batch to an InfluxDB or to whatever else speaks its protocol.

    With ``org`` it speaks 2.x (``/api/v2/write``), else 1.x (``/write``).

    Args:
        endpoint: base URL, such as ``http://127.0.0.1:8086``.
        database: where to; the bucket in 2.x.
        org: of 2.x.
        token: sent as ``Authorization: Token``.
        timeout_s: for connecting and for each answer.
        tls: whom to trust.

    Raises:
        UsageError: the endpoint is no http or https URL.
    """

    def __init__(
        self,
        endpoint: str = EXAMPLE,
        *,
        database: str = "telemetry",
        org: str = "",
        token: str = "",
        timeout_s: float = 10.0,
        tls: Tls | None = None,
    ) -> None:
        path, query = "/write", {"db": database, "precision": "ns"}
        if org:
            path, query = "/api/v2/write", {"org": org, "bucket": database, "precision": "ns"}
        url = checked_url(endpoint, EXAMPLE)
        self._url = url._replace(path=url.path.rstrip("/") + path, query=urlencode(query))
        self._headers = {"Content-Type": influx.CONTENT_TYPE, "User-Agent": "firstlight"}
        if token:
            self._headers["Authorization"] = f"Token {token}"
        self._connections = Connections(timeout_s, tls or Tls())
        self._unfinished: tuple[Batch, bytes] | None = None

    def export(self, batch: Batch) -> None:
        """Deliver ``batch`` in one request.  Sending it again changes nothing: a point is known by its tags and time.

        Raises:
            NotReachable: nobody answered; try again later.
            Unavailable: the server is busy; try again later.
            FirstlightError: the server refuses it for good, wholly or in part.
        """
        if self._unfinished is None or self._unfinished[0] is not batch:
            self._unfinished = (batch, influx.encode(points(batch)))
        body = self._unfinished[1]
        if body:
            self._judge(self._post(body))
        self._unfinished = None

    def close(self) -> None:
        """Close the connection."""
        self._connections.close()

    def _post(self, body: bytes) -> Answer:
        headers = self._headers
        if len(body) >= GZIP_FROM_BYTES:
            body = gzip.compress(body, 1)
            headers = {**headers, "Content-Encoding": "gzip"}
        return self._connections.post(self._url, body, headers)

    def _judge(self, answer: Answer) -> None:
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return
        said = answer.body[:_SHOWN_BYTES].decode(errors="replace").strip()
        message = f"{self._url.netloc} answered {answer.status}: {said}"
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait_s = RETRY_AFTER_S if answer.retry_after_s is None else answer.retry_after_s
            raise Unavailable(f"{message}; it will be tried again", wait_s)
        self._unfinished = None
        raise FirstlightError(message)


def _parts(batch: Batch) -> Parts:
    return {_STEM: influx.encode(points(batch))}
