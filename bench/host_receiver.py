"""What watching a host costs, against psutil and Prometheus node_exporter."""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable

import psutil

from bench.harness import Bar, Benchmark, Contender, Figures, Group, Missing, Running
from firstlight.ingest.host import HostReceiver
from firstlight.ingest.host.portable import PsutilSource
from firstlight.ingest.host.receiver import BUDGET_RATIO

INTERVAL_S = 1.0
ROUNDS = 21
UNLIMITED = 1e9
NODE_EXPORTERS = ("prometheus-node-exporter", "node_exporter")

NOTES = """\
cpu ms: processor time of one reading, one reading per second and contender, so ten times the percentage of a core.
series: how many values it brought.  The psutil loop asks for about what the receiver brings, as its documentation
shows; node_exporter is scraped over HTTP with its default collectors and brings more, its time is its process's own.
"""


def benchmark() -> Benchmark:
    """Return the page."""
    ours, budget = "firstlight", f"budget: {BUDGET_RATIO:.0%} of a core"
    contenders = [
        Contender(ours, lambda: _receiver(HostReceiver())),
        Contender(
            "firstlight by psutil", lambda: _receiver(HostReceiver(source=PsutilSource(), budget_ratio=UNLIMITED))
        ),
        Contender("psutil loop", lambda: Running(_paced(_timed(_psutil_loop)))),
        Contender("node_exporter", _node_exporter),
        Contender(budget, lambda: Running(lambda: {"cpu ms": 1e3 * BUDGET_RATIO * INTERVAL_S})),
    ]
    bars = [
        Bar("cpu ms", ours, budget, 1),
        Bar("cpu ms", ours, "psutil loop", 2),
        Bar("cpu ms", ours, "node_exporter", 2),
    ]
    group = Group(f"one reading of {len(psutil.pids())} processes", contenders, bars)
    return Benchmark("host_receiver", NOTES, [group], ("psutil",), ROUNDS)


def _receiver(receiver: HostReceiver) -> Running:
    return Running(_paced(_timed(lambda: len(receiver.collect(time.time_ns())))))


def _timed(collect: Callable[[], int]) -> Callable[[], Figures]:
    def turn() -> Figures:
        began_s = time.thread_time()
        series = collect()
        return {"cpu ms": 1e3 * (time.thread_time() - began_s), "series": series}

    return turn


def _paced(turn: Callable[[], Figures]) -> Callable[[], Figures]:
    """Wait until a second has passed since the last turn, so that caches are as cold as they are in life."""
    due_s = 0.0

    def paced() -> Figures:
        nonlocal due_s
        time.sleep(max(0.0, due_s - time.monotonic()))
        due_s = time.monotonic() + INTERVAL_S
        return turn()

    return paced


def _psutil_loop() -> int:
    found = len(psutil.cpu_percent(percpu=True)) + len(psutil.cpu_times_percent()) + len(psutil.getloadavg())
    found += len(psutil.virtual_memory()) + len(psutil.swap_memory())
    found += sum(map(len, psutil.disk_io_counters(perdisk=True).values()))
    found += sum(map(len, psutil.net_io_counters(pernic=True).values()))
    processes = [process.info for process in psutil.process_iter(["pid", "name", "cpu_percent", "memory_info"])]
    busiest = sorted(processes, key=lambda info: info["cpu_percent"] or 0.0)[-5:]
    largest = sorted(processes, key=lambda info: info["memory_info"].rss if info["memory_info"] else 0)[-5:]
    return found + len(busiest) + len(largest)


def _node_exporter() -> Running:
    binary = next(filter(None, map(shutil.which, NODE_EXPORTERS)), None)
    if binary is None:
        raise Missing("no node_exporter on the path; on Debian: apt install prometheus-node-exporter")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    process = subprocess.Popen([binary, f"--web.listen-address={address}"], stderr=subprocess.DEVNULL)
    url = f"http://{address}/metrics"

    def turn() -> Figures:
        began_s = _cpu_s(process.pid)
        series = _scrape(url)
        return {"cpu ms": 1e3 * (_cpu_s(process.pid) - began_s), "series": series}

    def close() -> None:
        process.terminate()
        process.wait()

    _wait(url, close)
    return Running(_paced(turn), close)


def _cpu_s(pid: int) -> float:
    """Return the CPU time of all threads; ``schedstat`` counts nanoseconds where ``stat`` counts hundredths."""
    spent_ns = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            spent_ns += int(file.read().split()[0])
    return spent_ns / 1e9


def _scrape(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return sum(not line.startswith(b"#") for line in answer)


def _wait(url: str, close: Callable[[], None]) -> None:
    for _ in range(100):
        try:
            _scrape(url)
        except OSError:
            time.sleep(0.1)
        else:
            return
    close()
    raise Missing(f"node_exporter does not answer at {url}")
