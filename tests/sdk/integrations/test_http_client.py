import http.client
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import firstlight
from firstlight.export.memory import MemoryExporter
from firstlight.sdk.integrations.http_client import instrument_http_client, uninstrument_http_client
from firstlight.sdk.tracing.baggage import carry, set_baggage


@pytest.fixture(autouse=True)
def _instrumented():
    firstlight.configure(exporter=MemoryExporter())
    before = carry({})
    instrument_http_client()
    yield
    uninstrument_http_client()
    carry(before)


@pytest.fixture
def server():
    """Return the address of a server and the headers of what it was asked."""
    asked: list[list[tuple[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append([(name.lower(), value) for name, value in self.headers.items()])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{running.server_port}", asked
        running.shutdown()
        thread.join()


def test_requests_of_urllib_carry_the_span_and_the_baggage(server) -> None:
    address, asked = server
    set_baggage("tenant", "acme")
    with firstlight.span("calling") as span:
        urllib.request.urlopen(f"http://{address}/", timeout=10).close()
    headers = dict(asked[0])
    assert headers["traceparent"] == f"00-{span.trace_id}-{span.span_id}-01"
    assert headers["baggage"] == "tenant=acme"


def test_each_request_of_a_connection_carries_its_own_span_once(server) -> None:
    address, asked = server
    instrument_http_client()
    connection = http.client.HTTPConnection(address, timeout=10)
    expected = []
    for name in ("one", "two"):
        with firstlight.span(name) as span:
            connection.request("GET", "/", headers={"Accept": "*/*"})
            connection.getresponse().read()
            expected.append(span.span_id)
    connection.close()
    sent = [[value for name, value in headers if name == "traceparent"] for headers in asked]
    assert [[value.split("-")[2] for value in values] for values in sent] == [[one] for one in expected]


def test_a_header_of_the_programs_own_stays(server) -> None:
    address, asked = server
    with firstlight.span("calling"):
        request = urllib.request.Request(f"http://{address}/", headers={"Traceparent": "mine"})
        urllib.request.urlopen(request, timeout=10).close()
    assert [value for name, value in asked[0] if name == "traceparent"] == ["mine"]


def test_outside_spans_and_after_it_was_taken_back_nothing_is_added(server) -> None:
    address, asked = server
    urllib.request.urlopen(f"http://{address}/", timeout=10).close()
    uninstrument_http_client()
    with firstlight.span("calling"):
        urllib.request.urlopen(f"http://{address}/", timeout=10).close()
    assert [name for headers in asked for name, _ in headers if name in {"traceparent", "baggage"}] == []
