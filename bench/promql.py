"""PromQL over HTTP: a hub beside Prometheus and VictoriaMetrics, over the same remote-written samples."""

import http.client
import itertools
import json
import math
import shutil
import tempfile
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench import lake_week_data as week
from bench.harness import Bar, Benchmark, Contender, Figures, Group, Missing, Running, Shared
from bench.lake_servers import Hub, Prometheus, VictoriaMetrics
from bench.lake_workload import HOSTS, METRICS, host_name, metric_name
from bench.remote_write import RemoteWrite

OURS, PROMETHEUS, VICTORIA = "firstlight", "prometheus", "victoriametrics"
ROUNDS = 7
REPEATS = 7
TOLERANCE = 1e-9

WEEK_METRICS = 6
STEPS_PER_BODY = 20
FLEET_SERIES, FLEET_ROUNDS, FLEET_STEP_MS, PER_BODY = 10_000, 40, 15_000, 500
_END_MS = week.BASE_MS + week.WEEK_DAYS * week.DAY_MS
_QUIET_S, _QUIET_RATIO, _SETTLES_WITHIN_S = 2.0, 0.1, 300.0
_SEED = 7

NOTES = f"""\
Everything is on one core: servers and whoever asks.  {WEEK_METRICS} metrics on {HOSTS} hosts every 10 s for {week.WEEK_DAYS} days, and {FLEET_SERIES:,}
counters of 10 metrics, {FLEET_ROUNDS} samples each every 15 s, at the end of that week: all sent by remote write.
ms: of one question, on a connection that stays open, until the last byte is there; median of {REPEATS}, each at other times.
VictoriaMetrics may not answer from earlier answers (nocache).  Answers of Firstlight and Prometheus are compared: the same
series, and values within {TOLERANCE:g}.  VictoriaMetrics does not extrapolate as Prometheus does; its answers are not compared.
"""  # noqa: E501


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        name: what is asked.
        path: of the API.
        query: the expression or selector.
        range_s: how far back from the end.
        step_s: of a range.
        faster: how many times as fast as VictoriaMetrics it must be, where that is held.
    """

    name: str
    path: str
    query: str = ""
    range_s: int = 300
    step_s: int = 15
    faster: float | None = None

    def parameters(self, earlier_ms: int) -> dict[str, Any]:
        """Return what is asked so many milliseconds before the end."""
        end_s = (_END_MS - earlier_ms) / 1000
        span = {"start": end_s - self.range_s, "end": end_s}
        if self.path == "query":
            return {"query": self.query, "time": end_s}
        if self.path == "query_range":
            return {"query": self.query, "step": self.step_s, **span}
        return {**({"match[]": self.query} if self.query else {}), **span}


_DAY_S, _WEEK_S = 86_400, 7 * 86_400
QUESTIONS = (
    Question("instant, 1 series", "query", 'load_metric_0_total{pod="web-000001"}'),
    Question("instant, 1,000 series", "query", "load_metric_3_total"),
    Question("instant, sum by", "query", "sum by (job, code) (load_metric_1_total)"),
    Question("instant, sum of rates", "query", "sum(rate(load_metric_2_total[2m]))"),
    Question("range, 1 series", "query_range", 'rate(load_metric_0_total{pod="web-000001"}[1m])'),
    Question("range, sum by of rates", "query_range", "sum by (job) (rate(load_metric_4_total[1m]))"),
    Question(
        "range, regular expression",
        "query_range",
        'sum by (method) (rate({__name__=~"load_metric_[5-7]_total",code!="500"}[1m]))',
    ),
    Question("range, topk", "query_range", "topk(5, rate(load_metric_8_total[1m]))"),
    Question(
        "range, quotient", "query_range", "sum(rate(load_metric_0_total[1m])) / sum(rate(load_metric_1_total[1m]))"
    ),
    Question("series", "series", "load_metric_9_total"),
    Question("label values", "label/pod/values"),
    Question(
        "(b) mean by minute and host, 24 h",
        "query_range",
        f"avg by (host) (avg_over_time({metric_name(1)}[1m]))",
        _DAY_S,
        60,
        1 / 0.7,
    ),
    Question("(c) sum of rates, 7 d", "query_range", f"sum(rate({metric_name(0)}[5m]))", _WEEK_S, 300, 1 / 1.5),
    Question("rates of 20 series, 24 h", "query_range", f"rate({metric_name(3)}[5m])", _DAY_S, 60),
    Question(
        "quantile over time, 24 h", "query_range", f"quantile_over_time(0.99, {metric_name(2)}[10m])", _DAY_S, 300
    ),
    Question("maximum over time, 24 h", "query_range", f"max_over_time({metric_name(4)}[1h])", _DAY_S, 60),
    Question("mean over a subquery, 24 h", "query", f"avg_over_time(sum(rate({metric_name(0)}[5m]))[24h:5m])"),
)


def benchmark() -> Benchmark:
    """Return the page."""
    stores = {
        OURS: _shared(Hub, {}),
        PROMETHEUS: _shared(Prometheus, {}),
        VICTORIA: _shared(VictoriaMetrics, {"nocache": "1"}),
    }
    groups = [_group(question, stores) for question in QUESTIONS]
    return Benchmark("promql", NOTES, groups, ("numpy", "pyarrow"), ROUNDS, cores=1, shared=list(stores.values()))


def _shared(kind: Any, parameters: dict[str, Any]) -> Shared["_Store"]:
    return Shared(partial(_Store, kind, parameters), lambda store: store.close())


def _group(question: Question, stores: Mapping[str, Shared["_Store"]]) -> Group:
    asking = _Asking(question)
    contenders = [Contender(name, partial(asking.start, name, store)) for name, store in stores.items()]
    bars = [Bar("ms", OURS, PROMETHEUS, 1.0)]
    if question.faster is not None:
        bars.append(Bar("ms", OURS, VICTORIA, question.faster))
    return Group(question.name, contenders, bars)


class _Asking:
    """Asks all servers the same, and compares what ours and Prometheus say."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._answers: dict[tuple[str, int], Any] = {}

    def start(self, name: str, store: Shared["_Store"]) -> Running:
        opened, turns = store.get(), itertools.count()
        return Running(lambda: self._turn(name, opened, next(turns)))

    def _turn(self, name: str, store: "_Store", number: int) -> Figures:
        took_s = []
        for at in range(number * REPEATS, (number + 1) * REPEATS):
            began_s = time.perf_counter()
            body = store.ask(self._question.path, self._question.parameters(at))
            took_s.append(time.perf_counter() - began_s)
            if at % REPEATS == 0:
                self._compare(name, at, json.loads(body)["data"])
        return {"ms": 1000 * median(took_s), "worst ms": 1000 * max(took_s)}

    def _compare(self, name: str, at: int, data: Any) -> None:
        other = {OURS: PROMETHEUS, PROMETHEUS: OURS}.get(name)
        if other is None:
            return
        self._answers[name, at] = data
        if (other, at) in self._answers:
            assert same(data, self._answers.pop((other, at))), f"{self._question.name}: the answers differ"
            del self._answers[name, at]


def same(ours: Any, theirs: Any) -> bool:
    """Return whether two answers of the API say the same."""
    if isinstance(ours, list):
        return (
            sorted(map(str, ours)) == sorted(map(str, theirs))
            if ours and isinstance(ours[0], str)
            else len(ours) == len(theirs)
        )
    left, right = _by_labels(ours["result"]), _by_labels(theirs["result"])
    return left.keys() == right.keys() and all(_alike(left[key], right[key]) for key in left)


def _by_labels(result: Sequence[Any]) -> dict[Any, Any]:
    return {tuple(sorted(one["metric"].items())): one.get("values") or [one["value"]] for one in result}


def _alike(ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
    return len(ours) == len(theirs) and all(
        math.isclose(a, b, abs_tol=1e-6) and math.isclose(float(x), float(y), rel_tol=TOLERANCE)
        for (a, x), (b, y) in zip(ours, theirs, strict=True)
    )


class _Store:
    """A server that has been sent everything."""

    def __init__(self, kind: Any, parameters: dict[str, Any]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="firstlight-bench-promql-"))
        self._parameters = parameters
        try:
            self._server = kind(self._folder)
        except Missing:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        for body in bodies():
            self._server.write(self._server.request(body))
        self._settle()
        self._connection = http.client.HTTPConnection(self._server.address)

    def ask(self, path: str, parameters: dict[str, Any]) -> bytes:
        address = f"/api/v1/{path}?{urllib.parse.urlencode({**parameters, **self._parameters})}"
        try:
            answer = self._answer(address)
        except http.client.RemoteDisconnected:  # it waited for longer than the server does while others were asked
            self._connection.close()
            answer = self._answer(address)
        body = answer.read()
        assert answer.status == http.client.OK, body[:500]
        return body

    def _answer(self, address: str) -> http.client.HTTPResponse:
        self._connection.request("GET", address)
        return self._connection.getresponse()

    def close(self) -> None:
        self._connection.close()
        self._server.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _settle(self) -> None:
        until_s = time.monotonic() + _SETTLES_WITHIN_S
        while time.monotonic() < until_s:
            spent_s = self._server.cpu_s()
            time.sleep(_QUIET_S)
            if self._server.cpu_s() - spent_s < _QUIET_RATIO * _QUIET_S:
                return
        raise AssertionError(f"no end of the background work in {self._folder}")


def bodies() -> Any:
    """Yield the requests that carry everything."""
    columns = [host * METRICS + metric for host in range(HOSTS) for metric in range(WEEK_METRICS)]
    known = [
        [("__name__", metric_name(metric)), ("host", host_name(host))]
        for host in range(HOSTS)
        for metric in range(WEEK_METRICS)
    ]
    writer = RemoteWrite(known * STEPS_PER_BODY)
    for number in range(week.WEEK_DAYS):
        day = week.day(number)
        times_ms = np.repeat(day.times_ms, WEEK_METRICS, axis=1)
        for step in range(0, week.STEPS_PER_DAY, STEPS_PER_BODY):
            steps = slice(step, step + STEPS_PER_BODY)
            yield writer.body(times_ms[steps].ravel(), day.values[steps][:, columns].ravel())
    yield from _fleet()


def _fleet() -> Any:
    rng = np.random.default_rng(_SEED)
    values = rng.integers(0, 10**6, FLEET_SERIES).astype(float)
    writers = [
        RemoteWrite([_fleet_labels(index) for index in range(at, at + PER_BODY)])
        for at in range(0, FLEET_SERIES, PER_BODY)
    ]
    for number in range(FLEET_ROUNDS):
        time_ms = _END_MS - (FLEET_ROUNDS - number) * FLEET_STEP_MS
        values += rng.uniform(0, 100, FLEET_SERIES)  # no two rates are the same, so topk has no choice
        for at, writer in enumerate(writers):
            part = slice(at * PER_BODY, (at + 1) * PER_BODY)
            yield writer.body(np.full(PER_BODY, time_ms), values[part])


def _fleet_labels(index: int) -> list[tuple[str, str]]:
    return [
        ("__name__", f"load_metric_{index % 10}_total"),
        ("code", ("200", "404", "500")[index % 3]),
        ("instance", f"10.0.0.{index // 10 % 250}:9100"),
        ("job", f"node-{index % 3}"),
        ("method", ("GET", "POST")[index % 2]),
        ("pod", f"web-{index // 10:06x}"),
    ]
