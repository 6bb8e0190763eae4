"""The real programs that our output is held against."""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

VARIABLE = "FIRSTLIGHT_PEERS"
# Read here, because the tests hide such variables from what they start.
_FOLDER = os.environ.get(VARIABLE)


def peer(name: str) -> Path:
    """Return the path of a program below the folder that FIRSTLIGHT_PEERS names, or on the path; without it skip."""
    found = shutil.which(name, path=f"{_FOLDER}/usr/bin") if _FOLDER else shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}; install it or name a folder with usr/bin/{name} in {VARIABLE}")
    return Path(found)


@contextmanager
def victoria_metrics(directory: Path) -> Iterator[str]:
    """Run a VictoriaMetrics that keeps its data in ``directory``; give its address."""
    program, log = peer("victoria-metrics"), directory / "log"
    arguments = [f"-storageDataPath={directory / 'data'}", "-httpListenAddr=127.0.0.1:0", "-retentionPeriod=100y"]
    with log.open("wb") as output, subprocess.Popen([program, *arguments], stdout=output, stderr=output) as process:
        try:
            yield f"http://{_address_in(log, process)}"
        finally:
            process.kill()


def _address_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    """Wait until the server says in its log where it listens."""
    while process.poll() is None:
        for line in log.read_text().splitlines():
            if "started server at http://127.0.0.1:" in line or "pprof handlers are exposed at http" in line:
                return line.split("http://", 1)[1].split("/")[0]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@contextmanager
def prometheus(directory: Path) -> Iterator[str]:
    """Run a Prometheus that takes remote write and scrapes nothing; give its address."""
    program = peer("prometheus")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (directory / "prometheus.yml").write_text("storage: {tsdb: {out_of_order_time_window: 3650d}}\n")
    arguments = [f"--config.file={directory / 'prometheus.yml'}", f"--storage.tsdb.path={directory / 'data'}"]
    arguments += [f"--web.listen-address={address}", "--web.enable-remote-write-receiver"]
    arguments += ["--storage.tsdb.retention.time=90y"]
    with (
        (directory / "log").open("wb") as log,
        subprocess.Popen([program, *arguments], stdout=log, stderr=log) as process,
    ):
        try:
            _await_ready(f"http://{address}/-/ready", process, directory / "log")
            yield f"http://{address}"
        finally:
            process.kill()


def _await_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url):
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())
