"""What is recorded of each request that a server answers, whichever interface it came through.

Names of attributes: OpenTelemetry's semantic conventions for HTTP server spans.  The three questions of each service
(how many, how many failed, how long) are ``http_server_requests_total{method,route,status}`` and
``http_server_request_seconds{method,route}``; ``http_server_active_requests`` tells how many are open.
"""

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from firstlight.sdk.tracing.baggage import BAGGAGE, carry
from firstlight.sdk.tracing.context import CURRENT
from firstlight.sdk.tracing.remote import RemoteSpan

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry
    from firstlight.sdk.tracing.spans import Span

SCOPE = "http.server"
MARK = "firstlight.request"
"""Key by which an inner middleware sees that an outer one records already."""

OTHER_ROUTE = "other"
"""Route of requests whose framework names none, and of those beyond the bound: a path is never a label."""

MAX_ROUTES = 200
MAX_CHARS = 256
METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
OTHER_METHOD = "_OTHER"
SERVER_ERROR = 500

_Line = tuple[Callable[[], object], Callable[[float], None]]


class Request(NamedTuple):
    """What is known of a request when it begins.

    Attributes:
        method: as the client wrote it.
        attributes: of the span.
        parent: the caller's span.
        baggage: what came along.
        timed: whether its duration says anything; that of a websocket does not.
    """

    method: str
    attributes: dict[str, Any]
    parent: RemoteSpan | None
    baggage: BAGGAGE
    timed: bool = True


class Exchange:
    """One request under way.

    Attributes:
        status: of the answer; 0 until it is known.
        route: what the framework said when the answer began; it may forget it before the end.
        span: the server's span.
    """

    __slots__ = ("_baggage", "_began_s", "_ended", "_method", "_server", "_timed", "route", "span", "status")

    def __init__(self, server: "HttpServer", span: "Span", method: str, request: Request) -> None:
        self.status = 0
        self.route = ""
        self.span = span
        self._server = server
        self._method = method
        self._baggage = request.baggage
        self._timed = request.timed
        self._ended = False
        self._began_s = perf_counter()

    def enter(self) -> tuple[Any, BAGGAGE]:
        """Make its span and baggage the current ones; return what :meth:`leave` shall put back."""
        before = CURRENT.get()
        CURRENT.set(self.span)
        return before, carry(self._baggage)

    def leave(self, before: tuple[Any, BAGGAGE]) -> None:
        """Put back what was current before."""
        CURRENT.set(before[0])
        carry(before[1])

    def end(self, error: BaseException | None = None, route: str = "") -> None:
        """Record the request, once; ``error`` is what the application raised."""
        if self._ended:
            return
        self._ended = True
        seconds = perf_counter() - self._began_s if self._timed else None
        self._server.ended(self, error, (self._method, route or self.route, seconds))


class HttpServer:
    """Records exchanges.

    Args:
        telemetry: the recorder.
    """

    def __init__(self, telemetry: "Telemetry") -> None:
        self._scope = telemetry.scope(SCOPE)
        self._troubles = telemetry.troubles
        self._total = self._scope.counter(
            "http_server_requests_total", help="Requests answered.", labels=("method", "route", "status")
        )
        self._seconds = self._scope.histogram(
            "http_server_request_seconds",
            help="From the request's first line to the answer's last byte.",
            labels=("method", "route"),
        )
        self._active = self._scope.gauge("http_server_active_requests", help="Requests under way.")
        self._lines: dict[tuple[str, str, int], _Line] = {}
        self._routes: set[str] = set()

    def begin(self, read: Callable[[], Request]) -> Exchange | None:
        """Return the exchange of the request that ``read`` reads, or None when it cannot be recorded."""
        try:
            return self._begin(read())
        except Exception as error:  # noqa: BLE001
            # Whatever is wrong with the recording, the request must be answered.
            self._troubles.internal("a request could not be recorded", error)
            return None

    def ended(self, exchange: Exchange, error: BaseException | None, told: tuple[str, str, float | None]) -> None:
        """Record an exchange; ``told`` is its method, its route and its seconds (None where they mean nothing)."""
        method, route, seconds = told
        try:
            self._finish(exchange, error, method, route)
            self._measure(method, self._bounded(route), exchange.status, seconds)
        except Exception as fault:  # noqa: BLE001 - as in begin
            self._troubles.internal("a request could not be recorded", fault)

    def _begin(self, request: Request) -> Exchange:
        method, attributes = request.method, request.attributes
        known = attributes["http.request.method"] = method if method in METHODS else OTHER_METHOD
        if known != method:
            attributes["http.request.method_original"] = method[:MAX_CHARS]
        span = self._scope.make_span(known, kind="server", parent=request.parent, attributes=attributes)
        before = CURRENT.get()
        span.__enter__()
        CURRENT.set(before)
        self._active.inc()
        return Exchange(self, span, known, request)

    def _finish(self, exchange: Exchange, error: BaseException | None, method: str, route: str) -> None:
        span = exchange.span
        if error is not None and not exchange.status:
            exchange.status = SERVER_ERROR
        if route:
            span.name = f"{method} {route}"
            span.attributes["http.route"] = route
        if exchange.status:
            span.attributes["http.response.status_code"] = exchange.status
        if error is not None:
            span.attributes["error.type"] = type(error).__qualname__
        elif exchange.status >= SERVER_ERROR:
            span.attributes["error.type"] = str(exchange.status)
            span.fail("")
        before = CURRENT.get()
        span.__exit__(None if error is None else type(error), error, None)
        CURRENT.set(before)

    def _measure(self, method: str, route: str, status: int, seconds: float | None) -> None:
        self._active.dec()
        count, observe = self._lines.get((method, route, status)) or self._line(method, route, status)
        count()
        if seconds is not None:
            observe(seconds)

    def _line(self, method: str, route: str, status: int) -> _Line:
        count = self._total.labels(method, route, str(status) if status else "none").inc
        line = self._lines[method, route, status] = count, self._seconds.labels(method, route).observe
        return line

    def _bounded(self, route: str) -> str:
        if not route:
            return OTHER_ROUTE
        if route not in self._routes:
            if len(self._routes) >= MAX_ROUTES:
                return OTHER_ROUTE
            self._routes.add(route)
        return route
