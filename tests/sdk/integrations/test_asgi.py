import asyncio
import contextlib

import pytest

import firstlight
from firstlight.app.instrumented import AsgiMiddleware
from firstlight.sdk.tracing.baggage import get_baggage
from firstlight.testing import capture

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
START = {"type": "http.response.start", "status": 200, "headers": []}
LAST = {"type": "http.response.body", "body": b"x"}


def http(**more):
    return {
        "type": "http",
        "method": "GET",
        "path": "/x",
        "scheme": "https",
        "http_version": "2",
        "headers": [(b"user-agent", b"curl/8")],
        "server": ("shop.example", 443),
        "client": ("10.0.0.9", 50000),
        **more,
    }


def serve(app, scope, sent=None):
    """Serve one connection in a context of its own, as servers do; return what was sent."""
    messages = [] if sent is None else sent

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        messages.append(message)

    asyncio.run(AsgiMiddleware(app)(scope, receive, send))
    return messages


def answering(*messages):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    return app


def test_a_request_is_a_server_span_with_the_conventions_names() -> None:
    headers = [(b"user-agent", b"curl/8"), (b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())]
    with capture() as captured:
        assert serve(answering(START, LAST), http(headers=headers)) == [START, LAST]
    (span,) = captured.spans
    assert (span.name, span.kind, span.status) == ("GET", "server", "unset")
    assert (span.trace_id, span.parent_id) == (TRACE, SPAN)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.scheme": "https",
        "url.path": "/x",
        "server.address": "shop.example",
        "server.port": 443,
        "client.address": "10.0.0.9",
        "client.port": 50000,
        "user_agent.original": "curl/8",
        "network.protocol.version": "2",
    }


def test_the_span_ends_with_the_last_message_and_work_after_it_is_not_part_of_it() -> None:
    seen = []
    with capture() as captured:

        async def app(scope, receive, send):
            await send(START)
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            seen.append(len(captured.spans))
            await send(LAST)
            seen.append(len(captured.spans))

        serve(app, http())
        assert seen == [0, 1]
        assert len(captured.spans) == 1


def test_trailers_belong_to_the_answer() -> None:
    seen = []
    with capture() as captured:

        async def app(scope, receive, send):
            await send({**START, "trailers": True})
            await send(LAST)
            seen.append(len(captured.spans))
            await send({"type": "http.response.trailers", "headers": [], "more_trailers": False})
            seen.append(len(captured.spans))

        serve(app, http())
    assert seen == [0, 1]


def test_route_requests_and_durations_are_measured() -> None:
    async def app(scope, receive, send):
        scope["route"] = type("Route", (), {"path": "/items/{id}"})()
        await answering(START, LAST)(scope, receive, send)

    with capture() as captured:
        active = captured.value("http_server_active_requests") or 0
        serve(app, http())
        labels = {"method": "GET", "route": "/items/{id}"}
        assert captured.value("http_server_requests_total", **labels, status="200") == 1
        assert captured.value("http_server_request_seconds", "count", **labels) == 1
        assert captured.value("http_server_active_requests") == active
    assert captured.spans[0].name == "GET /items/{id}"


def test_the_servers_scope_is_not_written_to() -> None:
    scope = http()
    before = dict(scope)
    serve(answering(START, LAST), scope)
    assert scope == before


@pytest.mark.parametrize("started", [False, True])
def test_what_the_application_raises_is_recorded_and_raised_as_it_is(started: bool) -> None:
    error = ValueError("broken")

    async def app(scope, receive, send):
        if started:
            await send(START)
        raise error

    with capture() as captured, pytest.raises(ValueError, match="broken") as caught:
        serve(app, http())
    assert caught.value is error
    (span,) = captured.spans
    assert (span.status, span.attributes["error.type"]) == ("error", "ValueError")
    assert span.attributes["http.response.status_code"] == (200 if started else 500)


def test_a_cancelled_request_is_recorded() -> None:
    async def main():
        async def app(scope, receive, send):
            await asyncio.Event().wait()

        task = asyncio.create_task(AsgiMiddleware(app)(http(), None, None))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    with capture() as captured:
        asyncio.run(main())
    assert captured.spans[0].attributes["error.type"] == "CancelledError"


def test_span_and_baggage_are_current_inside_and_in_tasks_but_not_outside() -> None:
    seen = []

    async def look():
        seen.append((firstlight.current_span(), get_baggage("who")))

    async def app(scope, receive, send):
        await look()
        await asyncio.create_task(look())
        await answering(START, LAST)(scope, receive, send)

    async def main():
        async def send(message):
            pass

        await AsgiMiddleware(app)(http(headers=[(b"baggage", b"who=me")]), None, send)
        seen.append((firstlight.current_span(), get_baggage("who")))

    with capture() as captured:
        asyncio.run(main())
    assert [(span and span.span_id, who) for span, who in seen] == [
        (captured.spans[0].span_id, "me"),
        (captured.spans[0].span_id, "me"),
        (None, None),
    ]


def test_requests_at_once_do_not_mix() -> None:
    async def app(scope, receive, send):
        await asyncio.sleep(0)
        firstlight.event("inside", path=scope["path"])
        await answering(START, LAST)(scope, receive, send)

    async def main():
        async def send(message):
            await asyncio.sleep(0)

        middleware = AsgiMiddleware(app)
        await asyncio.gather(*(middleware(http(path=f"/{n}"), None, send) for n in range(20)))

    with capture() as captured:
        asyncio.run(main())
    paths = {span.span_id: span.attributes["url.path"] for span in captured.spans}
    assert {event.attributes["path"]: paths[event.span_id] for event in captured.events} == {
        f"/{n}": f"/{n}" for n in range(20)
    }


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        ([{"type": "websocket.accept"}, {"type": "websocket.send"}, {"type": "websocket.close"}], 101),
        ([{"type": "websocket.accept"}], 101),
        ([{"type": "websocket.close"}], 403),
        (
            [{"type": "websocket.http.response.start", "status": 401}, {"type": "websocket.http.response.body"}],
            401,
        ),
    ],
)
def test_a_websocket_is_one_span_whose_length_is_no_request_duration(messages, status: int) -> None:
    scope = {key: value for key, value in http(type="websocket").items() if key != "method"}
    with capture() as captured:
        before = captured.value("http_server_request_seconds", "count", method="GET", route="other")
        assert serve(answering(*messages), scope) == messages
        assert captured.value("http_server_request_seconds", "count", method="GET", route="other") == before
    (span,) = captured.spans
    assert span.attributes["http.response.status_code"] == status
    assert span.attributes["network.protocol.name"] == "websocket"


def test_lifespan_and_what_else_there_may_be_passes_through_untouched() -> None:
    seen = []

    async def app(scope, receive, send):
        seen.append((scope, receive, send))

    scope = {"type": "lifespan"}
    with capture() as captured:
        asyncio.run(AsgiMiddleware(app)(scope, "receive", "send"))
    assert seen == [(scope, "receive", "send")]
    assert seen[0][0] is scope
    assert captured.spans == []


def test_a_request_is_recorded_once_however_many_middlewares_there_are() -> None:
    with capture() as captured:
        serve(AsgiMiddleware(answering(START, LAST)), http())
    assert len(captured.spans) == 1
