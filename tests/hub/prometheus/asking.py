"""Asking the API of Prometheus, and writing to it."""

import http.client
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import cramjam

from bench.remote_write_messages import request, series

FORM = {"content-type": "application/x-www-form-urlencoded"}
WRITE = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
WRITE |= {"x-prometheus-remote-write-version": "0.1.0"}
Line = tuple[dict[str, str], Sequence[tuple[int, float]]]
"""Labels, and times in ms with values."""


def packed(body: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(body))


def write_request(lines: Sequence[Line], metadata: Any = ()) -> bytes:
    made = [series(dict(sorted(labels.items())), *samples) for labels, samples in lines]
    return packed(request(*made, metadata=metadata).SerializeToString())


def ask(url: str, method: str, path: str, body: Any = None, headers: Any = None) -> tuple[int, Any, bytes]:
    """Return status, headers and body."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def write(url: str, lines: Sequence[Line], metadata: Any = ()) -> int:
    return ask(url, "POST", "/api/v1/write", write_request(lines, metadata), WRITE)[0]


def answer(url: str, path: str, method: str = "GET", **params: Any) -> tuple[int, Any]:
    """Return status and the JSON of ``/api/v1/<path>``; a name ends in an underscore for ``[]``."""
    pairs = urlencode({name.replace("match_", "match[]"): value for name, value in params.items()}, doseq=True)
    if method == "POST":
        status, _, body = ask(url, method, f"/api/v1/{path}", pairs, FORM)
    else:
        status, _, body = ask(url, method, f"/api/v1/{path}?{pairs}")
    return status, json.loads(body)


def data(url: str, path: str, method: str = "GET", **params: Any) -> Any:
    status, told = answer(url, path, method, **params)
    assert (status, told["status"]) == (200, "success"), told
    return told["data"]
