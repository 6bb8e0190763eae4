"""A million active series in one lake, on one core: what they cost to take in, to hold and to ask about.

``python -m bench.million_series [--series N] [--rounds N]`` prints tables.  There is no peer and no bar: it shows
whether anything falls over, and exits with 1 when something does.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.lake_stores import size_of
from bench.lake_week_processes import MEGABYTE, Children
from bench.machine import on_cores
from bench.table import figure, table

SERIES, ROUNDS = 1_000_000, 4


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m bench.million_series", description=__doc__)
    parser.add_argument("--series", type=int, default=SERIES)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="samples of each series")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="firstlight-bench-series-"))
    try:
        with on_cores(1):
            return 0 if _run(folder, asked.series, asked.rounds) else 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(folder: Path, series: int, rounds: int) -> bool:
    print(f"{series:,} series, {rounds} samples of each, requests of 10,000; one core\n", flush=True)
    written = _part("write", folder, series, rounds)
    _print_written(written.told)
    print(f"\nmaintaining process: at most {written.children_bytes / MEGABYTE:,.0f} MB")
    print(
        f"on the disk: {size_of(folder) / series:,.1f} bytes a series, {size_of(folder) / MEGABYTE:,.1f} MB\n",
        flush=True,
    )
    read = _part("read", folder, series, rounds)
    _print_read(read.told)
    return written.is_well and read.is_well and not any("failed" in one for one in read.told)


class _Part(NamedTuple):
    """What a process told, whether it ended well, and the peak memory of the largest of its children."""

    told: list[dict[str, Any]]
    is_well: bool
    children_bytes: int


def _part(what: str, folder: Path, series: int, rounds: int) -> _Part:
    command = [sys.executable, "-m", "bench.million_series_part", what, str(folder), str(series), str(rounds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        children = Children(process.pid)
        told = [json.loads(line) for line in process.stdout]
        children.stop()
    if process.returncode:
        print(f"the process that {what}s ended with {process.returncode}")
    return _Part(told, process.returncode == 0, children.peak_bytes)


def _print_written(told: list[dict[str, Any]]) -> None:
    rounds = [one for one in told if "round" in one]
    rows = [
        [
            "first samples" if one["round"] == 0 else f"later samples, {one['round']}",
            figure(one["rate"]),
            figure(one["worst_ms"]),
            str(one["refused"]),
            _megabytes(one),
            figure(one["log_bytes"] / MEGABYTE),
        ]
        for one in rounds
    ]
    print(table(["taken in", "samples/s", "worst ms", "refused", "peak MB", "log MB so far"], rows))
    for one in told:
        if "settled_s" in one:
            failed = f", {one['seal_failures']} failures: {one['seal_error']}" if one["seal_failures"] else ""
            print(f"\nmaintenance done {one['settled_s']:.1f} s later{failed}")


def _print_read(told: list[dict[str, Any]]) -> None:
    for one in told:
        if "open_s" in one:
            print(f"opened in {one['open_s']:.3f} s, {_megabytes(one)} MB")
    rows = [_answered(one) for one in told if "question" in one]
    print(table(["asked", "first ms", "later ms", "found", "peak MB"], rows))
    for one in told:
        if "failed" in one:
            print(f"FAILED {one['question']}: {one['failed']}")


def _answered(one: Mapping[str, Any]) -> list[str]:
    if "failed" in one:
        return [one["question"], "-", "-", "-", "-"]
    times = [figure(1000 * one[name]) for name in ("first_s", "later_s")]
    return [one["question"], *times, f"{one['found']:,}", _megabytes(one)]


def _megabytes(one: Mapping[str, Any]) -> str:
    return figure(one["peak_bytes"] / MEGABYTE)


if __name__ == "__main__":
    raise SystemExit(main())
