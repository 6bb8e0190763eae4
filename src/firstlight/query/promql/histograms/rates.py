"""rate, increase, delta, irate and idelta over windows of native histograms.

The histograms of a series mostly have one layout; then all windows are computed at once over a table of its buckets
(``histogram_tables``).  Where the layout changes within the series each window is taken by itself.
"""

from typing import Any, NamedTuple

import numpy as np

from firstlight.query.promql.histograms.arithmetic import add, coarser, divide, is_reset, multiply, same, subtract
from firstlight.query.promql.histograms.histogram import Hint, Histogram
from firstlight.query.promql.histograms.tables import Table, table_of
from firstlight.query.promql.histograms.troubles import Trouble
from firstlight.query.promql.sources.source import are_there

_NS_PER_S = 1e9
_CLOSE = 1.1
"""Times the mean distance of samples: as near as that to the window's edge the rate is carried on to the edge."""


class HistogramWindows(NamedTuple):
    """One series and the windows on it, one for each step.

    Attributes:
        histograms: (n,) objects: :class:`Histogram`, or None where the sample is a float.
        times_ns: (n,) int64.
        first: (S,) positions of the first sample in each window.
        end: (S,) positions after the last one.
        starts_ns: (S,) where each window begins; a sample at that very time is not in it.
        ends_ns: (S,) where it ends.
    """

    histograms: Any
    times_ns: Any
    first: Any
    end: Any
    starts_ns: Any
    ends_ns: Any


Rated = tuple[Any, set[Trouble]]
"""(S,) histograms, None where there is no answer, and what is to be said about them."""


def window_rates(windows: HistogramWindows, *, counter: bool, per_second: bool) -> Rated:
    """Return ``rate`` (a counter per second), ``increase`` (a counter) or ``delta`` (neither)."""
    answers = np.full(len(windows.first), None, object)
    troubles: set[Trouble] = set()
    pure, steps = _of_histograms_only(windows, 2, troubles)
    if not len(steps):
        return answers, troubles
    factors = _factors(pure, per_second)
    if table := table_of(pure.histograms.tolist()):
        answers[steps] = _tabled(table, pure, factors, counter)
        _warn_of_hints(pure, table.hints, counter, troubles)
    else:
        answers[steps] = _one_by_one(pure, factors, counter, troubles)
    return answers, troubles


def instant_rates(windows: HistogramWindows, *, counter: bool) -> Rated:
    """Return ``irate`` (of a counter) or ``idelta`` of the last two samples of each window."""
    answers = np.full(len(windows.first), None, object)
    troubles: set[Trouble] = set()
    is_histogram = are_there(windows.histograms)
    known: dict[int, Histogram | None] = {}
    for step in np.flatnonzero(windows.end - windows.first > 1).tolist():
        last = int(windows.end[step]) - 1
        if is_histogram[last] != is_histogram[last - 1]:
            troubles.add(Trouble.MIXED_FLOATS)
        elif is_histogram[last]:
            if last not in known:
                known[last] = _instant(windows, last, counter, troubles)
            answers[step] = known[last]
    return answers, troubles


def reset_flags(values: Any, histograms: Any) -> Any:
    """Return for each sample of a series whether the counter began anew since the one before; the first has False.

    Args:
        values: (n,) floats, of no meaning where there is a histogram.
        histograms: (n,) histograms or None.
    """
    return _flags(values, histograms, is_reset, np.less)


def change_flags(values: Any, histograms: Any) -> Any:
    """Return for each sample of a series whether it differs from the one before; see :func:`reset_flags`."""
    return _flags(values, histograms, _differs, _differ)


def _differs(now: Histogram, before: Histogram) -> bool:
    return not same(now, before)


def _differ(now: Any, before: Any) -> Any:
    return (now != before) & ~(np.isnan(now) & np.isnan(before))


def _flags(values: Any, histograms: Any, of_histograms: Any, of_floats: Any) -> Any:
    flags = np.zeros(len(histograms), bool)
    is_histogram = are_there(histograms)
    flags[1:] = np.where(is_histogram[1:] != is_histogram[:-1], True, of_floats(values[1:], values[:-1]))
    for place in np.flatnonzero(is_histogram[1:] & is_histogram[:-1]).tolist():
        flags[place + 1] = of_histograms(histograms[place + 1], histograms[place])
    return flags


def _of_histograms_only(windows: HistogramWindows, least: int, troubles: set[Trouble]) -> tuple[HistogramWindows, Any]:
    """The windows with at least ``least`` histograms and no float, over the histograms alone; and which they are."""
    is_histogram = are_there(windows.histograms)
    so_far = np.concatenate(([0], is_histogram.cumsum()))
    first, end = so_far[windows.first], so_far[np.maximum(windows.end, windows.first)]
    found, samples = end - first, windows.end - windows.first
    if ((found > 0) & (found < samples)).any():
        troubles.add(Trouble.MIXED_FLOATS)
    steps = np.flatnonzero((found >= least) & (found == samples))
    kept = HistogramWindows(
        windows.histograms[is_histogram],
        windows.times_ns[is_histogram],
        first[steps],
        end[steps],
        windows.starts_ns[steps],
        windows.ends_ns[steps],
    )
    return kept, steps


def _factors(windows: HistogramWindows, per_second: bool) -> Any:
    """(S,) what carries the difference between the outer samples on towards the window's edges.

    Unlike a float a histogram is carried on beyond where it would have been zero, as in Prometheus 3.5.
    """
    first_ns, last_ns = windows.times_ns[windows.first], windows.times_ns[windows.end - 1]
    sampled_s = (last_ns - first_ns) / _NS_PER_S
    mean_s = sampled_s / (windows.end - windows.first - 1)
    before_s, after_s = (first_ns - windows.starts_ns) / _NS_PER_S, (windows.ends_ns - last_ns) / _NS_PER_S
    close_s = mean_s * _CLOSE
    before_s = np.where(before_s >= close_s, mean_s / 2, before_s)
    after_s = np.where(after_s >= close_s, mean_s / 2, after_s)
    factors = (sampled_s + before_s + after_s) / sampled_s
    return factors / ((windows.ends_ns - windows.starts_ns) / _NS_PER_S) if per_second else factors


def _tabled(table: Table, windows: HistogramWindows, factors: Any, counter: bool) -> Any:
    first, last = windows.first, windows.end - 1
    rows = table.cells[last] - table.cells[first]
    if counter and table.resets.any():
        lost = table.lost()
        rows += lost[last] - lost[first]
    return table.histograms(rows * factors[:, None])


def _warn_of_hints(windows: HistogramWindows, hints: Any, counter: bool, troubles: set[Trouble]) -> None:
    gauges = np.concatenate(([0], (hints == Hint.GAUGE).cumsum()))
    first, end = windows.first, windows.end
    if counter and (gauges[end] > gauges[first]).any():
        troubles.add(Trouble.NOT_COUNTER)
    if not counter and ((hints[first] != Hint.GAUGE) | (hints[end - 1] != Hint.GAUGE)).any():
        troubles.add(Trouble.NOT_GAUGE)


def _one_by_one(windows: HistogramWindows, factors: Any, counter: bool, troubles: set[Trouble]) -> Any:
    histograms = windows.histograms.tolist()
    resets = [False, *map(is_reset, histograms[1:], histograms)] if counter else [False] * len(histograms)
    answers = np.full(len(factors), None, object)
    for step, (first, end) in enumerate(zip(windows.first.tolist(), windows.end.tolist(), strict=True)):
        answer = _risen(histograms[first:end], resets[first:end], counter, troubles)
        if isinstance(answer, Trouble):
            troubles.add(answer)
        else:
            answers[step] = multiply(answer.hinted(Hint.GAUGE), float(factors[step]))
    return answers


def _risen(points: list[Histogram], resets: list[bool], counter: bool, troubles: set[Trouble]) -> Histogram | Trouble:
    """The last less the first, and what was lost by resets in between."""
    hints = {point.hint for point in (points if counter else (points[0], points[-1]))}
    if Hint.GAUGE in hints if counter else hints != {Hint.GAUGE}:
        troubles.add(Trouble.NOT_COUNTER if counter else Trouble.NOT_GAUGE)
    looked_at = points[1:] if resets[1] else points
    if len({point.custom for point in (looked_at if counter else (points[0], points[-1]))}) > 1:
        return Trouble.MIXED_SCHEMAS
    last = coarser(points[-1], min(point.schema for point in looked_at)) if counter else points[-1]
    answer = last if resets[1] else subtract(last, points[0])
    for place in range(2, len(points)):
        if resets[place] and not isinstance(answer, Trouble):
            answer = add(answer, points[place - 1])
    return answer


def _instant(windows: HistogramWindows, last: int, counter: bool, troubles: set[Trouble]) -> Histogram | None:
    before, now = windows.histograms[last - 1], windows.histograms[last]
    hints = {before.hint, now.hint}
    if Hint.GAUGE in hints if counter else hints != {Hint.GAUGE}:
        troubles.add(Trouble.NOT_COUNTER if counter else Trouble.NOT_GAUGE)
    answer = now if counter and is_reset(now, before) else subtract(now, before)
    if isinstance(answer, Trouble):
        troubles.add(answer)
        return None
    interval_s = int(windows.times_ns[last] - windows.times_ns[last - 1]) / _NS_PER_S
    return divide(answer.hinted(Hint.GAUGE), interval_s) if counter else answer
