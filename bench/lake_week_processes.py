"""What ``lake_week`` learns from processes of their own: memory while taking in, reopening, doing nothing."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench import lake_week_data as week
from bench.harness import Figures
from bench.lake_servers import PEERS_VARIABLE, peak_bytes
from bench.lake_week_taker import FIRST, ROWS
from bench.lake_workload import SERIES

MEGABYTE = 1e6
_NS_PER_MS = 1_000_000
_SAMPLES_PER_HOUR = 3_600_000 // week.STEP_MS
_PARTS = 8
_LOOK_EVERY_S = 0.02
_IDLE_S = 20.0
_CALMS_DOWN_S = 20.0
MEMORY_DAYS = 2


def memory_while_taking_in() -> Figures:
    """Have days taken in by a process that does nothing else; return its peak memory and that of its maintenance."""
    folder = tempfile.mkdtemp(prefix="firstlight-bench-memory-")
    command = [sys.executable, "-m", "bench.lake_week_taker", folder]
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            children = Children(process.pid)
            for day in range(MEMORY_DAYS):
                for part in range(_PARTS):
                    _send(process.stdin, *week.day(day).part(part, _PARTS))
            process.stdin.close()
            taker_bytes = int(process.stdout.readline())
            children.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    most = {"takes in": taker_bytes / MEGABYTE, "maintains": children.peak_bytes / MEGABYTE}
    return {**{f"{what}, MB": peak for what, peak in most.items()}, "both, MB": sum(most.values())}


def _send(pipe: Any, times_ms: Any, values: Any) -> None:
    times_ns = times_ms * _NS_PER_MS
    for at in range(len(values)):
        for first in range(0, SERIES, ROWS):
            part = slice(first, first + ROWS)
            columns = (np.ascontiguousarray(rows[at, part]).tobytes() for rows in (times_ns, values))
            pipe.write(FIRST.pack(first) + b"".join(columns))


class Children:
    """Follows the memory of the children of a process; the largest peak of one of them is ``peak_bytes``."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._process = psutil.Process(pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            with suppress(psutil.NoSuchProcess):
                for child in self._process.children():
                    # One that has just ended has no memory any more.
                    with suppress(OSError, StopIteration):
                        self.peak_bytes = max(self.peak_bytes, peak_bytes(child.pid))


def reopening(folder: Path, days: int, *, with_pandas: bool = False) -> Figures:
    """Return what a new process needs until it has its first answer, for all last values then, and its peak memory."""
    started_s = time.perf_counter()
    told = subprocess.run(
        _visiting("ask-with-pandas" if with_pandas else "ask", folder, days), check=True, capture_output=True, text=True
    ).stdout
    moments, memory = map(json.loads, told.splitlines())
    assert (moments["samples"], moments["series"]) == (_SAMPLES_PER_HOUR, SERIES)
    return {
        "python s": moments["began"] - started_s,
        "import s": moments["imported"] - moments["began"],
        "open s": moments["opened"] - moments["imported"],
        "answer s": moments["answered"] - moments["opened"],
        "in all s": moments["answered"] - started_s,
        "last values s": moments["knew_all"] - moments["answered"],
        "peak MB": memory["peak_bytes"] / MEGABYTE,
    }


def idle_lake(folder: Path) -> Figures:
    """Return the processor time of a process that has a lake open, and maintained, and does nothing."""
    return _idle(_visiting("idle", folder, 0))


def idle_hub(folder: Path) -> Figures:
    """Return the processor time of a hub at rest that measures this machine once a second and keeps old rows."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as settings:
        settings.write("[lake.retention]\nevents_days = 0\nmetrics_days = 0\nspans_days = 0\n")
        settings.flush()
        return _idle(
            [sys.executable, "-m", "firstlight", "up", "--port", "0", "--data", str(folder), "--config", settings.name]
        )


def idle_server(pid: int) -> Figures:
    """Return the processor time of a server at rest."""
    return {"idle cpu %": _busy_percent(psutil.Process(pid))}


def _visiting(what: str, folder: Path, days: int) -> Sequence[str]:
    end_ns = (week.BASE_MS + days * week.DAY_MS) * _NS_PER_MS
    return [sys.executable, "-m", "bench.lake_week_visit", what, str(folder), str(days), str(end_ns)]


def _idle(command: Sequence[str]) -> Figures:
    # A hub takes no variable of its prefix that it does not know.
    environment = {name: value for name, value in os.environ.items() if name != PEERS_VARIABLE}
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said, env=environment) as process,
    ):
        time.sleep(_CALMS_DOWN_S)
        if process.poll() is None:
            busy_percent = _busy_percent(psutil.Process(process.pid))
            most_bytes = peak_bytes(process.pid)
            process.terminate()
            return {"idle cpu %": busy_percent, "peak MB": most_bytes / MEGABYTE}
        said.seek(0)
        raise AssertionError(f"{' '.join(command)} ended: {said.read().decode()[-1000:]}")


def _busy_percent(process: psutil.Process) -> float:
    before_s, began_s = _cpu_s(process), time.perf_counter()
    time.sleep(_IDLE_S)
    return 100 * (_cpu_s(process) - before_s) / (time.perf_counter() - began_s)


def _cpu_s(process: psutil.Process) -> float:
    """Return the processor time of a process and its children, past and present."""
    ended = process.cpu_times()
    running = sum(_threads_cpu_ns(one.pid) for one in (process, *process.children(recursive=True)))
    return float(ended.children_user + ended.children_system + running / 1e9)


def _threads_cpu_ns(pid: int) -> int:
    """Return the time of a process's threads by the scheduler's own clock; the usual one counts hundredths."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))
