"""From an indicator to a judged figure."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from firstlight.assess.packs import GROWTH, Across, Aggregate, Indicator, score_at, sentence
from firstlight.errors import FirstlightError
from firstlight.model import HealthPart, Series
from firstlight.ports import SignalReader

_NS_PER_S = 1_000_000_000
_S_PER_MINUTE = 60
_BYTE_STEP = 1024.0


_Window = list[tuple[Series, list[int], list[float]]]


class _Line(NamedTuple):
    """One series, its value over the window and what that is worth."""

    series: Series
    value: float
    score: float
    samples: int


def judge(indicator: Indicator, reader: SignalReader, now_ns: int) -> HealthPart:
    """Return the indicator's part; its score is None when the window holds nothing to go by.  Never raises."""
    start_ns = now_ns - int(indicator.window_s * _NS_PER_S)
    source = source_sql(indicator, start_ns, now_ns)
    try:
        found = _window(indicator, reader, start_ns, now_ns + 1)
    except FirstlightError as error:
        return _unknown(indicator, source, f"could not be read: {error}")
    lines = [line for series, times, values in found if (line := _line(indicator, series, times, values))]
    if not lines:
        return _unknown(indicator, source, _why_nothing(indicator, sum(len(times) for _, times, _ in found)))
    value, score, line = _across(indicator, lines)
    if not math.isfinite(value):
        return _unknown(indicator, source, f"the values of {selector(indicator)} are beyond all numbers")
    words = {
        "value": format_value(value, indicator.unit),
        "window": format_window(indicator.window_s),
        "count": str(len(lines)),
        indicator.per: dict(line.series.labels).get(indicator.per, "?"),
    }
    evidence = f"{sentence(indicator.evidence, words)} ({_basis(indicator, lines, line)})"
    return HealthPart(indicator.name, score, indicator.weight, value, indicator.unit, evidence, source)


def aggregate_values(how: Aggregate, times_ns: Sequence[int], values: Sequence[float]) -> float | None:
    """Return one value for the samples of one series, in ascending time; None when there are too few.

    Values that are not finite do not count.  ``increase`` adds up growth; a counter that steps back has started again
    at zero, as in Prometheus, but nothing is extrapolated.  ``rate`` divides it by the time between first and last.
    """
    kept = [(time_ns, value) for time_ns, value in zip(times_ns, values, strict=True) if math.isfinite(value)]
    if not kept:
        return None
    if how in GROWTH:
        return _growth(how, kept)
    return _PLAIN[how]([value for _, value in kept])


def format_value(value: float, unit: str) -> str:
    """Return ``value`` as people read it."""
    if unit == "ratio":
        return f"{value * 100:.1f} %"
    if unit == "bytes":
        return _format_bytes(value)
    return f"{value:.4g} {unit}".rstrip()


def format_window(window_s: float) -> str:
    """Return a length of time as people read it."""
    minutes, rest_s = divmod(window_s, _S_PER_MINUTE)
    return f"{minutes:g} min" if minutes > 1 and rest_s == 0 else f"{window_s:g} s"


def selector(indicator: Indicator) -> str:
    """Return what is selected, as PromQL spells it."""
    labels = ",".join(f'{key}="{value}"' for key, value in sorted(indicator.labels.items()))
    return f"{indicator.metric}{{{labels}}}" if labels else indicator.metric


def source_sql(indicator: Indicator, start_ns: int, end_ns: int) -> str:
    """Return the statement that shows the same samples again."""
    conditions = [f"name = {_quoted(indicator.metric)}", f"field = {_quoted(indicator.field)}"]
    conditions += [f"service = {_quoted(indicator.service)}"] if indicator.service else []
    conditions += [f"labels[{_quoted(key)}] = {_quoted(value)}" for key, value in sorted(indicator.labels.items())]
    conditions += [f"time_ns BETWEEN {start_ns} AND {end_ns}"]
    where = " AND ".join(conditions)
    return f"SELECT time, labels, value FROM metrics WHERE {where} ORDER BY time_ns"  # noqa: S608 - all is quoted


def _window(indicator: Indicator, reader: SignalReader, start_ns: int, end_ns: int) -> _Window:
    first_ns = start_ns - int(indicator.window_s * _NS_PER_S) if indicator.from_zero else start_ns
    found = reader.window(indicator.metric, first_ns, end_ns, indicator.labels, indicator.field)
    mine = [line for line in found if indicator.service in ("", line[0].service)]
    if not indicator.from_zero:
        return mine
    return [(series, *_grounded(start_ns, times, values)) for series, times, values in mine]


def _grounded(start_ns: int, times_ns: list[int], values: list[float]) -> tuple[list[int], list[float]]:
    """Return the samples from ``start_ns`` on, led by what the counter had reached by then: zero if it was not."""
    at = bisect_left(times_ns, start_ns)
    if at == len(times_ns):
        return [], []
    reached = values[at - 1] if at > 0 else 0.0
    return [start_ns - 1, *times_ns[at:]], [reached, *values[at:]]


def _line(indicator: Indicator, series: Series, times_ns: Sequence[int], values: Sequence[float]) -> _Line | None:
    value = aggregate_values(indicator.aggregate, times_ns, values)
    if value is None or not math.isfinite(value):
        return None
    return _Line(series, value, score_at(indicator.score, value), len(values))


def _across(indicator: Indicator, lines: Sequence[_Line]) -> tuple[float, float, _Line]:
    worst = min(lines, key=lambda line: line.score)
    if indicator.across == "worst":
        # where several score the same, as all healthy disks do, the one nearest to trouble is named
        worst = min(lines, key=lambda line: (line.score, _nearness(indicator, line.value)))
        return worst.value, worst.score, worst
    value = _ACROSS[indicator.across]([line.value for line in lines])
    return value, score_at(indicator.score, value), worst


def _nearness(indicator: Indicator, value: float) -> float:
    worst_value = min(indicator.score, key=lambda point: point[1])[0]
    return abs(value - worst_value)


def _growth(how: Aggregate, kept: Sequence[tuple[int, float]]) -> float | None:
    elapsed_s = (kept[-1][0] - kept[0][0]) / _NS_PER_S
    if elapsed_s <= 0:
        return None
    grown = sum(after - before if after >= before else after for (_, before), (_, after) in pairwise(kept))
    return grown / elapsed_s if how == "rate" else grown


def _basis(indicator: Indicator, lines: Sequence[_Line], line: _Line) -> str:
    samples = line.samples if indicator.across == "worst" else sum(each.samples for each in lines)
    series = f", {len(lines)} series" if len(lines) > 1 else ""
    instances = {each.series.session_id for each in lines}
    instance = f", on {line.series.session_id}" if len(instances) > 1 and indicator.across == "worst" else ""
    return f"{selector(indicator)}{instance}{series}, {samples} {_plural(samples)}"


def _plural(samples: int) -> str:
    return "sample" if samples == 1 else "samples"


def _why_nothing(indicator: Indicator, samples: int) -> str:
    window = format_window(indicator.window_s)
    if samples == 0:
        return f"no samples of {selector(indicator)} in the last {window}"
    return f"{samples} {_plural(samples)} of {selector(indicator)} in the last {window}: too few, or not finite numbers"


def _unknown(indicator: Indicator, source: str, evidence: str) -> HealthPart:
    return HealthPart(indicator.name, None, indicator.weight, None, indicator.unit, evidence, source)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _format_bytes(value: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < _BYTE_STEP:
            return f"{value:.4g} {unit}"
        value /= _BYTE_STEP
    return f"{value:.4g} TiB"


def _last(values: Sequence[float]) -> float:
    return values[-1]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


_PLAIN: dict[Aggregate, Callable[[Sequence[float]], float]] = {"last": _last, "mean": _mean, "min": min, "max": max}
_ACROSS: dict[Across, Callable[[Sequence[float]], float]] = {"mean": _mean, "sum": sum, "min": min, "max": max}
