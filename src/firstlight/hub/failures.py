"""Every error as an answer: JSON, or what OTLP and Prometheus say where they are spoken.  No answer shows a stack."""

import logging
import math
import secrets
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from firstlight.app.platform import Platform
from firstlight.codecs.otlp import answers
from firstlight.errors import (
    DecodeError,
    FirstlightError,
    Overloaded,
    PayloadTooLarge,
    QueryError,
    StorageFull,
    Unavailable,
    UsageError,
)
from firstlight.hub.prometheus.failures import WRITE_PATH, encoded, is_read, status_and_type

_log = logging.getLogger(__name__)

OTLP_PREFIX = "/v1/"
_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"
_TEXT = "text/plain"

_ANSWERS: tuple[tuple[type[FirstlightError], int, str], ...] = (
    (PayloadTooLarge, 413, "TOO_LARGE"),
    (DecodeError, 400, "BAD_PAYLOAD"),
    (QueryError, 400, "BAD_QUERY"),
    (UsageError, 400, "BAD_REQUEST"),
    (Overloaded, 429, "OVERLOADED"),
    (StorageFull, 503, "STORAGE_FULL"),
    (Unavailable, 503, "UNAVAILABLE"),
    (FirstlightError, 500, "STORAGE_FAILED"),
)
_HTTP_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "TOO_SLOW",
    413: "TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
}
_HTTP_MESSAGES = {
    404: "there is nothing at this address; the interfaces are /v1/, /api/, /metrics, /livez and /readyz",
    405: "this address does not take that method",
}
# https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
_RPC_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 3, 415: 3, 429: 8, 503: 14}
_RPC_INTERNAL = 13


class Failure(msgspec.Struct, frozen=True):
    """An error as it is told: status, code and what to do."""

    status: int
    code: str
    message: str
    headers: dict[str, str] = {}


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Return the answer to ``error``; an unexpected one is counted and logged with an id that the answer names."""
    platform: Platform = request.app.state.platform
    path, content_type = request.url.path, request.headers.get("content-type", "")
    failure = _expected(error, path)
    if failure is None:
        number = secrets.token_hex(4)
        _log.error("fault %s in %s %s", number, request.method, request.url.path, exc_info=error)
        platform.metrics.faults.inc("http")
        failure = Failure(500, "INTERNAL", f"something went wrong here; the hub's log has it as {number}")
    if path == WRITE_PATH or path.startswith(OTLP_PREFIX):
        platform.metrics.ingest_errors.inc(failure.code.lower())
    body, media_type = encode(failure, path, content_type)
    return Response(body, status_code=failure.status, media_type=media_type, headers=failure.headers)


def encode(failure: Failure, path: str, content_type: str) -> tuple[bytes, str]:
    """Return ``failure`` in the form that callers of ``path`` understand, and its media type."""
    if path == WRITE_PATH:
        return failure.message.encode(), _TEXT
    if is_read(path):
        return encoded(failure.code.lower(), failure.message), _JSON
    if not path.startswith(OTLP_PREFIX):
        error = {"code": failure.code, "message": failure.message}
        return msgspec.json.encode({"status": "error", "error": error}), _JSON
    code = _RPC_CODES.get(failure.status, _RPC_INTERNAL)
    as_json = content_type.startswith(_JSON)
    return answers.status(code, failure.message, as_json=as_json), _JSON if as_json else _PROTOBUF


def _expected(error: Exception, path: str) -> Failure | None:
    if is_read(path) and (known := status_and_type(error)):
        return Failure(*known, _message(error), _headers(error))
    for kind, status, code in _ANSWERS:
        if isinstance(error, kind):
            return Failure(status, code, _message(error), _headers(error))
    if isinstance(error, HTTPException) and error.status_code < 500:  # noqa: PLR2004 - a server error is no plain answer
        message = _HTTP_MESSAGES.get(error.status_code) or error.detail
        code = _HTTP_CODES.get(error.status_code, "BAD_REQUEST")
        return Failure(error.status_code, code, message, _headers(error))
    return None


def _message(error: Exception) -> str:
    return error.detail if isinstance(error, HTTPException) else str(error)


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, HTTPException):
        return dict(error.headers or {})
    return {"retry-after": str(math.ceil(error.retry_after_s))} if isinstance(error, Unavailable) else {}
