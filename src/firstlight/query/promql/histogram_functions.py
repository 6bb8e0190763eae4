"""Functions of histograms, classic and native ones."""

from typing import Any

import numpy as np

from firstlight.errors import QueryFailed
from firstlight.query.promql import classic_histograms
from firstlight.query.promql.classic_histograms import Buckets, Classic
from firstlight.query.promql.context import Context
from firstlight.query.promql.label_sets import SAME_LABELS, name_of
from firstlight.query.promql.numbers_text import short_text
from firstlight.query.promql.syntax import Call, Expr
from firstlight.query.promql.values import Steps, Vector, stacked

_REPAIRED = (
    "input to histogram_quantile needed to be fixed for monotonicity (see"
    " https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)


def histogram_quantile(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``histogram_quantile``."""
    q = context.scalar(call.args[0], steps).values
    vector = context.vector(call.args[1], steps)
    for wrong in np.unique(q[np.isnan(q) | (q < 0) | (q > 1)]).tolist():
        message = f"quantile value should be between 0 and 1, got {short_text(wrong)}"
        context.notes.warn(message, call.args[0].place)
    classic = classic_histograms.evaluated(vector, lambda buckets, at: classic_histograms.quantiles(buckets, q[at]))
    for row in np.flatnonzero(classic.repaired.any(axis=1)).tolist():
        name = name_of(classic.labels[row])
        context.notes.inform(f'{_REPAIRED} for metric name "{name}"', call.args[1].place)
    return _with_native(context, call, vector, classic, (q,))


def histogram_fraction(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``histogram_fraction``."""
    lower, upper = (context.scalar(arg, steps).values for arg in call.args[:2])
    vector = context.vector(call.args[2], steps)

    def kernel(buckets: Buckets, at: Any) -> Any:
        return classic_histograms.fractions(buckets, lower[at], upper[at])

    return _with_native(context, call, vector, classic_histograms.evaluated(vector, kernel), (lower, upper))


def _with_native(context: Context, call: Call, vector: Vector, classic: Classic, params: tuple[Any, ...]) -> Vector:
    _look_for_missing_bounds(context, vector, call.args[-1])
    labels = classic.labels
    found = Vector(labels, classic.values, classic.present, np.ones(len(labels), bool))
    if vector.histograms is None:
        return found
    native = of_histograms(context, call, vector, params)
    return stacked([found, native], vector.steps())


def _look_for_missing_bounds(context: Context, vector: Vector, place: Expr) -> None:
    for labels, floats in zip(vector.labels, vector.is_float.any(axis=1).tolist(), strict=True):
        text = classic_histograms.value_of(labels, classic_histograms.LE)
        if floats and classic_histograms.bound_of(text) is None:
            message = f'bucket label "le" is missing or has a malformed value of "{text}" for metric name "{name_of(labels)}"'
            context.notes.warn(message, place.place)


def of_histograms(context: Context, call: Call, vector: Vector, params: tuple[Any, ...]) -> Vector:
    """Evaluate a function of native histograms at each of them."""
    raise QueryFailed(SAME_LABELS)


def histogram_part(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``histogram_sum``, ``histogram_count`` and the like, which floats have no part in."""
    vector = context.vector(call.args[0], steps)
    if vector.histograms is None:
        return vector.floats(vector.values, np.zeros(vector.present.shape, bool))
    return of_histograms(context, call, vector, ())
