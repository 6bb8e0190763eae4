"""Functions of range vectors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from firstlight.errors import QueryFailed
from firstlight.query.promql.choosing import note_quantiles
from firstlight.query.promql.context import Context
from firstlight.query.promql.histograms import ranges as histogram_ranges
from firstlight.query.promql.histograms.text import go_number
from firstlight.query.promql.label_sets import name_of, value_of
from firstlight.query.promql.language.durations import seconds_of
from firstlight.query.promql.language.syntax import Call, Expr, kind_of
from firstlight.query.promql.selecting import ranges_of
from firstlight.query.promql.values import Steps, Vector, empty
from firstlight.query.promql.windows import folding, gathered, moments, rates
from firstlight.query.promql.windows.ranges import Ranges, Windows

Found = tuple[Any, Any]
"""Values, and where there is one; ``(N, S)`` each."""

Kernel = Callable[[Windows], Found]

_COUNTER_ENDS = ("_total", "_sum", "_count", "_bucket")


@dataclass(frozen=True, slots=True)
class RangeFunction:
    """How a function of a range vector is evaluated.

    Attributes:
        kernel: what it makes of floats.
        keeps_name: whether values still mean what the metric's name says.
    """

    kernel: Kernel
    keeps_name: bool = False


def _some(windows: Windows, values: Any) -> Found:
    return values, windows.at_least(1)


def _pick(windows: Windows, positions: Any) -> Found:
    top = max(len(windows.values) - 1, 0)
    if not len(windows.values):
        return np.zeros(windows.first.shape), np.zeros(windows.first.shape, bool)
    return windows.values[np.clip(positions, 0, top)], windows.at_least(1)


def _time(windows: Windows, positions: Any) -> Found:
    if not len(windows.values):
        return np.zeros(windows.first.shape), np.zeros(windows.first.shape, bool)
    top = len(windows.values) - 1
    return seconds_of(windows.times_ns[np.clip(positions, 0, top)]), windows.at_least(1)


def _standard(windows: Windows) -> Found:
    with np.errstate(invalid="ignore"):
        return _some(windows, np.sqrt(moments.variances(windows)))


def _extreme(operator: Any) -> Kernel:
    return lambda windows: _some(windows, folding.extreme(operator, windows.values, windows.first, windows.last))


def _slope(windows: Windows) -> Found:
    return moments.lines(windows, windows.ends_ns)[0], windows.at_least(2)


FUNCTIONS: Mapping[str, RangeFunction] = {
    "avg_over_time": RangeFunction(lambda w: _some(w, folding.means(w))),
    "changes": RangeFunction(lambda w: _some(w, rates.changes(w))),
    "count_over_time": RangeFunction(lambda w: _some(w, w.counts.astype(float))),
    "delta": RangeFunction(lambda w: rates.extrapolated(w, is_counter=False, is_rate=False)),
    "deriv": RangeFunction(_slope),
    "first_over_time": RangeFunction(lambda w: _pick(w, w.first), keeps_name=True),
    "idelta": RangeFunction(lambda w: rates.instant(w, is_rate=False)),
    "increase": RangeFunction(lambda w: rates.extrapolated(w, is_counter=True, is_rate=False)),
    "irate": RangeFunction(lambda w: rates.instant(w, is_rate=True)),
    "last_over_time": RangeFunction(lambda w: _pick(w, w.last - 1), keeps_name=True),
    "mad_over_time": RangeFunction(lambda w: _some(w, gathered.median_deviations(w))),
    "max_over_time": RangeFunction(_extreme(np.fmax)),
    "min_over_time": RangeFunction(_extreme(np.fmin)),
    "present_over_time": RangeFunction(lambda w: _some(w, np.ones(w.first.shape))),
    "rate": RangeFunction(lambda w: rates.extrapolated(w, is_counter=True, is_rate=True)),
    "resets": RangeFunction(lambda w: _some(w, rates.resets(w))),
    "stddev_over_time": RangeFunction(_standard),
    "stdvar_over_time": RangeFunction(lambda w: _some(w, moments.variances(w))),
    "sum_over_time": RangeFunction(lambda w: _some(w, folding.sums(w))),
    "ts_of_first_over_time": RangeFunction(lambda w: _time(w, w.first)),
    "ts_of_last_over_time": RangeFunction(lambda w: _time(w, w.last - 1)),
    "ts_of_max_over_time": RangeFunction(lambda w: _some(w, gathered.extreme_times_s(w, 1))),
    "ts_of_min_over_time": RangeFunction(lambda w: _some(w, gathered.extreme_times_s(w, -1))),
}


def over_time(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate a function of one range vector."""
    return _evaluated(context, call, steps, FUNCTIONS[call.name])


def quantile_over_time(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``quantile_over_time(q, range)``."""
    q = context.scalar(call.args[0], steps).values
    found = _evaluated(context, call, steps, RangeFunction(lambda w: _some(w, gathered.quantiles(w, q))))
    note_quantiles(context.notes, q[found.present.any(axis=0)], call.args[0].place)
    return found


def predict_linear(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``predict_linear(range, seconds)``: the line through the window, so long after the moment itself."""
    ahead = context.scalar(call.args[1], steps).values
    now_ns = steps.times_ns()

    def kernel(windows: Windows) -> Found:
        slope, value = moments.lines(windows, now_ns)
        with np.errstate(all="ignore"):
            return value + slope * ahead, windows.at_least(2)

    return _evaluated(context, call, steps, RangeFunction(kernel))


def double_exponential_smoothing(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``double_exponential_smoothing(range, smoothing factor, trend factor)``."""
    smoothing = context.scalar(call.args[1], steps).values
    trend = context.scalar(call.args[2], steps).values
    for factor, what in ((smoothing, "smoothing"), (trend, "trend")):
        _check_factor(factor, what)
    kernel: Kernel = lambda w: (gathered.smoothed(w, smoothing, trend), w.at_least(2))  # noqa: E731
    return _evaluated(context, call, steps, RangeFunction(kernel))


def _check_factor(factor: Any, what: str) -> None:
    wrong = factor[~((factor > 0) & (factor < 1))]
    if len(wrong):
        shown = go_number(float(wrong[0]))
        raise QueryFailed(
            f"invalid {what} factor. Expected: 0 < {'sf' if what == 'smoothing' else 'tf'} < 1, got: {shown}"
        )


def present_over_time(context: Context, expr: Expr, steps: Steps) -> Any:
    """Return for each step whether any series of a range vector has a sample, ``(S,)`` bool."""
    ranges = ranges_of(context, expr, steps)
    found = np.zeros(steps.count, bool)
    for _, block in ranges.blocks(context.limits):
        found |= block.mixed_windows().at_least(1).any(axis=0)
    return found


def _evaluated(context: Context, call: Call, steps: Steps, function: RangeFunction) -> Vector:
    argument = next(arg for arg in call.args if kind_of(arg) == "matrix")
    ranges = ranges_of(context, argument, steps)
    if not ranges.labels:
        return empty(steps.count)
    shape = (len(ranges.labels), steps.count)
    values, present = np.empty(shape), np.empty(shape, bool)
    histograms = np.full(shape, None, object) if ranges.mixed else None
    for where, block in ranges.blocks(context.limits):
        windows = block.float_windows()
        found, there = function.kernel(windows)
        if call.name in {"rate", "increase"}:
            _look_at_names(context, block, there, argument)
        if histograms is not None:
            made = histogram_ranges.Made(found, there, histograms[where])
            histogram_ranges.complete(
                histogram_ranges.Asked(call.name, context.notes, argument.place), block, windows, made
            )
            found, there = made.values, made.present
        values[where], present[where] = found, there
    nameless = ranges.nameless if function.keeps_name else np.ones(len(ranges.labels), bool)
    return Vector(ranges.labels, values, present, nameless, histograms)


def _look_at_names(context: Context, block: Ranges, present: Any, argument: Expr) -> None:
    """Say which metrics may be no counters."""
    for labels, some in zip(block.labels, present.any(axis=1).tolist(), strict=True):
        if not some:
            continue
        name, kind = name_of(labels), value_of(labels, "__type__")
        if kind and kind not in {"counter", "histogram"}:
            message = f'metric might not be a counter, __type__ label is not set to "counter" or "histogram": "{kind}"'
            context.notes.inform(message, argument.place)
        elif name and not kind and not name.endswith(_COUNTER_ENDS):
            message = f'metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "{name}"'
            context.notes.inform(message, argument.place)
