"""The stores of the lake benchmark that are servers: VictoriaMetrics and Prometheus, on a port of their own."""

import atexit
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa

from bench import lake_workload as workload
from bench.harness import Missing
from bench.lake_stores import size_of
from bench.lake_workload import METRICS, Rows

PEERS_VARIABLE = "FIRSTLIGHT_PEERS"
_REMOTE_WRITE_HEADERS = (
    "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n"
)
_STARTS_WITHIN_S = 20.0
_MERGES_WITHIN_S = 120.0
_AFTER_ALL_S = workload.BASE_MS // 1000 + 180 * 86_400


def find(*names: str) -> str:
    """Return the path of a peer's program: below the folder that FIRSTLIGHT_PEERS names, or on the path.

    Raises:
        Missing: there is none.
    """
    peers = os.environ.get(PEERS_VARIABLE)
    path = str(Path(peers, "usr", "bin")) if peers else None
    found = next(filter(None, (shutil.which(name, path=path) for name in names)), None)
    if found is None:
        where = path or f"the path (or name a folder with usr/bin in {PEERS_VARIABLE})"
        raise Missing(f"no {names[0]} in {where}")
    return found


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process had resident at once so far."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


class _Server:
    """A server that takes HTTP posts; ``write`` is one request on a connection that is opened when first needed."""

    is_server = True
    write_path = ""
    write_headers = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(self.command(), stdout=log, stderr=log)
        atexit.register(self.end)
        self.pid = self._process.pid
        self._status = psutil.Process(self.pid)
        self._await_answer()
        self._socket: socket.socket | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def body(self, piece: Rows) -> bytes:
        raise NotImplementedError

    def prepare(self, piece: Rows) -> bytes:
        return self.request(self.body(piece))

    def request(self, body: bytes) -> bytes:
        """Return the whole request that carries ``body``, as ``write`` takes it."""
        head = f"POST {self.write_path} HTTP/1.1\r\nHost: {self.address}\r\n{self.write_headers}"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def write(self, batch: bytes) -> None:
        connection = self._socket or self._connect()
        connection.sendall(batch)
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = connection.recv(65_536)
            if not more:
                break
            answer += more
        assert answer.startswith(b"HTTP/1.1 204"), answer[:500].decode(errors="replace")

    def settle(self) -> None:
        pass

    def cpu_s(self) -> float:
        times = self._status.cpu_times()
        return times.user + times.system

    def get(self, path: str, method: str = "GET") -> str:
        request = urllib.request.Request(f"http://{self.address}{path}", method=method)
        with urllib.request.urlopen(request, timeout=_MERGES_WITHIN_S) as answer:
            return str(answer.read().decode())

    def close(self, sent: Rows) -> None:
        try:
            found = sum(self._count(metric) for metric in sorted(set((sent.series % METRICS).tolist())))
        finally:
            if self._socket is not None:
                self._socket.close()
            self.end()
        assert found == len(sent), f"sent {len(sent)}, stored {found}"

    def read(self, series: int) -> Sequence[float]:
        selector = f'{workload.metric_name(series % METRICS)}{{host="{workload.host_name(series // METRICS)}"}}[1y]'
        return [float(value) for _, value in self._query(selector)[0]["values"]]

    def _count(self, metric: int) -> int:
        found = self._query(f"sum(count_over_time({workload.metric_name(metric)}[1y]))")
        return int(found[0]["value"][1]) if found else 0

    def peak_bytes(self) -> int:
        """Return the most memory that was resident at once so far."""
        return peak_bytes(self.pid)

    def _query(self, question: str) -> Any:
        path = f"/api/v1/query?{urllib.parse.urlencode({'query': question, 'time': _AFTER_ALL_S})}"
        return json.loads(self.get(path))["data"]["result"]

    def _connect(self) -> socket.socket:
        host, _, port = self.address.partition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _await_answer(self) -> None:
        until_s = time.monotonic() + _STARTS_WITHIN_S
        while True:
            try:
                self.get("/metrics")
            except OSError:
                if time.monotonic() > until_s or self._process.poll() is not None:
                    self.end()
                    said = (self.folder / "log").read_text(errors="replace").strip().rpartition("\n")[2]
                    raise Missing(f"{type(self).__name__} does not answer: {said}") from None
                time.sleep(0.1)
            else:
                return

    def end(self) -> None:
        """End the process."""
        atexit.unregister(self.end)
        self._process.terminate()
        self._process.wait()


class VictoriaMetrics(_Server):
    """VictoriaMetrics by remote write; it acknowledges what is in memory and writes it some seconds later."""

    write_path = "/api/v1/write"
    write_headers = _REMOTE_WRITE_HEADERS

    def command(self) -> list[str]:
        return [
            find("victoria-metrics", "victoria-metrics-prod"),
            f"-storageDataPath={self.folder / 'data'}",
            f"-httpListenAddr={self.address}",
            "-retentionPeriod=100y",
            "-influxSkipMeasurement",
            "-http.connTimeout=0",
            "-http.idleConnTimeout=1h",
            "-loggerLevel=ERROR",
        ]

    def body(self, piece: Rows) -> bytes:
        return _remote_write(piece)

    def close(self, sent: Rows) -> None:
        self.get("/internal/force_flush")
        super().close(sent)

    def finish(self) -> None:
        self.get("/internal/force_flush")
        self.get("/internal/force_merge")
        until_s = time.monotonic() + _MERGES_WITHIN_S
        size_bytes, quiet = -1, 0
        while quiet < 3:
            assert time.monotonic() < until_s, "VictoriaMetrics does not stop merging"
            time.sleep(0.5)
            is_merging = "vm_active_force_merges 0" not in self.get("/metrics")
            quiet = 0 if is_merging or self.size_bytes() != size_bytes else quiet + 1
            size_bytes = self.size_bytes()

    def size_bytes(self) -> int:
        return size_of(self.folder / "data", without=("cache", "tmp"))


class VictoriaMetricsInflux(VictoriaMetrics):
    """VictoriaMetrics by the Influx line protocol, all metrics of a host on one line: its fastest text."""

    write_path = "/write?precision=ms"
    write_headers = ""

    def body(self, piece: Rows) -> bytes:
        return "\n".join(_influx_lines(piece)).encode()


def _influx_lines(piece: Rows) -> Iterator[str]:
    rows = zip(piece.series.tolist(), piece.times_ms.tolist(), piece.values.tolist(), strict=True)
    for (host, time_ms), group in groupby(rows, lambda row: (row[0] // METRICS, row[1])):
        fields = ",".join(f"{workload.metric_name(index % METRICS)}={value!r}" for index, _, value in group)
        yield f"fleet,host={workload.host_name(host)} {fields} {time_ms}"


class Prometheus(_Server):
    """Prometheus by remote write 1.0 (protobuf, snappy); a request is not synced."""

    write_path = "/api/v1/write"
    write_headers = _REMOTE_WRITE_HEADERS

    def command(self) -> list[str]:
        program = find("prometheus")
        config = self.folder / "prometheus.yml"
        config.write_text("scrape_configs: []\n")
        return [
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--storage.tsdb.retention.time=100y",
            "--web.read-timeout=1h",
            "--web.enable-remote-write-receiver",
            "--web.enable-admin-api",
            "--log.level=error",
        ]

    def body(self, piece: Rows) -> bytes:
        return _remote_write(piece)

    def finish(self) -> None:
        """Write everything, also what is in memory, as blocks: that is what a snapshot does."""
        answer = json.loads(self.get("/api/v1/admin/tsdb/snapshot", "POST"))
        self._snapshot = self.folder / "data" / "snapshots" / answer["data"]["name"]

    def size_bytes(self) -> int:
        return size_of(self._snapshot)


class Hub(_Server):
    """A Firstlight hub by remote write: every request is on the disk before it is answered."""

    write_path = "/api/v1/write"
    write_headers = _REMOTE_WRITE_HEADERS

    def command(self) -> list[str]:
        settings = self.folder / "firstlight.toml"
        kept = "".join(f"{table}_days = 0\n" for table in ("events", "metrics", "spans", "rollup_1m", "rollup_1h"))
        settings.write_text(f"[host]\nenabled = false\n[lake.retention]\n{kept}")
        port = self.address.rpartition(":")[2]
        up = ["up", "--port", port, "--data", str(self.folder / "data"), "--config", str(settings)]
        # A hub takes no variable of its prefix that it does not know.
        return ["env", "-u", PEERS_VARIABLE, sys.executable, "-m", "firstlight", *up]

    def body(self, piece: Rows) -> bytes:
        return _remote_write(piece)

    def cpu_s(self) -> float:
        processes = (self._status, *self._status.children(recursive=True))
        return sum(sum(one.cpu_times()[:2]) for one in processes)


def _remote_write(piece: Rows) -> bytes:
    rows = zip(piece.series.tolist(), piece.times_ms.tolist(), piece.values.tolist(), strict=True)
    ordered = sorted(rows, key=lambda row: row[0])
    message = b"".join(_time_series(index, list(group)) for index, group in groupby(ordered, lambda row: row[0]))
    return bytes(pa.compress(message, codec="snappy", asbytes=True))


def _time_series(index: int, samples: list[Any]) -> bytes:
    """Return a ``TimeSeries`` of https://prometheus.io/docs/specs/prw/remote_write_spec/ as field 1 of a request."""
    encoded = [_field(2, struct.pack("<Bd", 0x09, value) + b"\x10" + _varint(at)) for _, at, value in samples]
    return _field(1, _labels(index) + b"".join(encoded))


def _labels(index: int) -> bytes:
    pairs = workload.labels(index)
    return b"".join(_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in pairs)


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
