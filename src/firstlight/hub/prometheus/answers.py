"""Answers in the form of Prometheus."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
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


def success(data: Any, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> Iterator[bytes]:
    """Yield the JSON of an answer; ``data`` is whatever becomes JSON, or pieces of JSON."""
    yield b'{"status":"success","data":'
    if isinstance(data, Iterator):
        yield from data
    else:
        yield msgspec.json.encode(data)
    for name, texts in ((b"warnings", warnings), (b"infos", infos)):
        if texts:
            yield b',"%b":%b' % (name, msgspec.json.encode(texts))
    yield b"}"


def packed(pieces: Iterable[bytes], takes_gzip: bool) -> Body:
    """Return the whole of ``pieces``, compressed when that is wanted and worth it."""
    coming = iter(pieces)
    head = b""
    while len(head) < _GZIP_FROM_BYTES and (piece := next(coming, None)) is not None:
        head += piece
    if not takes_gzip or len(head) < _GZIP_FROM_BYTES:
        return Body(b"".join([head, *coming]))
    packer = zlib.compressobj(_FAST, wbits=_GZIP_BITS)
    return Body(b"".join([packer.compress(head), *map(packer.compress, coming), packer.flush()]), is_gzip=True)


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
