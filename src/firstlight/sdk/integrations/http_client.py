"""Requests that this program sends with ``http.client`` carry its trace and baggage along.

Everything that is built on it does then too: ``urllib.request``, ``urllib3``, ``requests``.  It is asked for, because
it tells whoever is called the ids of our traces.
"""

from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

from firstlight.sdk.tracing.propagation import inject

_SEEN = "_firstlight_headers"
_original_putheader = HTTPConnection.putheader
_original_endheaders = HTTPConnection.endheaders


def instrument_http_client() -> None:
    """Have every request of ``http.client`` carry the current span and baggage from now on; again does nothing.

    A header that the program sets itself is left as it is.
    """
    _replace(_putheader, _endheaders)


def uninstrument_http_client() -> None:
    """Take that back."""
    _replace(_original_putheader, _original_endheaders)


def _replace(putheader: Callable[..., None], endheaders: Callable[..., None]) -> None:
    HTTPConnection.putheader = putheader  # type: ignore[method-assign]  # that is what it is for
    HTTPConnection.endheaders = endheaders  # type: ignore[method-assign]  # as above


def _putheader(self: HTTPConnection, header: str | bytes, *values: Any) -> None:
    _original_putheader(self, header, *values)
    name = header.decode("latin-1") if isinstance(header, bytes) else str(header)
    vars(self).setdefault(_SEEN, set()).add(name.lower())


def _endheaders(self: HTTPConnection, *args: Any, **kwargs: Any) -> None:
    seen = vars(self).pop(_SEEN, set())
    carried: dict[str, str] = {}
    inject(carried)
    for name in carried.keys() - seen:
        _original_putheader(self, name, carried[name])
    _original_endheaders(self, *args, **kwargs)
