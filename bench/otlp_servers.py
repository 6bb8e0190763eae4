"""Servers that take OTLP metrics over HTTP, started for a benchmark and ended with it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.client import HTTPConnection
from pathlib import Path

import psutil

from bench.harness import Missing

PEERS = "FIRSTLIGHT_PEERS"
"""The variable that names a folder with usr/bin/prometheus and usr/bin/victoria-metrics."""

START_S = 30.0
CONNECTIONS = 2
"""Enough that a server always has work; more would only queue."""


class Server:
    """A running server process with a data directory of its own."""

    def __init__(self, command, path, ready_path):
        self._directory = tempfile.TemporaryDirectory(prefix="firstlight-bench-")
        directory = Path(self._directory.name)
        self.port = _free_port()
        self._path = path
        self._log = (directory / "log").open("w+")
        self._process = subprocess.Popen(
            [part.format(port=self.port, directory=directory) for part in command],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={name: value for name, value in os.environ.items() if name != PEERS},
        )
        self._cpu = psutil.Process(self._process.pid)
        try:
            self._wait_for(ready_path)
        except BaseException:
            self.close()
            raise

    def _wait_for(self, ready_path):
        end_s = time.monotonic() + START_S
        while time.monotonic() < end_s and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{ready_path}", timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        self._log.seek(0)
        raise Missing(f"it did not start: {self._log.read()[-300:]}")

    def cpu_s(self):
        """Return the processor time that the process and its children have used."""
        return sum(sum(one.cpu_times()[:2]) for one in (self._cpu, *self._cpu.children(recursive=True)))

    def send(self, bodies):
        """Post ``bodies`` over a few connections, each connection in order; return the wall time in seconds."""
        threads = [
            threading.Thread(target=self._post_all, args=(bodies[number::CONNECTIONS],))
            for number in range(CONNECTIONS)
        ]
        self._failures = []
        start_s = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not self._failures, self._failures[:3]
        return time.monotonic() - start_s

    def _post_all(self, bodies):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        for body in bodies:
            connection.request("POST", self._path, body, {"Content-Type": "application/x-protobuf"})
            response = connection.getresponse()
            answer = response.read()
            if response.status // 100 != 2 or answer:
                self._failures.append((response.status, answer[:200]))
        connection.close()

    def post_json(self, path, content):
        """Return the answer to a JSON request."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", json.dumps(content).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def close(self):
        """End the process and remove its data."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._directory.cleanup()


def firstlight():
    """Start our hub as a user does, every acknowledged batch synced to disk."""
    command = [sys.executable, "-m", "firstlight.cli", "up", "--port", "{port}", "--data", "{directory}/data"]
    return Server([*command, "--no-host-metrics"], "/v1/metrics", "/readyz")


def prometheus():
    """Start Prometheus with its OTLP receiver, which some distributions leave out."""
    command = [_peer("prometheus"), "--config.file=/dev/null", "--storage.tsdb.path={directory}/data"]
    flags = ["--web.listen-address=127.0.0.1:{port}", "--web.enable-otlp-receiver", "--log.level=error"]
    return Server([*command, *flags], "/api/v1/otlp/v1/metrics", "/-/ready")


def victoria_metrics():
    """Start VictoriaMetrics, single node."""
    command = [_peer("victoria-metrics"), "-storageDataPath={directory}/data", "-httpListenAddr=127.0.0.1:{port}"]
    return Server([*command, "-loggerLevel=ERROR"], "/opentelemetry/v1/metrics", "/health")


def _peer(name):
    folder = os.environ.get(PEERS)
    found = shutil.which(name, path=f"{folder}/usr/bin") if folder else shutil.which(name)
    if not found:
        raise Missing(f"no program {name}; install it or name a folder with usr/bin/{name} in {PEERS}")
    return found


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
