"""``GET /``, ``/explore`` and ``/static/``: the pages, from files beside this one."""

import asyncio
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK, HTTP_304_NOT_MODIFIED

STATIC = Path(__file__).resolve().parent / "static"
_INDEX = "index.html"
_EXPLORE = "explore.html"
# A browser asks each time whether its copy is fresh, so a new version shows at once; the answer is 304 without a body.
_CACHE = "no-cache"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2", ".svg": "image/svg+xml"}
_MOST_FILES = 128


@dataclass(frozen=True, slots=True)
class _Page:
    content: bytes
    media_type: str
    etag: str


@get("/", include_in_schema=False)
async def show_page(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the page."""
    return await _serve(request, _INDEX)


@get("/explore", include_in_schema=False)
async def show_explore(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the page that asks anything; what it shows stands behind the address's ``#``."""
    return await _serve(request, _EXPLORE)


@get("/static/{path:path}", include_in_schema=False)
async def show_static(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
    """Return one of the page's files."""
    return await _serve(request, path.lstrip("/"))


async def _serve(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
    page = await asyncio.to_thread(_find, path)
    headers = {"etag": page.etag, "cache-control": _CACHE}
    if page.etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=HTTP_304_NOT_MODIFIED, headers=headers, media_type=page.media_type)
    return Response(page.content, status_code=HTTP_200_OK, headers=headers, media_type=page.media_type)


def _find(path: str) -> _Page:
    try:
        file = (STATIC / path).resolve()
        if not file.is_relative_to(STATIC) or not file.is_file():
            raise NotFoundException
        return _load(file, file.stat().st_mtime_ns)
    except (OSError, ValueError):  # a name too long, or with a zero byte
        raise NotFoundException from None


@lru_cache(maxsize=_MOST_FILES)
def _load(file: Path, _: int) -> _Page:
    content = file.read_bytes()
    media_type = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return _Page(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
