"""What a figure was measured on."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def facts(packages: tuple[str, ...]) -> dict[str, Any]:
    """Return the machine, the interpreter and the versions of ``packages`` (None where one is not installed)."""
    return {
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_average_1m": os.getloadavg()[0],
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {package: _version(package) for package in packages},
    }


@contextmanager
def on_cores(count: int | None) -> Iterator[None]:
    """Keep this process, all of its threads, and whatever it starts on the last ``count`` of its cores meanwhile."""
    if count is None:
        yield
        return
    before = os.sched_getaffinity(0)
    _keep_on(set(sorted(before)[-count:]))
    try:
        yield
    finally:
        _keep_on(before)


def _keep_on(cores: set[int]) -> None:
    for thread in os.listdir("/proc/self/task"):
        try:
            os.sched_setaffinity(int(thread), cores)
        except ProcessLookupError:
            continue


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
