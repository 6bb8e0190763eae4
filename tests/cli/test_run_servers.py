"""Real servers under ``firstlight run``, with applications that know nothing of it: every request is counted once."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.cli.running import answer, command, environment, total, write

REQUESTS = 500
CLIENTS = 4
WSGI = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
ASGI = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""
# What a signal handler raises in the middle of a request wsgiref catches, and serves on.
WSGIREF = """
import signal, sys, threading
from wsgiref.simple_server import make_server
import app
server = make_server("127.0.0.1", int(sys.argv[1]), app.app)
def stop(*_): threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, stop)
server.serve_forever()
"""


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(home: Path, to: list[str], program: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends, and then end it with SIGTERM."""
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command(*to, "--service", "web", "--", *program), cwd=home, env=environment(home), stdout=log, stderr=log
        )
        try:
            _wait_for(port, process)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            finally:
                process.kill()
    assert "Traceback" not in (home / "server.log").read_text()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    import socket

    for _ in range(600):
        assert process.poll() is None, "the server does not start"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the server does not listen")


def ask(port: int, times: int) -> None:
    """Send so many requests, several at once, and see each of them answered."""
    answered: list[int] = []

    def client() -> None:
        for _ in range(times // CLIENTS):
            with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                connection.request("GET", "/some/path")
                response = connection.getresponse()
                response.read()
                answered.append(response.status)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answered == [200] * times


def programs(kind: str, home: Path, port: int) -> list[str]:
    bind = f"127.0.0.1:{port}"
    if kind == "gunicorn":
        return ["-m", "gunicorn", "--preload", "--workers", "4", "--no-control-socket", "--bind", bind, "app:app"]
    if kind == "uvicorn":
        return ["-m", "uvicorn", "--port", str(port), "--workers", "2", "app:app"]
    return [str(write(home / "serve.py", WSGIREF)), str(port)]


@pytest.mark.parametrize("kind", ["gunicorn", "uvicorn", "wsgiref"])
def test_every_request_is_in_the_lake_once_after_sigterm(tmp_path: Path, kind: str) -> None:
    write(tmp_path / "app.py", ASGI if kind == "uvicorn" else WSGI)
    port = free_port()
    with serving(tmp_path, ["--data", "lake"], programs(kind, tmp_path, port), port):
        ask(port, REQUESTS)
    lake = tmp_path / "lake"
    assert total(lake, "http_server_requests_total") == REQUESTS
    assert answer(lake, "SELECT count(*), count(DISTINCT span_id) FROM spans WHERE kind = 'server'") == [
        (REQUESTS, REQUESTS)
    ]
    if kind == "gunicorn":
        sessions = "SELECT count(DISTINCT session_id) FROM metrics WHERE name = 'http_server_requests_total'"
        assert 1 < answer(lake, sessions)[0][0] <= 4


def test_every_request_reaches_a_hub_once_after_sigterm(tmp_path: Path) -> None:
    write(tmp_path / "app.py", WSGI)
    port, hub_port = free_port(), free_port()
    up = [sys.executable, "-m", "firstlight", "up", "--port", str(hub_port), "--data", "hub", "--no-host-metrics"]
    with (tmp_path / "hub.log").open("wb") as log:
        hub = subprocess.Popen(up, cwd=tmp_path, env=environment(tmp_path, PYTHONWARNINGS=""), stdout=log, stderr=log)
    try:
        _wait_for(hub_port, hub)
        to = ["--endpoint", f"http://127.0.0.1:{hub_port}"]
        with serving(tmp_path, to, programs("gunicorn", tmp_path, port), port):
            ask(port, REQUESTS)
    finally:
        hub.terminate()
        assert hub.wait(30) == 0
    assert total(tmp_path / "hub", "http_server_requests_total") == REQUESTS
    assert answer(tmp_path / "hub", "SELECT count(*) FROM spans WHERE kind = 'server'") == [(REQUESTS,)]
