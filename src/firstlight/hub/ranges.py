"""A metric over time, as means over equal steps."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec

from firstlight.app.queries import Runner
from firstlight.errors import UsageError
from firstlight.model import Series
from firstlight.ports import SignalReader

MAX_POINTS = 200_000
_NS_PER_US = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Range:
    """What is asked for.

    Attributes:
        name: of the metric, as its source spells it.
        field: ``value``, ``sum``, ``count`` …
        start_ns: first moment.
        end_ns: the moment after the last.
        points: steps at most.
        labels: those that a series must have.
    """

    name: str
    field: str
    start_ns: int
    end_ns: int
    points: int
    labels: Mapping[str, str]

    @property
    def step_ns(self) -> int:
        """Nanoseconds of one step."""
        return max(1, math.ceil((self.end_ns - self.start_ns) / self.points))


class SeriesRange(msgspec.Struct):
    """One series: the beginnings of its steps and the means over them; None where a mean is not finite."""

    labels: dict[str, str]
    service: str
    kind: str
    unit: str
    times_ns: list[int]
    values: list[float | None]


class RangeAnswer(msgspec.Struct):
    """The answer to ``/api/range``."""

    name: str
    start_ns: int
    end_ns: int
    step_ns: int
    series: list[SeriesRange]
    truncated: bool = False


def read_range(runner: Runner, reader: SignalReader, wanted: Range) -> RangeAnswer:
    """Return the means of every step that has samples.

    Raises:
        UsageError: the range is empty or not a time.
        QueryError: it took too long.
    """
    if wanted.end_ns <= wanted.start_ns:
        raise UsageError("end_ns must be after start_ns")
    query, params = _statement(wanted)
    rows = runner.sql(query, params, limit=MAX_POINTS)
    known = reader.series()
    series = [_series_range(known[series_id], wanted, lines) for series_id, lines in _by_series(rows.rows)]
    return RangeAnswer(wanted.name, wanted.start_ns, wanted.end_ns, wanted.step_ns, series, rows.truncated)


def as_time(time_ns: int) -> datetime:
    """Return nanoseconds since the epoch as the lake's ``time``, rounded down.

    Raises:
        UsageError: no calendar has that time.
    """
    try:
        return _EPOCH + timedelta(microseconds=time_ns // _NS_PER_US)
    except OverflowError:
        raise UsageError(f"{time_ns} is not a time in nanoseconds since 1970") from None


def _statement(wanted: Range) -> tuple[str, list[Any]]:
    # step boundaries are multiples of the step, so that a window that moves shows the same means again
    query = (
        "SELECT series_id, time_ns // ? AS step, avg(value) FROM metrics WHERE name = ? AND field = ? "
        "AND time >= ? AND time <= ? AND time_ns >= ? AND time_ns < ?"
    )
    start, end = as_time(wanted.start_ns), as_time(wanted.end_ns)
    params = [wanted.step_ns, wanted.name, wanted.field, start, end, wanted.start_ns, wanted.end_ns]
    for key, value in wanted.labels.items():
        query += " AND labels[?] = ?"
        params += [key, value]
    return query + " GROUP BY ALL ORDER BY ALL", params


def _by_series(rows: Any) -> Iterator[tuple[int, list[tuple[Any, ...]]]]:
    for series_id, lines in groupby(rows, itemgetter(0)):
        yield series_id, list(lines)


def _series_range(series: Series, wanted: Range, lines: list[tuple[Any, ...]]) -> SeriesRange:
    return SeriesRange(
        labels=dict(series.labels),
        service=series.service,
        kind=str(series.kind),
        unit=series.unit,
        times_ns=[step * wanted.step_ns for _, step, _ in lines],
        values=[mean if mean is not None and math.isfinite(mean) else None for _, _, mean in lines],
    )
