"""WSGI (PEP 3333): each request a span and a few measurements."""

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, cast

from firstlight.sdk.integrations.http_server import MARK, MAX_CHARS, Exchange, HttpServer, Request
from firstlight.sdk.tracing.baggage import parse_baggage
from firstlight.sdk.tracing.propagation import remote_span

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_SIMPLE_BODIES = frozenset({list, tuple, bytes})
_STATUS_DIGITS = 3
_ROUTES: tuple[tuple[str, str, str], ...] = (
    # Key of the environ, attribute of what is there, attribute of that.
    ("werkzeug.request", "url_rule", "rule"),
    ("bottle.route", "rule", ""),
    ("bfg.routes.route", "pattern", ""),
)


class WsgiMiddleware:
    """Records what ``app`` answers and changes nothing of it.

    The span lasts until the body was read to its end or closed, and is current while the application or its body runs.
    What the application raises is recorded and raised on.  A file that the server sends by itself stays one.

    Args:
        app: a WSGI application.
        telemetry: the recorder.
    """

    def __init__(self, app: Application, telemetry: "Telemetry") -> None:
        self.app = app
        self._server = HttpServer(telemetry)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        exchange = None if MARK in environ else self._begin(environ)
        if exchange is None:
            return self.app(environ, start_response)

        def started(status: str, *rest: Any) -> Any:
            exchange.status = status_code(status)
            exchange.route = route_of(environ)
            return start_response(status, *rest)

        before = exchange.enter()
        try:
            body = self.app(environ, started)
        except BaseException as error:
            exchange.end(error, route_of(environ))
            raise
        finally:
            exchange.leave(before)
        return _watched(body, exchange, environ)

    def _begin(self, environ: Environ) -> Exchange | None:
        environ[MARK] = True
        return self._server.begin(lambda: request_of(environ))


class Body:
    """The application's body on its way; the exchange ends with it."""

    def __init__(self, body: Iterable[bytes], exchange: Exchange, environ: Environ) -> None:
        self._body = body
        self._parts: Iterator[bytes] | None = None
        self._exchange = exchange
        self._environ = environ

    def __iter__(self) -> "Body":
        return self

    def __next__(self) -> bytes:
        before = self._exchange.enter()
        try:
            if self._parts is None:
                self._parts = iter(self._body)
            return next(self._parts)
        except StopIteration:
            self._exchange.end(None, route_of(self._environ))
            raise
        except BaseException as error:
            self._exchange.end(error, route_of(self._environ))
            raise
        finally:
            self._exchange.leave(before)

    def close(self) -> None:
        """Close the application's body, if it wants to be, and end."""
        before = self._exchange.enter()
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._exchange.end(error, route_of(self._environ))
            raise
        finally:
            self._exchange.leave(before)
            self._exchange.end(None, route_of(self._environ))

    def __del__(self) -> None:
        # A server that loses its client may forget to close.
        self._exchange.end(None, route_of(self._environ))


class SizedBody(Body):
    """The same for a body that knows how many parts it has: servers send one part with its length."""

    def __len__(self) -> int:
        return len(cast("Sized", self._body))


def status_code(status: str) -> int:
    """Return the number at the beginning of ``200 OK``, 0 when there is none."""
    digits = str(status)[:_STATUS_DIGITS]
    return int(digits) if len(digits) == _STATUS_DIGITS and digits.isascii() and digits.isdigit() else 0


def route_of(environ: Environ) -> str:
    """Return the template that the framework found for the path, empty when it does not say."""
    named = environ.get("http.route")
    if isinstance(named, str):
        return named[:MAX_CHARS]
    try:
        for key, *attributes in _ROUTES:
            found = environ.get(key)
            for attribute in filter(None, attributes):
                found = getattr(found, attribute, None)
            if isinstance(found, str):
                return found[:MAX_CHARS]
    except Exception:  # noqa: BLE001
        # What a framework keeps there is its own code.
        return ""
    return ""


def request_of(environ: Environ) -> Request:
    """Return what ``environ`` says of a request."""
    parent = remote_span(environ.get("HTTP_TRACEPARENT", ""), environ.get("HTTP_TRACESTATE", ""))
    carried = parse_baggage(environ.get("HTTP_BAGGAGE", ""))
    return Request(environ.get("REQUEST_METHOD", ""), described(environ), parent, carried)


def described(environ: Environ) -> dict[str, Any]:
    """Return the attributes of a request; the query is left out, as secrets travel in it."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    port = str(environ.get("SERVER_PORT", ""))
    said: dict[str, Any] = {
        "url.scheme": environ.get("wsgi.url_scheme"),
        "url.path": path.encode("latin-1", "replace").decode("utf-8", "replace")[: 4 * MAX_CHARS],
        "server.address": environ.get("SERVER_NAME", "")[:MAX_CHARS],
        "server.port": int(port) if port.isascii() and port.isdigit() else None,
        "client.address": environ.get("REMOTE_ADDR"),
        "user_agent.original": environ.get("HTTP_USER_AGENT", "")[:MAX_CHARS],
        "network.protocol.version": environ.get("SERVER_PROTOCOL", "").partition("/")[2],
    }
    return {name: value for name, value in said.items() if value}


def _watched(body: Iterable[bytes], exchange: Exchange, environ: Environ) -> Iterable[bytes]:
    """Return ``body`` such that the exchange ends with it; as itself where a server looks at what it is."""
    if type(body) in _SIMPLE_BODIES:
        exchange.end(None, route_of(environ))
        return body
    if _is_file(body, environ):
        return _watched_file(body, exchange, environ)
    return (SizedBody if hasattr(body, "__len__") else Body)(body, exchange, environ)


def _is_file(body: Any, environ: Environ) -> bool:
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(body, wrapper)


def _watched_file(body: Any, exchange: Exchange, environ: Environ) -> Iterable[bytes]:
    inner = getattr(body, "close", None)

    def close() -> None:
        try:
            if inner is not None:
                inner()
        finally:
            exchange.end(None, route_of(environ))

    try:
        body.close = close
    except AttributeError:
        exchange.end(None, route_of(environ))
    served: Iterable[bytes] = body
    return served
