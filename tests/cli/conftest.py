"""The real command line in processes of its own, over a real hub, a real data directory and servers that misbehave."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import firstlight
from firstlight.app.lake import Lake
from firstlight.cli.application import run
from firstlight.model import Batch, Event, Level, Resource, Series, Span

SOURCES = str(Path(next(iter(firstlight.__path__))).parent)
Run = Callable[..., subprocess.CompletedProcess[str]]


def surroundings(home: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    found = {"HOME": str(home), "XDG_DATA_HOME": str(home), "PYTHONPATH": SOURCES, "PYTHONWARNINGS": "error"}
    return kept | found | more


@pytest.fixture
def firstlight_command(tmp_path: Path) -> Run:
    """Return a function that runs one command line and returns what it said."""

    def call(*arguments: str, stdin: str | None = None, env: dict[str, str] | None = None):
        return subprocess.run(
            [sys.executable, "-m", "firstlight", *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            cwd=tmp_path,
            env=surroundings(tmp_path, **(env or {})),
            check=False,
        )

    return call


@dataclass
class Answer:
    """What one command line said, and how it ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def here(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """Return a function that runs one command line in this process, for tables of many small cases."""
    for name in ("FIRSTLIGHT_URL", "FIRSTLIGHT_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> Answer:
        code = run(arguments)
        return Answer(code, *capfd.readouterr())

    return call


def recorded(now_ns: int) -> list[Batch]:
    """Return a hundred events, ten spans and a minute of cpu, the last a second before ``now_ns``."""
    second = 1_000_000_000
    demo = Batch(Resource(service="demo", session_id="s1", host="box"))
    levels = list(Level)
    for number in range(100):
        level = levels[number % len(levels)]
        name, at = f"event_{number}", now_ns - (100 - number) * second
        half = "shop" if number % 2 else "till"
        demo.events.append(Event(at, name, level, half, "door", f"body {number}", {"number": number}))
    for number in range(10):
        begin = now_ns - 20 * second
        demo.spans.append(Span(begin, begin + second, "work", f"{number:032x}", f"{number + 1:016x}"))
    host = Batch(Resource(service="host", host="box"))
    for cpu in ("0", "1", "all"):
        series = Series("host_cpu_busy_ratio", (("cpu", cpu),), "host", scope="host")
        for back in range(60):
            host.add_sample(series, now_ns - (back + 1) * second, 0.25)
    return [demo, host]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data directory with no hub."""
    directory = tmp_path_factory.mktemp("data")
    with Lake.open(directory, maintain=False) as lake:
        lake.append(recorded(time.time_ns()))
    return directory


@dataclass
class Hub:
    """A hub in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    data: Path


@contextmanager
def running_hub(home: Path) -> Iterator[Hub]:
    """Run a hub that measures this machine, and has what was recorded, in a process of its own."""
    directory = home / "lake"
    with Lake.open(directory, maintain=False) as lake:
        lake.append(recorded(time.time_ns()))
    process = subprocess.Popen(
        [sys.executable, "-m", "firstlight", "up", "--port", "0", "--data", str(directory)],
        stdout=subprocess.PIPE,
        text=True,
        env=surroundings(home, PYTHONWARNINGS=""),
        cwd=home,
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert "http://127.0.0.1:" in first, f"the hub does not start: {first}"
        yield Hub(process, first.split()[-1], directory)
    finally:
        process.terminate()
        code = process.wait(20)
        process.stdout.close()
    assert code == 0


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """Return a hub that measures this machine and holds the same rows as ``data``."""
    with running_hub(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@dataclass
class Double:
    """A server that says what a test tells it to; ``answers`` maps a path to (status, type, body)."""

    url: str
    answers: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def double() -> Iterator[Double]:
    """Return a server that answers 404 and HTML until told otherwise, and ``/slow`` paths when ``hold`` is set."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append((self.path, dict(self.headers)))
            path = self.path.partition("?")[0]
            if path.startswith("/slow"):
                told.hold.wait(30)
            status, kind, body = told.answers.get(path, (404, "text/html", b"<p>no such page"))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = False
        told = Double(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield told
        told.hold.set()
        server.shutdown()
        thread.join()
