"""Errors in the form of Prometheus: a type of a few, a text, a status."""

import msgspec
from litestar.exceptions import HTTPException

from firstlight.errors import (
    FirstlightError,
    QueryCanceled,
    QueryError,
    QueryFailed,
    QueryTimedOut,
    Unavailable,
)

PREFIX = "/api/v1/"
WRITE_PATH = "/api/v1/write"

_KINDS: tuple[tuple[type[FirstlightError], int, str], ...] = (
    (QueryTimedOut, 503, "timeout"),
    (QueryCanceled, 499, "canceled"),
    (QueryFailed, 422, "execution"),
    (QueryError, 400, "bad_data"),
    (Unavailable, 503, "unavailable"),
    (FirstlightError, 500, "internal"),
)


class BadData(HTTPException):
    """A parameter is missing or wrong.

    Args:
        problem: what is wrong.
        name: the parameter that the text shall name; empty for none.
    """

    status_code = 400

    def __init__(self, problem: str, name: str = "") -> None:
        super().__init__(detail=f'invalid parameter "{name}": {problem}' if name else problem)


def is_read(path: str) -> bool:
    """Return whether ``path`` is one where errors have Prometheus' form."""
    return path.startswith(PREFIX) and path != WRITE_PATH


def status_and_type(error: Exception) -> tuple[int, str] | None:
    """Return the status and the type of an error that Prometheus has a name for; None for others."""
    if isinstance(error, HTTPException):
        return (400, "bad_data") if error.status_code == 400 else None  # noqa: PLR2004 - HTTP's bad request
    return next(((status, name) for kind, status, name in _KINDS if isinstance(error, kind)), None)


def encoded(kind: str, text: str) -> bytes:
    """Return the body."""
    return msgspec.json.encode({"status": "error", "errorType": kind, "error": text})
