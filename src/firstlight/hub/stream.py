"""``GET /api/stream``: what is stored, as it is stored, as server-sent events."""

import asyncio
from urllib.parse import parse_qs

from litestar import asgi
from litestar.enums import HttpMethod, ScopeType
from litestar.exceptions import MethodNotAllowedException
from litestar.types import Receive, Scope, Send

from firstlight.app.live import Subscriber, Wants, encode_message
from firstlight.app.platform import Platform

KEEP_ALIVE_S = 10.0
_KEEP_ALIVE = b": keep-alive\n\n"
_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
_TRUE = frozenset({"1", "true", "yes"})


@asgi("/api/stream", copy_scope=True)
async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Send what the query string asks for until the client leaves, falls behind or the hub stops."""
    if scope["type"] == ScopeType.HTTP and scope["method"] != HttpMethod.GET:
        raise MethodNotAllowedException(headers={"allow": "GET"})
    platform: Platform = scope["litestar_app"].state.platform
    wants = _wants(scope["query_string"])
    subscriber = platform.live.subscribe(wants)
    try:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        first = encode_message("health", platform.health) if wants.health else _KEEP_ALIVE
        await send({"type": "http.response.body", "body": first, "more_body": True})
        await _until_over(subscriber, receive, send)
    finally:
        platform.live.unsubscribe(subscriber)


async def _until_over(subscriber: Subscriber, receive: Receive, send: Send) -> None:
    # a client that does not read keeps the pump in send() for ever, so its end is watched from outside
    tasks = [
        asyncio.create_task(_pump(subscriber, send)),
        asyncio.create_task(_until_gone(receive)),
        asyncio.create_task(subscriber.ended.wait()),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(subscriber: Subscriber, send: Send) -> None:
    while True:
        try:
            async with asyncio.timeout(KEEP_ALIVE_S):
                message = await subscriber.next()
        except TimeoutError:
            message = _KEEP_ALIVE
        await send({"type": "http.response.body", "body": message, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _wants(query_string: bytes) -> Wants:
    query = parse_qs(query_string.decode("latin-1"))
    names = (name.strip() for text in query.get("names", []) for name in text.split(","))
    return Wants(
        names=frozenset(name for name in names if name),
        events=query.get("events", [""])[-1] in _TRUE,
        health=query.get("health", [""])[-1] in _TRUE,
    )
