"""What ``import firstlight`` costs a program that has not used it yet."""

import subprocess
import sys
from importlib.util import find_spec

from bench.harness import Bar, Benchmark, Contender, Figures, Group, Missing, Running

NOTES = "ms: the module and all it imports, as `python -X importtime` says, in a new interpreter each time.\n"
US_PER_MS = 1000


def benchmark() -> Benchmark:
    """Return the page."""
    names = ("firstlight", "prometheus_client", "structlog", "opentelemetry.sdk.trace", "logging")
    contenders = [Contender(name, lambda name=name: _importing(name)) for name in names]
    group = Group("import", contenders, [Bar("ms", "firstlight", "prometheus_client", 2)])
    return Benchmark("import_time", NOTES, [group], ("prometheus-client", "structlog", "opentelemetry-sdk"), rounds=9)


def _importing(name: str) -> Running:
    if find_spec(name.partition(".")[0]) is None:
        raise Missing(f"{name} is not installed")

    def turn() -> Figures:
        command = [sys.executable, "-X", "importtime", "-c", f"import {name}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        last = done.stderr.strip().splitlines()[-1]
        return {"ms": int(last.split("|")[1]) / US_PER_MS}

    return Running(turn)
