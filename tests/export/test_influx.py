import gzip
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest

from firstlight.codecs.influx import decode
from firstlight.errors import FirstlightError, NotReachable, Unavailable, UsageError
from firstlight.export.influx import InfluxExporter, InfluxFileExporter
from firstlight.model import Batch, Event, Resource, Series
from firstlight.testing import check_exporter, sample_batch
from tests.peers import peer


class Server:
    """Answers as scripted, then with 204; keeps what it got."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                server.got.append((self.path, dict(self.headers), body))
                status, headers, answer = server.answers.pop(0) if server.answers else (204, {}, b"")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


def events(count: int = 1) -> Batch:
    batch = Batch(Resource("shop"))
    batch.events += [Event(number, "step") for number in range(count)]
    return batch


def test_files_keep_the_contract(tmp_path: Path) -> None:
    check_exporter(lambda: InfluxFileExporter(tmp_path))
    (path,) = (tmp_path / "influxdb").iterdir()
    assert path.name.startswith("telemetry-")
    assert path.suffix == ".lp"
    assert len(decode(path.read_bytes())) == 18


def test_http_keeps_the_contract(server: Server) -> None:
    check_exporter(lambda: InfluxExporter(server.url))
    assert len(server.got) == 2, "nothing is sent for an empty batch"


def test_each_version_has_its_path(server: Server) -> None:
    for exporter in (
        InfluxExporter(f"{server.url}/base/", database="d b"),
        InfluxExporter(server.url, database="b", org="o", token="secret"),
    ):
        exporter.export(events())
        exporter.close()
    first, second = (urlsplit(path) for path, _, _ in server.got)
    assert (first.path, parse_qs(first.query)) == ("/base/write", {"db": ["d b"], "precision": ["ns"]})
    assert second.path == "/api/v2/write"
    assert parse_qs(second.query) == {"org": ["o"], "bucket": ["b"], "precision": ["ns"]}
    assert server.got[1][1]["Authorization"] == "Token secret"


def test_long_bodies_are_compressed(server: Server) -> None:
    exporter = InfluxExporter(server.url)
    exporter.export(events(100))
    exporter.close()
    assert server.got[0][1]["Content-Encoding"] == "gzip"
    assert len(decode(server.got[0][2])) == 100


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again_later(server: Server, status: int) -> None:
    exporter = InfluxExporter(server.url)
    server.answers = [(status, {"Retry-After": "7"}, b"busy"), (status, {}, b"")]
    batch = events()
    for wait_s in (7.0, 5.0):
        with pytest.raises(Unavailable) as raised:
            exporter.export(batch)
        assert raised.value.retry_after_s == wait_s
    exporter.export(batch)
    exporter.close()
    assert len({body for _, _, body in server.got}) == 1


def test_a_refusal_is_for_good(server: Server) -> None:
    exporter = InfluxExporter(server.url)
    server.answers = [(400, {}, b'{"error":"field type conflict"}')]
    with pytest.raises(FirstlightError, match="answered 400.*field type conflict") as raised:
        exporter.export(events())
    assert not isinstance(raised.value, Unavailable)
    exporter.export(events())
    exporter.close()


def test_nobody_there_and_a_wrong_address() -> None:
    with pytest.raises(NotReachable):
        InfluxExporter("http://127.0.0.1:9").export(events())
    with pytest.raises(UsageError, match="http://127.0.0.1:8086"):
        InfluxExporter("influx:8086")


@pytest.fixture
def victoria_metrics(tmp_path: Path) -> Iterator[str]:
    program = peer("victoria-metrics")
    log = tmp_path / "log"
    arguments = [f"-storageDataPath={tmp_path / 'data'}", "-httpListenAddr=127.0.0.1:0", "-retentionPeriod=100y"]
    with log.open("wb") as output, subprocess.Popen([program, *arguments], stdout=output, stderr=output) as process:
        try:
            yield address_in(log, process)
        finally:
            process.send_signal(signal.SIGKILL)


def address_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    """Wait until the server says in its log where it listens."""
    while process.poll() is None:
        for line in log.read_text().splitlines():
            if "started server at http://127.0.0.1:" in line or "pprof handlers are exposed at http" in line:
                return line.split("http://", 1)[1].split("/")[0]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def test_a_real_server_takes_it(victoria_metrics: str) -> None:
    batch = sample_batch()
    now_ns = time.time_ns()
    batch.add_sample(Series("queue_length", (("q", "a b,c=d"),), "shop"), now_ns, 12.5)
    for more in ({"database": "telemetry"}, {"database": "b", "org": "o", "token": "t"}):
        exporter = InfluxExporter(f"http://{victoria_metrics}", **more)
        exporter.export(batch)
        exporter.close()
    with urlopen(f"http://{victoria_metrics}/internal/force_flush"):
        pass
    query = "/api/v1/query?query=queue_length_value%7Bq!=%22%22%7D"
    with urlopen(f"http://{victoria_metrics}{query}&time={now_ns // 10**9 + 1}&nocache=1") as answer:
        found = json.load(answer)["data"]["result"]
    assert {line["metric"]["q"] for line in found} == {"a b,c=d"}
    assert {line["value"][1] for line in found} == {"12.5"}
