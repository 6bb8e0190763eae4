"""The processes of ``million_series``: ``python -m bench.million_series_part write|read FOLDER SERIES ROUNDS``.

``write`` appends a sample of each series, round after round, in requests of ``ROWS``; ``read`` opens the lake and asks.
Each prints lines of JSON.  A fleet's series are made up when they are needed, so that a process's memory is the lake's.
"""

import json
import os
import sys
import time
from array import array
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from bench.lake_servers import peak_bytes
from firstlight.app.lake import Lake
from firstlight.errors import FirstlightError, Overloaded
from firstlight.model import Batch, Kind, Matcher, Resource, Series, named
from firstlight.store import maintain
from firstlight.store.catalog import Catalog
from firstlight.store.layout import Layout

ROWS = 10_000
METRICS = 100
STEP_NS = 10_000_000_000
BASE_NS = 1_750_000_000_000_000_000 // STEP_NS * STEP_NS
_RESOURCE = Resource("cluster", "", "bench", 1)
_TEAMS, _NODES = 50, 200
_WAIT_S = 0.02
_SETTLES_WITHIN_S = 1_800.0
_ASKED = 5


def series(number: int) -> Series:
    """Return one series: a metric of a pod, which belongs to a team and runs on a node."""
    pod, metric = divmod(number, METRICS)
    team, node = f"team-{pod % _TEAMS:02d}", f"node-{pod % _NODES:03d}"
    labels = (("node", node), ("pod", f"pod-{pod:06d}-{pod * 2654435761 % 2**32:08x}"), ("team", team))
    return Series(f"pod_metric_{metric:03d}", labels, "cluster", kind=Kind.GAUGE)


def write(folder: str, count: int, rounds: int) -> None:
    """Append ``rounds`` samples of ``count`` series; tell what each round cost."""
    with Lake.open(folder) as lake:
        for number in range(rounds):
            took_s, refused = [], 0
            for first in range(0, count, ROWS):
                batch = _batch(first, min(ROWS, count - first), number)
                began_s = time.perf_counter()
                refused += _append(lake, batch)
                took_s.append(time.perf_counter() - began_s)
            rate = count / sum(took_s)
            worst_ms = 1000 * max(took_s)
            peak, log_bytes = peak_bytes(os.getpid()), lake.stats()["appended_bytes"]
            _tell(round=number, rate=rate, worst_ms=worst_ms, refused=refused, peak_bytes=peak, log_bytes=log_bytes)
        began_s = time.perf_counter()
        _settle(lake, Layout(folder))
        done = {key: value for key, value in lake.stats().items() if key.startswith("seal_")}
        _tell(settled_s=time.perf_counter() - began_s, peak_bytes=peak_bytes(os.getpid()), **done)


def _batch(first: int, count: int, number: int) -> Batch:
    known = [series(index) for index in range(first, first + count)]
    ids = [one.id() for one in known]
    batch = Batch(_RESOURCE)
    batch.series = dict(zip(ids, known, strict=True))
    batch.samples.series_ids = array("q", ids)
    batch.samples.times_ns = array("q", [BASE_NS + number * STEP_NS]) * count
    batch.samples.values = array("d", np.round(np.random.default_rng([number, first]).uniform(0, 100, count), 2))
    return batch


def _append(lake: Lake, batch: Batch) -> int:
    refused = 0
    while True:
        try:
            lake.append([batch])
        except Overloaded:
            refused += 1
            time.sleep(_WAIT_S)
        else:
            return refused


def _settle(lake: Lake, layout: Layout) -> None:
    catalog, until_s = Catalog(layout), time.monotonic() + _SETTLES_WITHIN_S
    while maintain.is_due(layout, catalog):
        if time.monotonic() > until_s:
            raise AssertionError(f"no end of maintenance: {lake.stats()}")
        time.sleep(_WAIT_S)


def read(folder: str, count: int, rounds: int) -> None:
    """Open the lake and ask; tell what each question cost the first time and later, and what it found."""
    start_ns, end_ns = BASE_NS, BASE_NS + rounds * STEP_NS
    one, metric = series(count // 2), named("pod_metric_050")
    pods = Matcher("pod", "=~", "pod-0012.*")
    began_s = time.perf_counter()
    with Lake.open(folder, read_only=True) as lake:
        _tell(open_s=time.perf_counter() - began_s, peak_bytes=peak_bytes(os.getpid()))
        questions: dict[str, Callable[[], Any]] = {
            "one series, its samples": lambda: lake.select(named(one.name, **dict(one.labels)), start_ns, end_ns),
            "a metric by team, its mean": lambda: lake.aggregate(
                metric, start_ns, end_ns, rounds * STEP_NS, "mean", by=("team",)
            ),
            "a metric, its samples": lambda: lake.select(metric, start_ns, end_ns),
            "pods by a regular expression, their samples": lambda: lake.select([pods], start_ns, end_ns),
            "all but a team, of a metric": lambda: lake.select(
                [*metric, Matcher("team", "!=", "team-01")], start_ns, end_ns
            ),
            "last value of each": lake.last,
            "SQL: samples of a metric": lambda: lake.sql(
                "SELECT count(*) FROM metrics WHERE name = ?", [metric[0].value]
            ),
            "SQL: series by metric": lambda: lake.sql("SELECT name, count(*) FROM series GROUP BY name"),
            "stats": lake.stats,
        }
        for name, ask in questions.items():
            _ask(name, ask)


def _ask(name: str, ask: Callable[[], Any]) -> None:
    took_s: list[float] = []
    found: Any = ()
    try:
        for _ in range(_ASKED):
            began_s = time.perf_counter()
            found = ask()
            took_s.append(time.perf_counter() - began_s)
    except (FirstlightError, MemoryError) as error:
        _tell(question=name, failed=f"{type(error).__name__}: {error}")
        return
    later_s, peak = median(took_s[1:]), peak_bytes(os.getpid())
    _tell(question=name, first_s=took_s[0], later_s=later_s, found=len(found), peak_bytes=peak)


def _tell(**figures: Any) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
