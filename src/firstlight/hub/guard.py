"""The outermost layer: who may ask, what every answer carries, and what is counted.

* On a loopback address only local names are accepted as Host, or a page of a foreign site could reach the hub by
  pointing its own name here (DNS rebinding).
* A browser that comes from another site is refused; it could not read the answer but it could write.
* With a token set, everything but the two probes and the sign-in needs it.
"""

import hashlib
import hmac
import time
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from firstlight.app.platform import Platform
from firstlight.app.settings import LOOPBACK_HOSTS, Settings
from firstlight.app.writes import SIGNAL
from firstlight.hub.failures import OTLP_PREFIX, Failure, encode
from firstlight.hub.prometheus.failures import WRITE_PATH

COOKIE = "firstlight"
SIGN_IN_PATH = "/sign-in"
_OPEN_PATHS = frozenset({"/livez", "/readyz", "/-/healthy", "/-/ready", SIGN_IN_PATH})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UNMATCHED = "unmatched"

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_SECURITY_HEADERS = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]


class Guard:
    """An ASGI application around another one."""

    def __init__(self, inner: ASGIApp, platform: Platform) -> None:
        self._inner = inner
        self._platform = platform
        self._access = Access(platform.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on; count it either way."""
        if scope["type"] != ScopeType.HTTP:
            return
        answer = _Answer(send)
        scope = _as_get(scope)
        began_s = time.perf_counter()
        try:
            refusal = self._access.refusal(_headers(scope), scope["path"])
            if refusal is None:
                await self._inner(scope, receive, answer)
            else:
                await refuse(refusal, scope, answer)
        finally:
            self._count(scope, answer.status, time.perf_counter() - began_s)

    def _count(self, scope: HTTPScope, status: int, elapsed_s: float) -> None:
        route = scope.get("path_template") or _UNMATCHED
        method = scope["method"] if scope["method"] in _METHODS else "other"
        metrics = self._platform.metrics
        metrics.http_requests.inc(route, method, str(status))
        metrics.http_seconds.observe(elapsed_s, route)
        signal = SIGNAL if route == WRITE_PATH else route.removeprefix(OTLP_PREFIX)
        if signal != route:
            metrics.ingest_requests.inc(signal, str(status))


class Access:
    """Decides from a request's headers whether it may come in.

    Args:
        settings: the address, the token and further host names.
    """

    def __init__(self, settings: Settings) -> None:
        self._token = settings.hub.token
        self._cookie = cookie_value(self._token)
        own = {*LOOPBACK_HOSTS, settings.hub.host.lower(), *(name.lower() for name in settings.hub.allowed_hosts)}
        self._hosts = own if settings.is_loopback else None

    def refusal(self, headers: dict[str, str], path: str) -> Failure | None:
        """Return why the request may not come in; None when it may."""
        host = headers.get("host", "")
        if self._hosts is not None and _host_name(host) not in self._hosts:
            return Failure(403, "FOREIGN_HOST", f"{host!r} is no name of this hub; add it to hub.allowed_hosts")
        if _is_foreign(headers, host):
            return Failure(403, "FOREIGN_ORIGIN", "pages of other sites may not use this hub")
        if self._token and path not in _OPEN_PATHS and not self._is_known(headers):
            hint = "send the hub's token as 'Authorization: Bearer TOKEN', or sign in at /sign-in"
            return Failure(401, "UNAUTHENTICATED", hint, {"www-authenticate": 'Bearer realm="firstlight"'})
        return None

    def is_token(self, token: str) -> bool:
        """Return whether ``token`` is the hub's, in the same time whatever it is."""
        return hmac.compare_digest(token.encode(), self._token.encode())

    def _is_known(self, headers: dict[str, str]) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(token.strip()):
            return True
        return hmac.compare_digest(_cookie(headers).encode(), self._cookie.encode())


def cookie_value(token: str) -> str:
    """Return what a browser that has signed in carries; the token cannot be had from it."""
    return hmac.new(token.encode(), b"firstlight page", hashlib.sha256).hexdigest()


async def refuse(failure: Failure, scope: HTTPScope, send: Send) -> None:
    """Answer with ``failure``."""
    headers = _headers(scope)
    if failure.status == 401 and "text/html" in headers.get("accept", ""):  # noqa: PLR2004
        failure = Failure(303, failure.code, failure.message, {"location": SIGN_IN_PATH})
    body, media_type = encode(failure, scope["path"], headers.get("content-type", ""))
    told = {"content-type": media_type, "content-length": str(len(body)), **failure.headers}
    raw = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": failure.status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class _Answer:
    """Passes an answer on with what every answer carries, and remembers its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", []))
            if not any(name == b"cache-control" for name, _ in headers):
                headers.append((b"cache-control", b"no-store"))
            message["headers"] = [*headers, *_SECURITY_HEADERS]
        await self._send(message)


def _as_get(scope: HTTPScope) -> HTTPScope:
    """Return a HEAD request as the GET whose headers it asks for; the server leaves the body out."""
    return {**scope, "method": HttpMethod.GET} if scope["method"] == HttpMethod.HEAD else scope


def _headers(scope: HTTPScope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_foreign(headers: dict[str, str], host: str) -> bool:
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() != host.lower()
    return headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate"


def _cookie(headers: dict[str, str]) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
