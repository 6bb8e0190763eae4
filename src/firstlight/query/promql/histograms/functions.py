"""Functions of histograms, classic and native ones."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from firstlight.query.promql.choosing import note_quantiles
from firstlight.query.promql.context import Context
from firstlight.query.promql.functions import classic_histograms
from firstlight.query.promql.functions.classic_histograms import LE, Buckets, Classic, bound_of
from firstlight.query.promql.histograms.histogram import Histogram
from firstlight.query.promql.histograms.notes import note
from firstlight.query.promql.histograms.operators import cells
from firstlight.query.promql.histograms.quantiles import quantiles
from firstlight.query.promql.histograms.statistics import average, deviation, fraction, variance
from firstlight.query.promql.histograms.troubles import Trouble
from firstlight.query.promql.label_sets import name_of, value_of
from firstlight.query.promql.language.syntax import Call, Expr
from firstlight.query.promql.values import Steps, Vector, stacked

_REPAIRED = (
    "input to histogram_quantile needed to be fixed for monotonicity (see"
    " https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)


def histogram_quantile(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``histogram_quantile``."""
    q = context.scalar(call.args[0], steps).values
    vector = context.vector(call.args[1], steps)
    note_quantiles(context.notes, q, call.args[0].place)

    def kernel(name: str, buckets: Buckets, at: Any) -> Any:
        fixed, repaired = classic_histograms.ascending(buckets)
        if repaired.any():
            context.notes.inform(f'{_REPAIRED} for metric name "{name}"', call.args[1].place)
        return classic_histograms.quantiles(fixed, q[at])

    classic = classic_histograms.evaluated(vector, kernel)
    return _with_native(context, call, vector, classic, (q,))


def histogram_fraction(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``histogram_fraction``."""
    lower, upper = (context.scalar(arg, steps).values for arg in call.args[:2])
    vector = context.vector(call.args[2], steps)

    def kernel(_name: str, buckets: Buckets, at: Any) -> Any:
        return classic_histograms.fractions(buckets, lower[at], upper[at])

    return _with_native(context, call, vector, classic_histograms.evaluated(vector, kernel), (lower, upper))


def _with_native(context: Context, call: Call, vector: Vector, classic: Classic, params: tuple[Any, ...]) -> Vector:
    _look_for_missing_bounds(context, vector, call.args[-1])
    labels = classic.labels
    found = Vector(labels, classic.values, classic.present, np.ones(len(labels), bool))
    if vector.histograms is None:
        return found
    native = _of_native(context, call, vector, params)
    return stacked(_apart(context, found, native, call.args[-1]), vector.steps())


def _apart(context: Context, classic: Vector, native: Vector, place: Expr) -> list[Vector]:
    """Leave out where one histogram is there both ways, and say so."""
    rows = {labels: row for row, labels in enumerate(native.labels)}
    for row, labels in enumerate(classic.labels):
        other = rows.get(labels)
        both = classic.present[row] & native.present[other] if other is not None else np.zeros(1, bool)
        if both.any():
            message = f'vector contains a mix of classic and native histograms for metric name "{name_of(labels)}"'
            context.notes.warn(message, place.place)
            classic.present[row] &= ~both
            native.present[other] &= ~both
    return [classic, native]


def _look_for_missing_bounds(context: Context, vector: Vector, place: Expr) -> None:
    for labels, floats in zip(vector.labels, vector.is_float.any(axis=1).tolist(), strict=True):
        text = value_of(labels, LE)
        if floats and bound_of(text) is None:
            problem = f'bucket label "{LE}" is missing or has a malformed value of "{text}"'
            context.notes.warn(f'{problem} for metric name "{name_of(labels)}"', place.place)


def _of_native(context: Context, call: Call, vector: Vector, params: tuple[Any, ...]) -> Vector:
    values, present = np.zeros(vector.present.shape), vector.is_histogram
    for row in np.flatnonzero(present.any(axis=1)).tolist():
        there = np.flatnonzero(present[row])
        histograms, at_steps = vector.histograms[row, there].tolist(), (param[there] for param in params)
        values[row, there], troubles = _ESTIMATES[call.name](histograms, *at_steps)
        for trouble in troubles:
            note(context.notes, trouble, name_of(vector.labels[row]), call.args[-1].place)
    return vector.rows(present.any(axis=1)).floats(values[present.any(axis=1)], present[present.any(axis=1)])


def histogram_part(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``histogram_sum``, ``histogram_count`` and the like, which floats have no part in."""
    vector = context.vector(call.args[0], steps)
    values, present = np.zeros(vector.present.shape), vector.is_histogram
    for row, step in cells(present):
        values[row, step] = _PARTS[call.name](vector.histograms[row, step])
    return vector.floats(values, present)


def _fractions(histograms: list[Histogram], lower: Any, upper: Any) -> tuple[list[float], set[Trouble]]:
    found = [fraction(*one) for one in zip(histograms, lower.tolist(), upper.tolist(), strict=True)]
    return [value for value, _ in found], {trouble for _, trouble in found if trouble is not None}


_ESTIMATES: Mapping[str, Callable[..., tuple[Any, set[Trouble]]]] = {
    "histogram_fraction": _fractions,
    "histogram_quantile": quantiles,
}
_PARTS: Mapping[str, Callable[[Histogram], float]] = {
    "histogram_avg": average,
    "histogram_count": lambda histogram: histogram.count,
    "histogram_stddev": deviation,
    "histogram_stdvar": variance,
    "histogram_sum": lambda histogram: histogram.sum,
}
