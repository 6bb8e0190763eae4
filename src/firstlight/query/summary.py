"""One figure for each metric over a stretch of time, such as the mean of the last hour."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from firstlight.errors import QueryError
from firstlight.ports import Rows

_NS_PER_US = 1000
_PERCENTILE = re.compile(r"P(\d{1,2}(?:\.\d+)?)")
_QUANTILE = re.compile(r"QUANTILE:(0(?:\.\d+)?|1(?:\.0+)?)")

_READINGS = {
    "MEAN": "favg(value)",
    "SUM": "fsum(value)",
    "MIN": "min(value)",
    "MAX": "max(value)",
    "COUNT": "count(*)",
    "MEDIAN": "median(value)",
    "STDDEV": "stddev_pop(value)",
    "FIRST": "arg_min(value, time_ns)",
    "LAST": "arg_max(value, time_ns)",
}
_VALUES = "list(value ORDER BY time_ns)"
RATE = "RATE"
NAMES = (*_READINGS, RATE, "P1", "P99.9", "QUANTILE:0.95")
"""The aggregations; any percentile between P0 and P100 and any quantile from 0 to 1 may stand for the last three."""

Reduce = Callable[[list[float]], Any]
"""Makes one figure of the values in their order of time."""


class Sql(Protocol):
    """Something that answers SQL, such as a lake."""

    def sql(self, query: str, params: dict[str, Any]) -> Rows:
        """See :meth:`firstlight.ports.SignalReader.sql`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which samples, and what of them.

    Attributes:
        names: metrics; None for all.
        scope: who measured them, as :class:`~firstlight.model.Series` has it.
        begin_ns: the first moment; None for the beginning.
        end_ns: the last moment, included; None for the end.
        aggregation: see :func:`reading_of`, or a function of the host's own.
        by: labels by whose values the samples of a metric are also told apart.
    """

    names: Sequence[str] | None
    scope: str
    begin_ns: int | None
    end_ns: int | None
    aggregation: str | Reduce
    by: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """A figure and what it was made of.

    Attributes:
        value: the figure; None where there is none, such as the rate of a single sample.
        samples: how many it was made of.
        first_ns: when the first of them was taken.
        last_ns: when the last was.
        labels: by which they are told apart; None for a label that they lack.
    """

    value: Any
    samples: int
    first_ns: int
    last_ns: int
    labels: dict[str, str | None] = field(default_factory=dict)


@dataclass(slots=True)
class MetricSummary:
    """A metric: all of it, and its parts."""

    whole: Summary
    parts: list[Summary] = field(default_factory=list)


def reading_of(name: str) -> str:
    """Return the canonical name of an aggregation: one of :data:`NAMES`, in capitals.

    ``MEAN SUM MIN MAX COUNT MEDIAN STDDEV FIRST LAST`` are what they say; the standard deviation is that of the values
    themselves, as with Prometheus' ``stddev_over_time``.  ``P95`` and ``QUANTILE:0.95`` interpolate linearly.  ``RATE``
    is the increase a second of a value that only grows, from the first to the last sample of each series; a fall is a
    new beginning at zero, and the rates of several series are added up.

    Raises:
        QueryError: there is no such aggregation.
    """
    canonical = name.upper()
    if canonical != RATE:
        _expression(canonical)
    return canonical


def summarize(lake: Sql, question: Question) -> dict[str, MetricSummary]:
    """Return an answer for each metric that has samples, by name.

    Raises:
        QueryError: there is no such aggregation, the lake took too long, or the host's function failed.
        StorageError: the lake cannot be read.
    """
    labels = [f"label_{n}" for n in range(len(question.by))]
    rows = lake.sql(_statement(question, labels), _parameters(question)).rows
    found: dict[str, MetricSummary] = {}
    for name, part, value, samples, first_ns, last_ns, *values in sorted(rows, key=_place):
        shown = _reduced(question.aggregation, value, name)
        summary = Summary(
            shown, samples, first_ns, last_ns, dict(zip(question.by, values, strict=True)) if part else {}
        )
        if part:
            found[name].parts.append(summary)
        else:
            found[name] = MetricSummary(summary)
    return found


def _place(row: Sequence[Any]) -> tuple[Any, ...]:
    """Put the line of a metric as a whole before those of its parts."""
    name, part, _, _, _, _, *values = row
    return name, part, [value or "" for value in values]


def _reduced(aggregation: str | Reduce, value: Any, name: str) -> Any:
    if isinstance(aggregation, str):
        return None if isinstance(value, float) and math.isnan(value) else value
    try:
        return aggregation(value)
    except Exception as error:
        # The host's own function may fail in any way.
        raise QueryError(f"the aggregation failed for {name}: {type(error).__name__}: {error}") from error


def _expression(aggregation: str) -> str:
    if aggregation in _READINGS:
        return _READINGS[aggregation]
    if found := _PERCENTILE.fullmatch(aggregation):
        return f"quantile_cont(value, {float(found[1]) / 100})"
    if aggregation == "P100":
        return _READINGS["MAX"]
    if found := _QUANTILE.fullmatch(aggregation):
        return f"quantile_cont(value, {float(found[1])})"
    raise QueryError(f"no aggregation {aggregation!r}; use one of {', '.join(NAMES)}")


def _parameters(question: Question) -> dict[str, Any]:
    given: dict[str, Any] = {"scope": question.scope}
    if question.names is not None:
        given["names"] = list(question.names)
    for name, time_ns in (("begin", question.begin_ns), ("end", question.end_ns)):
        if time_ns is not None:
            given |= {f"{name}_ns": time_ns, f"{name}_us": time_ns // _NS_PER_US}
    return given | {f"key_{n}": label for n, label in enumerate(question.by)}


def _statement(question: Question, labels: Sequence[str]) -> str:
    keys = "".join(f", labels[$key_{n}] AS {label}" for n, label in enumerate(labels))
    named = "" if question.names is None else " AND list_contains($names, name)"
    chosen = f"SELECT series_id, name{keys} FROM series WHERE scope = $scope AND field = 'value'{named}"
    times = [_bound(name, sign) for name, sign in _bounds(question)]
    within = f" WHERE {' AND '.join(times)}" if times else ""
    rows = f"SELECT * FROM samples JOIN chosen USING (series_id){within}"
    return f"WITH chosen AS ({chosen}), taken AS ({rows}) {_summing(question, ''.join(f', {one}' for one in labels))}"


def _bounds(question: Question) -> list[tuple[str, str]]:
    bounds = (("begin", ">=", question.begin_ns), ("end", "<=", question.end_ns))
    return [(name, sign) for name, sign, time_ns in bounds if time_ns is not None]


def _bound(name: str, sign: str) -> str:
    # The coarser time is what segments know the extremes of.
    return f"time {sign} make_timestamptz(${name}_us) AND time_ns {sign} ${name}_ns"


def _summing(question: Question, labels: str) -> str:
    counted = "count(*) AS samples, min(time_ns) AS first_ns, max(time_ns) AS last_ns"
    if question.aggregation == RATE:
        return f"{_per_series(labels, counted)} {_grouped('sum(value), sum(samples)::BIGINT', labels, 'risen')}"
    made = _expression(question.aggregation) if isinstance(question.aggregation, str) else _VALUES
    return _grouped(f"{made}, count(*)", labels, "taken", times="time_ns")


def _per_series(labels: str, counted: str) -> str:
    return (
        f", steps AS (SELECT *, value - lag(value) OVER (PARTITION BY series_id ORDER BY time_ns) AS step FROM taken)"
        f", risen AS (SELECT name{labels}, {counted}, "
        "sum(CASE WHEN step < 0 THEN value ELSE coalesce(step, 0) END) "
        f"/ nullif((max(time_ns) - min(time_ns)) / 1e9, 0) AS value FROM steps GROUP BY series_id, name{labels})"
    )


def _grouped(figures: str, labels: str, source: str, times: str = "") -> str:
    first, last = (times, times) if times else ("first_ns", "last_ns")
    sets = f"(name), (name{labels})" if labels else "(name)"
    part = f"grouping(name{labels})" if labels else "0"
    # grouping() is zero where a line is told apart by everything.
    told = f"CASE WHEN {part} = 0 THEN 1 ELSE 0 END" if labels else "0"
    spans = f"min({first}), max({last})"
    return f"SELECT name, {told}, {figures}, {spans}{labels} FROM {source} GROUP BY GROUPING SETS ({sets})"
