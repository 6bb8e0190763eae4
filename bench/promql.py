"""PromQL beside Prometheus: the same series in both, questions in turns, answers compared, JSON included on both sides.

Ours is evaluated over columns in memory, which leaves out what reading from the lake costs; Prometheus has its newest
samples in memory too, and decodes its chunks.  What is measured is the language.
"""

import json
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.harness import Missing
from bench.lake_servers import Prometheus
from bench.remote_write import RemoteWrite, bodies
from bench.table import figure, table
from firstlight.model import Matcher
from firstlight.query.promql.answer_bytes import answer_bytes
from firstlight.query.promql.engine import Engine
from firstlight.query.promql.limits import Limits
from firstlight.query.promql.source import Labels, Selected

SERIES = 100
INTERVAL_S = 10
SPAN_S = 86_400
STEP_S = 15
START_S = 1_760_054_400
FIRST_S, LAST_S = START_S + 3600, START_S + SPAN_S
ROUNDS = 5
NS_PER_S = 10**9
NAME = "http_requests_total"
QUESTIONS = [
    NAME,
    f"rate({NAME}[5m])",
    f"sum by (job) (rate({NAME}[5m]))",
    f"histogram_quantile(0.9, sum by (le) (rate({NAME}[5m])))",
    f"avg_over_time({NAME}[5m])",
    f"max_over_time({NAME}[1h])",
    f"quantile_over_time(0.9, {NAME}[5m])",
    f"quantile(0.9, {NAME})",
    f"max_over_time(rate({NAME}[5m])[1h:1m])",
]


class Columns:
    """A source of one metric whose series share their times."""

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        bounds = ("1", "2", "4", "8", "+Inf")
        self.labels: list[Labels] = [
            (("__name__", NAME), ("instance", f"i{at:03}"), ("job", f"j{at % 4}"), ("le", bounds[at % 5]))
            for at in range(SERIES)
        ]
        self.times_ns = (START_S + np.arange(SPAN_S // INTERVAL_S) * INTERVAL_S) * NS_PER_S
        self.values = np.cumsum(rng.poisson(3, (SERIES, len(self.times_ns))), axis=1).astype(float)
        half = len(self.times_ns) // 2
        self.values[:, half:] -= self.values[:, half : half + 1]  # a restart

    def select(self, _matchers: Sequence[Matcher], start_ns: int, end_ns: int, limits: Limits) -> Selected:
        begin, end = np.searchsorted(self.times_ns, (start_ns, end_ns), "right").tolist()
        limits.charge(SERIES * (end - begin))
        times_ns = np.tile(self.times_ns[begin:end], SERIES)
        return Selected(self.labels, np.full(SERIES, end - begin), times_ns, self.values[:, begin:end].reshape(-1))


def main() -> int:
    """Ask both; 1 when Prometheus is faster at a question or says something else."""
    held = Columns()
    with tempfile.TemporaryDirectory() as folder:
        try:
            server = Prometheus(Path(folder))
        except Missing as missing:
            print(f"not run, {missing}")
            return 0
        try:
            _load(server, held)
            return _ask_all(server, Engine(held))
        finally:
            server.end()


def _load(server: Prometheus, held: Columns) -> None:
    writer = RemoteWrite([list(labels) for labels in held.labels])
    times_ms = np.repeat(held.times_ns[:, None] // 10**6, SERIES, axis=1)
    for body in bodies([writer], times_ms, held.values.T):
        server.write(server.request(body))


def _ask_all(server: Prometheus, engine: Engine) -> int:
    rows, is_good = [], True
    for question in QUESTIONS:
        turns: list[tuple[float, float]] = []
        for _ in range(ROUNDS):
            theirs_s, theirs = _timed(lambda question=question: _of_prometheus(server, question))
            ours_s, ours = _timed(lambda question=question: _of_ours(engine, question))
            turns.append((theirs_s, ours_s))
        ratio = median(theirs_s / ours_s for theirs_s, ours_s in turns)
        is_same = _points(json.loads(ours)) == _points(json.loads(theirs)["data"])
        is_good = is_good and ratio >= 1 and is_same
        figures = [figure(median(column) * 1000) for column in zip(*turns, strict=True)]
        rows.append([question, *figures, figure(ratio), "yes" if is_same else "NO"])
    print(table(["question", "Prometheus, ms", "Firstlight, ms", "ratio", "same answer"], rows))
    return 0 if is_good else 1


def _of_prometheus(server: Prometheus, question: str) -> bytes:
    asked = {"query": question, "start": FIRST_S, "end": LAST_S, "step": STEP_S}
    return server.get(f"/api/v1/query_range?{urllib.parse.urlencode(asked)}").encode()


def _of_ours(engine: Engine, question: str) -> bytes:
    return answer_bytes(engine.range(question, FIRST_S * NS_PER_S, LAST_S * NS_PER_S, STEP_S * NS_PER_S))


def _timed(ask: Callable[[], bytes]) -> tuple[float, bytes]:
    began = time.perf_counter()
    found = ask()
    return time.perf_counter() - began, found


def _points(data: dict[str, Any]) -> dict[str, list[tuple[float, str]]]:
    """Return the points of each series, values to nine digits."""
    return {
        json.dumps(line["metric"], sort_keys=True): [(at, f"{float(value):.9g}") for at, value in line["values"]]
        for line in data["result"]
    }


if __name__ == "__main__":
    sys.exit(main())
