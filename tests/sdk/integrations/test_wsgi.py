import gc
import io
import threading
from contextlib import closing
from http.client import HTTPConnection
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

import firstlight
from firstlight.app.instrumented import WsgiMiddleware
from firstlight.sdk.tracing.baggage import baggage, get_baggage
from firstlight.testing import capture

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Server:
    """What a server does with an application, step by step."""

    def __init__(self, app, **environ):
        self.environ: dict = {"REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", **environ}
        setup_testing_defaults(self.environ)
        self.told: list = []
        self.written: list[bytes] = []
        self.body = app(self.environ, self.start)

    def start(self, *told):
        self.told.append(told)
        return self.written.append

    def read(self) -> bytes:
        try:
            return b"".join(self.body)
        finally:
            if hasattr(self.body, "close"):
                self.body.close()


def plain(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def requests(captured, route: str, status: str, method: str = "GET") -> float:
    return captured.value("http_server_requests_total", method=method, route=route, status=status) or 0.0


def test_a_request_is_a_server_span_with_the_conventions_names() -> None:
    with capture() as captured:
        Server(
            WsgiMiddleware(plain),
            SCRIPT_NAME="/shop",
            PATH_INFO="/caf\u00c3\u00a9",
            QUERY_STRING="token=secret",
            REMOTE_ADDR="10.0.0.9",
            HTTP_USER_AGENT="curl/8",
            HTTP_TRACEPARENT=f"00-{TRACE}-{SPAN}-01",
        ).read()
    (span,) = captured.spans
    assert (span.name, span.kind, span.status) == ("GET", "server", "unset")
    assert (span.trace_id, span.parent_id) == (TRACE, SPAN)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "url.path": "/shop/caf\u00e9",
        "server.address": "127.0.0.1",
        "server.port": 80,
        "client.address": "10.0.0.9",
        "user_agent.original": "curl/8",
        "network.protocol.version": "1.1",
    }


def test_without_a_caller_the_trace_is_its_own_and_nothing_stays_current() -> None:
    with capture() as captured:
        Server(WsgiMiddleware(plain), HTTP_TRACEPARENT="nonsense").read()
    assert captured.spans[0].parent_id == ""
    assert firstlight.current_span() is None


def test_requests_durations_and_those_under_way_are_measured_by_route() -> None:
    def app(environ, start_response):
        environ["http.route"] = "/orders/<id>"
        start_response("201 Created", [])
        firstlight.flush()
        yield b"x"

    with capture() as captured:
        before = requests(captured, "/orders/<id>", "201")
        served = Server(WsgiMiddleware(app), PATH_INFO="/orders/17")
        active = captured.value("http_server_active_requests")
        served.read()
        assert requests(captured, "/orders/<id>", "201") - before == 1
        assert captured.value("http_server_active_requests") == (active or 0) - 1
        assert captured.value("http_server_request_seconds", "count", method="GET", route="/orders/<id>") == 1
    assert (captured.spans[0].name, captured.spans[0].attributes["http.route"]) == ("GET /orders/<id>",) * 1 + (
        "/orders/<id>",
    )


@pytest.mark.parametrize(
    ("key", "attributes"), [("werkzeug.request", ("url_rule", "rule")), ("bfg.routes.route", ("pattern",))]
)
def test_the_route_is_the_one_that_a_framework_found(key: str, attributes: tuple[str, ...]) -> None:
    value: object = "/users/<name>"
    for attribute in reversed(attributes):
        value = type("Found", (), {attribute: value})()

    def app(environ, start_response):
        environ[key] = value
        try:
            return plain(environ, start_response)
        finally:
            environ[key] = None  # as Flask does, before the body is sent

    with capture() as captured:
        Server(WsgiMiddleware(app)).read()
    assert captured.spans[0].attributes["http.route"] == "/users/<name>"


def test_paths_and_made_up_methods_never_become_labels() -> None:
    app = WsgiMiddleware(plain)
    with capture() as captured:
        others = requests(captured, "other", "200", "_OTHER")
        for number in range(20):
            Server(app, PATH_INFO=f"/{number}", REQUEST_METHOD=f"HACK{number}").read()
        assert requests(captured, "other", "200", "_OTHER") - others == 20
    assert captured.spans[3].attributes["http.request.method_original"] == "HACK3"


def test_routes_beyond_the_bound_are_counted_together() -> None:
    def app(environ, start_response):
        environ["http.route"] = f"/made-up{environ['PATH_INFO']}"
        return plain(environ, start_response)

    app = WsgiMiddleware(app)
    with capture() as captured:
        others = requests(captured, "other", "200")
        for number in range(250):
            Server(app, PATH_INFO=f"/{number}").read()
        assert requests(captured, "other", "200") - others == 50


def test_a_streamed_body_is_part_of_the_request_and_its_span_is_current_there() -> None:
    inside = []

    def app(environ, start_response):
        start_response("200 OK", [])
        for part in (b"a", b"b"):
            inside.append((firstlight.current_span(), get_baggage("who")))
            yield part

    with capture() as captured:
        served = Server(WsgiMiddleware(app), HTTP_BAGGAGE="who=me")
        parts = iter(served.body)
        assert next(parts) == b"a"
        assert (captured.spans, firstlight.current_span(), dict(baggage())) == ([], None, {})
        assert [*parts] == [b"b"]
        assert len(captured.spans) == 1
        served.body.close()
        assert len(captured.spans) == 1, "once"
    assert {who for _, who in inside} == {"me"}
    assert {span.span_id for span, _ in inside} == {captured.spans[0].span_id}


def test_a_body_that_is_left_early_ends_when_it_is_closed() -> None:
    closed = []

    class Body:
        def __iter__(self):
            return iter([b"a", b"b"])

        def close(self):
            closed.append(firstlight.current_span() is not None)

    def app(environ, start_response):
        start_response("200 OK", [])
        return Body()

    with capture() as captured:
        served = Server(WsgiMiddleware(app))
        next(iter(served.body))
        served.body.close()
        assert len(captured.spans) == 1
    assert closed == [True]


def test_a_body_that_the_server_forgets_ends_all_the_same() -> None:
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"a"

    with capture() as captured:
        served = Server(WsgiMiddleware(app))
        next(iter(served.body))
        served.body = None
        gc.collect()
        assert len(captured.spans) == 1


@pytest.mark.parametrize("where", ["call", "body", "close"])
def test_what_the_application_raises_is_recorded_and_raised_as_it_is(where: str) -> None:
    error = KeyError("lost")

    class Body:
        def __iter__(self):
            if where == "body":
                raise error
            return iter([b"x"])

        def close(self):
            if where == "close":
                raise error

    def app(environ, start_response):
        if where == "call":
            raise error
        return Body()

    with capture() as captured:
        with pytest.raises(KeyError) as caught:
            Server(WsgiMiddleware(app)).read()
        (span,) = captured.spans
    assert caught.value is error
    if where == "close":
        assert span.status == "unset", "everything had been sent"
    else:
        assert (span.status, span.attributes["error.type"]) == ("error", "KeyError")
        assert span.attributes["http.response.status_code"] == 500
        assert [event.name for event in span.events] == ["exception"]


def test_a_server_error_without_an_exception_is_a_failure_a_client_error_is_not() -> None:
    def app(environ, start_response):
        start_response(environ["PATH_INFO"][1:], [])
        return [b""]

    with capture() as captured:
        for status in ("503 Later", "404 Not Found", "nonsense"):
            Server(WsgiMiddleware(app), PATH_INFO=f"/{status}").read()
    assert [(span.status, span.attributes.get("error.type")) for span in captured.spans] == [
        ("error", "503"),
        ("unset", None),
        ("unset", None),
    ]


def test_start_response_gets_what_the_application_gave_it_and_its_writer_comes_back() -> None:
    problem = (ValueError, ValueError("x"), None)

    def app(environ, start_response):
        write = start_response("200 OK", [("A", "1")])
        write(b"written")
        start_response("500 Oops", [("A", "2")], problem)
        return []

    with capture() as captured:
        served = Server(WsgiMiddleware(app))
        served.read()
    assert served.told == [("200 OK", [("A", "1")]), ("500 Oops", [("A", "2")], problem)]
    assert served.written == [b"written"]
    assert captured.spans[0].attributes["http.response.status_code"] == 500


def test_what_servers_look_at_stays_what_it_was() -> None:
    lines = [b"one"]

    class Sized:
        def __len__(self):
            return 1

        def __iter__(self):
            return iter([b"one"])

    bodies = iter([lines, Sized(), (part for part in lines)])

    def app(environ, start_response):
        start_response("200 OK", [])
        return next(bodies)

    with capture() as captured:
        assert Server(WsgiMiddleware(app)).body is lines
        assert len(captured.spans) == 1, "a list is done when it is returned"
        assert len(Server(WsgiMiddleware(app)).body) == 1
        assert not hasattr(Server(WsgiMiddleware(app)).body, "__len__")


def test_a_file_stays_the_servers_own_wrapper_and_ends_when_it_is_closed() -> None:
    file = io.BytesIO(b"content")

    def app(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](file)

    with capture() as captured:
        served = Server(WsgiMiddleware(app), **{"wsgi.file_wrapper": FileWrapper})
        assert type(served.body) is FileWrapper
        assert captured.spans == []
        assert served.read() == b"content"
        assert len(captured.spans) == 1
    assert file.closed


def test_a_request_is_recorded_once_however_many_middlewares_there_are() -> None:
    with capture() as captured:
        Server(WsgiMiddleware(WsgiMiddleware(plain))).read()
    assert len(captured.spans) == 1


def test_events_inside_belong_to_the_request() -> None:
    def app(environ, start_response):
        firstlight.event("looked_up")
        return plain(environ, start_response)

    with capture() as captured:
        Server(WsgiMiddleware(app)).read()
    assert captured.events[0].span_id == captured.spans[0].span_id


def test_it_keeps_the_rules_of_wsgi_behind_a_real_server() -> None:
    class Quiet(WSGIRequestHandler):
        def log_message(self, *_):
            pass

    def streamed(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"a" * 10, b"b" * 10])

    app = validator(WsgiMiddleware(validator(streamed)))
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server, capture() as captured:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with closing(HTTPConnection("127.0.0.1", server.server_port)) as connection:
            connection.request("GET", "/x")
            assert connection.getresponse().read() == b"a" * 10 + b"b" * 10
        thread.join()
        assert [span.attributes["url.path"] for span in captured.spans] == ["/x"]
