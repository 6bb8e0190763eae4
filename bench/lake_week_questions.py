"""The questions of ``lake_week``, asked of a lake and of servers that speak PromQL; each knows the true answer.

A question has a number: it goes round the metrics and hosts, so that it is not always the same answer that is given.
Answers are compared by key: arrays of float64, exactly where a store keeps doubles and gives them back as they were.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import lake_week_data as week
from bench.lake_workload import HOSTS, METRICS, host_name, metric_name
from firstlight.app.lake import Lake
from firstlight.model import Matcher, named

Answer = Mapping[Any, Any]
"""Arrays by what they are of."""

_NS_PER_MS = 1_000_000
_HOUR_MS, _MINUTE_MS = 3_600_000, 60_000
_STEPS_PER_HOUR = _HOUR_MS // week.STEP_MS
_STEPS_PER_MINUTE = _MINUTE_MS // week.STEP_MS
_SHIFTS, _SHIFT_MS = 97, 100_003
"""Each time the events of another 24 hours are counted, these begin up to 2.7 hours apart."""

_TOP = 10
_QUANTILE = 0.99
_TOLERANCE = 1e-9
"""Of a value computed or kept in decimal digits, relative to it."""


@dataclass(frozen=True)
class Asked:
    """What a question is about.

    Attributes:
        days: how many days the stores hold.
        number: how often it was asked before.
    """

    days: int
    number: int

    @property
    def day(self) -> int:
        """The day that it is about: one after another of the second half, from the last back."""
        return self.days - 1 - self.number // HOSTS % ((self.days + 1) // 2)

    @property
    def end_ms(self) -> int:
        """The end of that day."""
        return week.BASE_MS + (self.day + 1) * week.DAY_MS

    @property
    def last_ms(self) -> int:
        """The end of the last day."""
        return week.BASE_MS + self.days * week.DAY_MS

    @property
    def host(self) -> int:
        """The host that it is about."""
        return self.number % HOSTS

    def metric(self, kind: int) -> int:
        """Return the metric of a kind (0 counter, 1 gauge, 2 latency) that it is about."""
        of_kind = range(kind, METRICS, 3)
        return of_kind[self.number % len(of_kind)]

    def range_ns(self, length_ms: int) -> tuple[int, int]:
        """Return the beginning and the end of the last so many milliseconds of the day."""
        return (self.end_ms - length_ms) * _NS_PER_MS, self.end_ms * _NS_PER_MS

    def samples(self) -> week.Day:
        """Return the samples of the day."""
        return week.day(self.day)


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        name: what is asked.
        lake: asks a lake; this is measured.
        read: makes an answer of what it gave.
        truth: the answer, computed from what was stored.
        promql: path and parameters for a server; None when they cannot say.
        is_exact: a lake must answer bit for bit.
    """

    name: str
    lake: Callable[[Lake, Asked], Any]
    read: Callable[[Any], Answer]
    truth: Callable[[Asked], Answer]
    promql: Callable[[Asked], tuple[str, dict[str, Any]]] | None = None
    is_exact: bool = False

    def check_lake(self, asked: Asked, found: Any) -> None:
        """Compare what a lake gave with the truth.

        Raises:
            AssertionError: it differs.
        """
        _compare(self.name, self.read(found), self.truth(asked), 0.0 if self.is_exact else _TOLERANCE)

    def check_server(self, asked: Asked, body: bytes) -> None:
        """Compare what a server gave with the truth.

        Raises:
            AssertionError: it differs.
        """
        truth = self.truth(asked)
        with_name = isinstance(next(iter(truth)), tuple)
        found = json.loads(body)["data"]["result"]
        # VictoriaMetrics leaves the metric's name on quantiles, Prometheus does not.
        answer = {_key(one["metric"], with_name): _values(one) for one in found}
        _compare(self.name, answer, truth, _TOLERANCE)


def _key(labels: Mapping[str, str], with_name: bool) -> Any:
    return (labels["__name__"], labels["host"]) if with_name else labels["host"]


def _values(one: Any) -> Any:
    pairs = one["values"] if "values" in one else [one["value"]]
    return np.array([float(value) for _, value in pairs])


def _compare(name: str, found: Answer, truth: Answer, tolerance: float) -> None:
    assert found.keys() == truth.keys(), f"{name}: {len(found)} keys where {len(truth)} were stored"
    for key, wanted in truth.items():
        given = found[key]
        assert len(given) == len(wanted), f"{name}, {key}: {len(given)} values of {len(wanted)}"
        assert np.allclose(given, wanted, rtol=tolerance, atol=0), f"{name}, {key}: {given} is not {wanted}"


def _column(metric: int, host: int) -> int:
    return host * METRICS + metric


def _columns(metric: int) -> slice:
    """Return the columns of a metric, host after host."""
    return slice(metric, None, METRICS)


def _series(metric: int, host: int) -> tuple[str, str]:
    return metric_name(metric), host_name(host)


def _raw_series(asked: Asked) -> tuple[int, int]:
    return asked.number * 7 % METRICS, asked.host


def _raw_lake(lake: Lake, asked: Asked) -> Any:
    metric, host = _series(*_raw_series(asked))
    return lake.select(named(metric, host=host), *asked.range_ns(_HOUR_MS))


def _raw_truth(asked: Asked) -> Answer:
    metric, host = _raw_series(asked)
    return {_series(metric, host): asked.samples().values[-_STEPS_PER_HOUR:, _column(metric, host)]}


def _raw_promql(asked: Asked) -> tuple[str, dict[str, Any]]:
    metric, host = _series(*_raw_series(asked))
    return _instant(asked.end_ms, f'{metric}{{host="{host}"}}[1h]')


def _raw_read(found: Any) -> Answer:
    return {(one.series.name, dict(one.series.labels)["host"]): one.values for one in found}


RAW = Question("(a) raw last hour of a series", _raw_lake, _raw_read, _raw_truth, _raw_promql, is_exact=True)


def _minutes_lake(lake: Lake, asked: Asked) -> Any:
    step_ns = _MINUTE_MS * _NS_PER_MS
    return lake.aggregate(
        named(metric_name(asked.metric(1))), *asked.range_ns(week.DAY_MS), step_ns, "mean", by=("host",)
    )


def _minutes_truth(asked: Asked) -> Answer:
    values = asked.samples().values[:, _columns(asked.metric(1))]
    means = values.reshape(-1, _STEPS_PER_MINUTE, HOSTS).mean(axis=1)
    return {host_name(host): means[:, host] for host in range(HOSTS)}


def _minutes_promql(asked: Asked) -> tuple[str, dict[str, Any]]:
    # PromQL says at the end of a minute what was in it; a lake says it at the beginning.
    start_s, end_s = (asked.end_ms - week.DAY_MS + _MINUTE_MS) // 1000, asked.end_ms // 1000
    query = f"avg by (host) (avg_over_time({metric_name(asked.metric(1))}[1m]))"
    return "query_range", {"query": query, "start": start_s, "end": end_s, "step": 60}


def _by_host(found: Any) -> Answer:
    return {one.labels["host"]: one.values for one in found}


MINUTES = Question(
    "(b) mean by minute and host, 20 series, 24 h", _minutes_lake, _by_host, _minutes_truth, _minutes_promql
)


def _top_lake(lake: Lake, asked: Asked) -> Any:
    step_ns = _HOUR_MS * _NS_PER_MS
    found = lake.aggregate(
        named(metric_name(asked.metric(2))),
        *asked.range_ns(_HOUR_MS),
        step_ns,
        f"quantile({_QUANTILE})",
        by=("host",),
    )
    return sorted(found, key=lambda one: -float(one.values[0]))[:_TOP]


def _top_truth(asked: Asked) -> Answer:
    values = asked.samples().values[-_STEPS_PER_HOUR:, _columns(asked.metric(2))]
    found = np.quantile(values, _QUANTILE, axis=0)
    return {host_name(host): found[host : host + 1] for host in np.argsort(-found)[:_TOP].tolist()}


def _top_promql(asked: Asked) -> tuple[str, dict[str, Any]]:
    return _instant(asked.end_ms, f"topk({_TOP}, quantile_over_time({_QUANTILE}, {metric_name(asked.metric(2))}[1h]))")


TOP = Question("(d) top 10 of 20 series by p99 of an hour", _top_lake, _by_host, _top_truth, _top_promql)


def _levels_range_ns(asked: Asked) -> tuple[int, int]:
    end_ms = asked.last_ms - asked.number % _SHIFTS * _SHIFT_MS
    return (end_ms - week.DAY_MS) * _NS_PER_MS, end_ms * _NS_PER_MS


def _levels_lake(lake: Lake, asked: Asked) -> Any:
    return lake.count_events(*_levels_range_ns(asked), by=("level_number", "subsystem"))


def _levels_read(found: Any) -> Answer:
    return {key: [count] for key, count in found.items()}


def _levels_truth(asked: Asked) -> Answer:
    start_ns, end_ns = _levels_range_ns(asked)
    found = week.events_by_level(start_ns // _NS_PER_MS, end_ns // _NS_PER_MS)
    return {key: [count] for key, count in found.items()}


LEVELS = Question("(e) events by level and subsystem, 24 h", _levels_lake, _levels_read, _levels_truth)


_EVENTS_BY_LEVEL = (
    "SELECT level_number, subsystem, count(*) FROM events WHERE time_ns >= ? AND time_ns < ? GROUP BY ALL"
)


def _levels_by_sql(lake: Lake, asked: Asked) -> Any:
    return lake.sql(_EVENTS_BY_LEVEL, _levels_range_ns(asked))


def _levels_read_sql(found: Any) -> Answer:
    return {(level, subsystem): [count] for level, subsystem, count in found.rows}


LEVELS_BY_SQL = Question("(e) the same by SQL", _levels_by_sql, _levels_read_sql, _levels_truth)


def _text_lake(lake: Lake, asked: Asked) -> Any:
    return lake.search(week.RARE, week.BASE_MS * _NS_PER_MS, asked.last_ms * _NS_PER_MS, limit=10_000)


def _text_read(found: Any) -> Answer:
    at = found.columns.index("time_ns")
    return {"times": sorted(row[at] for row in found.rows)}


def _text_truth(asked: Asked) -> Answer:
    return {"times": sorted(time_ns for day in range(asked.days) for time_ns in week.rare_times_ns(day))}


TEXT = Question(f'(f) events that contain "{week.RARE}", 7 d', _text_lake, _text_read, _text_truth, is_exact=True)


def _last_lake(lake: Lake, asked: Asked) -> Any:
    del asked
    return lake.last([Matcher("__name__", "!=", "")])


def _last_read(found: Any) -> Answer:
    return {(one.series.name, dict(one.series.labels)["host"]): [one.value] for one in found}


def _last_truth(asked: Asked) -> Answer:
    newest = week.day(asked.days - 1).values[-1]
    columns = [(metric, host) for metric in range(METRICS) for host in range(HOSTS)]
    return {_series(*at): newest[_column(*at) : _column(*at) + 1] for at in columns}


def _last_promql(asked: Asked) -> tuple[str, dict[str, Any]]:
    return _instant(asked.last_ms, '{__name__!=""}')


LAST = Question("(g) last value of each of 1,000 series", _last_lake, _last_read, _last_truth, _last_promql, True)

QUESTIONS: Sequence[Question] = (RAW, MINUTES, TOP, LEVELS, LEVELS_BY_SQL, TEXT, LAST)


def _instant(at_ms: int, query: str) -> tuple[str, dict[str, Any]]:
    return "query", {"query": query, "time": at_ms // 1000}
