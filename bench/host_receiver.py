"""What watching a host costs: CPU time per second, once a second, each way in the same seconds.

Run: ``python -m bench.host_receiver [--seconds 30] [--json FILE] [--node-exporter PATH]``

Subjects: the host receiver; the same receiver through psutil; a hand-written psutil loop as found in many programs; and
Prometheus node_exporter, where it is found, scraped once a second.  The budget of the receiver is 1 % of one core.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil

from firstlight.ingest.host import HostReceiver
from firstlight.ingest.host.portable import PsutilSource
from firstlight.ingest.host.receiver import BUDGET_RATIO

PEER = "node_exporter"


class Subject:
    """One way of watching; ``collect`` returns how many series it brought."""

    def __init__(self, name: str, collect: Callable[[], int]) -> None:
        self.name = name
        self.cpu_s = 0.0
        self.series = 0
        self._collect = collect

    def run(self) -> None:
        began_s = time.thread_time()
        self.series = max(self.series, self._collect())
        self.cpu_s += time.thread_time() - began_s


class NodeExporter(Subject):
    """Its own process: the CPU time is the process's, not ours."""

    def __init__(self, binary: str) -> None:
        super().__init__(PEER, self._scrape)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        self._url = f"http://{address}/metrics"
        self._process = subprocess.Popen([binary, f"--web.listen-address={address}"], stderr=subprocess.DEVNULL)
        self._wait()
        self._start_s = self._used_s()

    def run(self) -> None:
        self.series = self._scrape()
        self.cpu_s = self._used_s() - self._start_s

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _used_s(self) -> float:
        times = psutil.Process(self._process.pid).cpu_times()
        return times.user + times.system

    def _scrape(self) -> int:
        with urllib.request.urlopen(self._url, timeout=10) as answer:
            return sum(not line.startswith(b"#") for line in answer)

    def _wait(self) -> None:
        for _ in range(100):
            try:
                self._scrape()
                return
            except OSError:
                time.sleep(0.1)
        sys.exit(f"{PEER} does not answer at {self._url}")


def receiver_subject(name: str, receiver: HostReceiver) -> Subject:
    return Subject(name, lambda: len(receiver.collect(time.time_ns())))


def psutil_loop() -> int:
    """Ask for about the same figures as the receiver brings, the way psutil's documentation shows."""
    found = len(psutil.cpu_percent(percpu=True)) + len(psutil.cpu_times_percent()) + len(psutil.getloadavg())
    found += len(psutil.virtual_memory()) + len(psutil.swap_memory())
    found += sum(map(len, psutil.disk_io_counters(perdisk=True).values()))
    found += sum(map(len, psutil.net_io_counters(pernic=True).values()))
    processes = [process.info for process in psutil.process_iter(["pid", "name", "cpu_percent", "memory_info"])]
    busiest = sorted(processes, key=lambda info: info["cpu_percent"] or 0.0)[-5:]
    largest = sorted(processes, key=lambda info: info["memory_info"].rss if info["memory_info"] else 0)[-5:]
    return found + len(busiest) + len(largest)


def measure(subjects: list[Subject], seconds: int) -> None:
    """Let every subject collect once in each second, each time another one first."""
    for second in range(seconds):
        began_s = time.monotonic()
        first = second % len(subjects)
        for subject in subjects[first:] + subjects[:first]:
            subject.run()
        time.sleep(max(0.0, 1.0 - (time.monotonic() - began_s)))


def table(subjects: list[Subject], seconds: int) -> list[dict[str, float | str]]:
    ours_s = subjects[0].cpu_s
    return [
        {
            "subject": subject.name,
            "cpu_ms_per_s": 1e3 * subject.cpu_s / seconds,
            "core_ratio": subject.cpu_s / seconds,
            "ratio_to_ours": subject.cpu_s / ours_s,
            "series": subject.series,
        }
        for subject in subjects
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--node-exporter", default=shutil.which("prometheus-node-exporter") or shutil.which(PEER))
    options = parser.parse_args()
    subjects = [
        receiver_subject("firstlight", HostReceiver()),
        receiver_subject("firstlight through psutil", HostReceiver(source=PsutilSource(), budget_ratio=1.0)),
        Subject("psutil loop", psutil_loop),
    ]
    exporter = NodeExporter(options.node_exporter) if options.node_exporter else None
    try:
        measure(subjects + ([exporter] if exporter else []), options.seconds)
    finally:
        if exporter:
            exporter.close()
            subjects.append(exporter)
    rows = table(subjects, options.seconds)
    print(f"{os.cpu_count()} cores, {len(psutil.pids())} processes, {options.seconds} s at one reading per second")
    print(f"{'':28}{'ms CPU / s':>12}{'% of a core':>13}{'x ours':>8}{'series':>8}")
    for row in rows:
        print(
            f"{row['subject']:28}{row['cpu_ms_per_s']:12.3f}{100 * row['core_ratio']:13.3f}"
            f"{row['ratio_to_ours']:8.1f}{row['series']:8}"
        )
    within = rows[0]["core_ratio"] <= BUDGET_RATIO
    print(f"budget of {100 * BUDGET_RATIO:g} % of a core: {'kept' if within else 'BROKEN'}")
    if options.json:
        options.json.write_text(json.dumps({"benchmark": "host_receiver", "rows": rows}, indent=1))
    sys.exit(0 if within else 1)


if __name__ == "__main__":
    main()
