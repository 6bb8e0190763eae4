"""The hub is killed while a program records: every event is in the lake once."""

import http.client
import itertools
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from firstlight.app.lake import Lake

CLIENT = Path(__file__).with_name("outage_client.py")
OUTAGE_S = float(os.environ.get("FIRSTLIGHT_TEST_OUTAGE_S", "2"))
EVENTS_PER_S = 2000


class Hub:
    """A hub in a process of its own that can be killed and started again at the same address."""

    def __init__(self, data: Path) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = int(found.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._data = data
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "firstlight", "up", "--port", str(self.port)]
        command += ["--data", str(self._data), "--no-host-metrics"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self._process.stdout is not None
        lines = list(iter_until(self._process.stdout.readline, r"http://127\.0\.0\.1:\d+"))
        assert lines, "the hub said nothing"
        assert self.url in lines[-1], "".join(lines)

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def iter_until(read: Callable[[], str], pattern: str) -> Iterator[str]:
    for line in iter(read, ""):
        yield line
        if re.search(pattern, line):
            return


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub(tmp_path / "lake")
    made.start()
    yield made
    made.kill()


class Lossy:
    """Stands before a hub and loses every third answer after the hub has given it."""

    def __init__(self, port: int) -> None:
        self.lost = 0
        turn = itertools.count().__next__
        lossy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                    connection.request("POST", self.path, body, dict(self.headers))
                    response = connection.getresponse()
                    answer = response.read()
                if turn() % 3 == 0:
                    lossy.lost += 1
                    self.close_connection = True
                    return
                self.send_response(response.status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Lossy":
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@contextmanager
def client(url: str, spool: Path, events: int, *options: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, str(CLIENT), url, str(spool), str(events), str(EVENTS_PER_S), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def counts(process: "subprocess.Popen[str]") -> dict[str, object]:
    assert process.stdout is not None
    return dict(json.loads(process.stdout.readline()))


def stored(data: Path) -> tuple[int, int, int]:
    query = (
        "SELECT count(*), count(DISTINCT json_extract(attributes, '$.number')), "
        "coalesce(max(CAST(json_extract(attributes, '$.number') AS BIGINT)), -1) FROM events WHERE service = 'outage'"
    )
    with Lake.open(data, read_only=True) as lake:
        return tuple(lake.sql(query).rows[0])


def test_each_event_is_stored_once_across_an_outage(hub: Hub, tmp_path: Path) -> None:
    events = int((OUTAGE_S + 2) * EVENTS_PER_S)
    with client(hub.url, tmp_path / "spool", events) as process:
        time.sleep(1.0)
        hub.kill()
        time.sleep(OUTAGE_S)
        assert list((tmp_path / "spool").glob("*/*.spool")), "the spool was not used"
        hub.start()
        found = counts(process)
    assert found == {"recorded": events, "exported": events, "dropped": {}}
    assert stored(tmp_path / "lake") == (events, events, events - 1)
    assert list((tmp_path / "spool").glob("*/*.spool")) == []


def test_each_event_is_stored_once_however_often_the_hub_is_killed(hub: Hub, tmp_path: Path) -> None:
    events, at_random = 4 * EVENTS_PER_S, random.Random(7)
    with client(hub.url, tmp_path / "spool", events) as process:
        for _ in range(3):
            time.sleep(at_random.uniform(0.05, 0.6))
            hub.kill()
            hub.start()
        found = counts(process)
    assert found == {"recorded": events, "exported": events, "dropped": {}}
    assert stored(tmp_path / "lake") == (events, events, events - 1)


def test_each_event_is_stored_once_though_answers_are_lost(hub: Hub, tmp_path: Path) -> None:
    events = 2 * EVENTS_PER_S
    with Lossy(hub.port) as lossy, client(lossy.url, tmp_path / "spool", events) as process:
        found = counts(process)
    assert lossy.lost > 3
    assert found == {"recorded": events, "exported": events, "dropped": {}}
    assert stored(tmp_path / "lake") == (events, events, events - 1)


def test_what_a_killed_program_left_on_disk_arrives_once_by_the_next_one(hub: Hub, tmp_path: Path) -> None:
    hub.kill()
    events = EVENTS_PER_S
    with client(hub.url, tmp_path / "spool", events, "wait") as process:
        assert counts(process) == {"recorded": events, "exported": 0, "dropped": {}}
        process.send_signal(signal.SIGKILL)
    hub.start()
    for more in (events, 0):
        with client(hub.url, tmp_path / "spool", 1) as process:
            found = counts(process)
            process.wait()
        assert found == {"recorded": 1 + more, "exported": 1 + more, "dropped": {}}
    assert stored(tmp_path / "lake") == (events + 2, events, events - 1)
    assert not list((tmp_path / "spool").iterdir())
