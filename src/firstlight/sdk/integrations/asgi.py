"""ASGI 3: each request and each websocket a span and a few measurements."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from firstlight.sdk.integrations.http_server import MARK, MAX_CHARS, Exchange, HttpServer, Request
from firstlight.sdk.tracing.propagation import extract, extract_baggage

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SWITCHING_PROTOCOLS = 101
FORBIDDEN = 403
_WHOLE_FILES = frozenset({"http.response.pathsend"})


class AsgiMiddleware:
    """Records what ``app`` answers and changes nothing of it.

    A request's span lasts until the last part of its answer was sent, a websocket's until it is closed; it is current
    while the application runs.  What the application raises is recorded and raised on.  ``lifespan`` and what else
    there may be passes through.

    Args:
        app: an ASGI 3 application.
        telemetry: the recorder.
    """

    def __init__(self, app: Application, telemetry: "Telemetry") -> None:
        self.app = app
        self._server = HttpServer(telemetry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        recorded = scope["type"] in {"http", "websocket"} and MARK not in scope
        # A copy, as the specification wants it; frameworks write the route they found into it.
        inner = {**scope, MARK: True} if recorded else scope
        exchange = self._server.begin(lambda: request_of(inner)) if recorded else None
        if exchange is None:
            await self.app(inner, receive, send)
            return
        answer = Answer(exchange, inner, send)
        before = exchange.enter()
        try:
            await self.app(inner, receive, answer.send)
        except BaseException as error:
            exchange.end(error, route_of(inner))
            raise
        finally:
            exchange.leave(before)
            exchange.end(None, route_of(inner))


class Answer:
    """Sees the messages of one answer pass."""

    __slots__ = ("_exchange", "_scope", "_send", "_trailers")

    def __init__(self, exchange: Exchange, scope: Scope, send: Send) -> None:
        self._exchange = exchange
        self._scope = scope
        self._send = send
        self._trailers = False

    async def send(self, message: Message) -> None:
        """Hand ``message`` on; end the exchange after the last one."""
        last = self._note(message)
        try:
            await self._send(message)
        finally:
            if last:
                self._exchange.end(None, route_of(self._scope))

    def _note(self, message: Message) -> bool:
        """Take in what ``message`` says; return whether it is the last."""
        kind = message.get("type", "")
        if kind in {"http.response.start", "websocket.http.response.start"}:
            self._exchange.status = message.get("status", 0)
            self._trailers = bool(message.get("trailers"))
        elif kind == "websocket.accept":
            self._exchange.status = SWITCHING_PROTOCOLS
        elif kind == "websocket.close":
            self._exchange.status = self._exchange.status or FORBIDDEN
            return True
        elif kind in {"http.response.body", "websocket.http.response.body"}:
            return not message.get("more_body") and not self._trailers
        elif kind == "http.response.trailers":
            return not message.get("more_trailers")
        return kind in _WHOLE_FILES and not self._trailers


def route_of(scope: Scope) -> str:
    """Return the template that the framework found for the path, empty when it does not say."""
    named = scope.get("http.route") or scope.get("path_template")
    if not isinstance(named, str):
        # A framework's route object is its own code.
        try:
            named = getattr(scope.get("route"), "path", "")
        except Exception:  # noqa: BLE001
            return ""
    return named[:MAX_CHARS] if isinstance(named, str) else ""


def request_of(scope: Scope) -> Request:
    """Return what ``scope`` says of a request or a websocket."""
    headers, timed = scope.get("headers") or (), scope["type"] == "http"
    return Request(scope.get("method", "GET"), described(scope), extract(headers), extract_baggage(headers), timed)


def described(scope: Scope) -> dict[str, Any]:
    """Return the attributes of a request; the query is left out, as secrets travel in it."""
    server, client = scope.get("server") or ("", None), scope.get("client") or ("", None)
    agents = [value for name, value in scope.get("headers") or () if name.lower() == b"user-agent"]
    said = {
        "url.scheme": scope.get("scheme"),
        "url.path": str(scope.get("path", ""))[: 4 * MAX_CHARS],
        "server.address": server[0],
        "server.port": server[1],
        "client.address": client[0],
        "client.port": client[1],
        "user_agent.original": agents[0].decode("latin-1")[:MAX_CHARS] if agents else "",
        "network.protocol.version": scope.get("http_version"),
        "network.protocol.name": "websocket" if scope["type"] == "websocket" else "",
    }
    return {name: value for name, value in said.items() if value}
