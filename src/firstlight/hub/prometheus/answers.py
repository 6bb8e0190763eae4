"""Answers in the form of Prometheus."""

import zlib
from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Request, Response

TRUNCATED = "results truncated due to limit"
_JSON = "application/json"
_GZIP_FROM_BYTES = 4096
_GZIP_BITS = 31
_FAST = 1


class Body(msgspec.Struct, frozen=True):
    """An answer's bytes and how they are encoded."""

    content: bytes
    is_gzip: bool = False


def success(data: Any, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> bytes:
    """Return the JSON of an answer; ``data`` is whatever becomes JSON, or JSON already as bytes."""
    given = data if isinstance(data, bytes) else msgspec.json.encode(data)
    notes = b"".join(
        b',"%b":%b' % (name, msgspec.json.encode(texts))
        for name, texts in ((b"warnings", warnings), (b"infos", infos))
        if texts
    )
    return b'{"status":"success","data":%b%b}' % (given, notes)


def packed(content: bytes, takes_gzip: bool) -> Body:
    """Return ``content``, compressed when that is wanted and worth it."""
    if not takes_gzip or len(content) < _GZIP_FROM_BYTES:
        return Body(content)
    packer = zlib.compressobj(_FAST, wbits=_GZIP_BITS)
    return Body(packer.compress(content) + packer.flush(), is_gzip=True)


def takes_gzip(request: Request[Any, Any, Any]) -> bool:
    """Return whether the client reads gzip."""
    for coding in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, quality = coding.partition(";")
        if name.strip() in {"gzip", "*"}:
            return quality.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def plainly(request: Request[Any, Any, Any], data: Any) -> Response[bytes]:
    """Return the answer with ``data`` that took no work."""
    return respond(packed(success(data), takes_gzip(request)))


def respond(body: Body) -> Response[bytes]:
    """Return the answer with 200."""
    headers = {"vary": "accept-encoding"}
    if body.is_gzip:
        headers["content-encoding"] = "gzip"
    return Response(body.content, media_type=_JSON, headers=headers)
