"""``absent``, ``absent_over_time`` and ``timestamp``."""

from typing import Any

import numpy as np

from firstlight.query.promql.context import Context
from firstlight.query.promql.functions.over_time import present_over_time
from firstlight.query.promql.label_sets import NAME
from firstlight.query.promql.language.durations import seconds_of
from firstlight.query.promql.language.syntax import Call, Expr, MatrixSelector, VectorSelector, bare
from firstlight.query.promql.selecting import newest
from firstlight.query.promql.sources.source import Labels
from firstlight.query.promql.values import Steps, Vector, one_series


def absent(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``absent``: 1 where nothing is."""
    vector = context.vector(call.args[0], steps)
    return one_series(np.ones(steps.count), ~vector.present.any(axis=0), _expected(call.args[0]))


def absent_over_time(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``absent_over_time``: 1 where nothing was."""
    return one_series(np.ones(steps.count), ~present_over_time(context, call.args[0], steps), _expected(call.args[0]))


def _expected(expr: Expr) -> Labels:
    """Return the labels that a selected series would surely have."""
    expr = bare(expr)
    selector = expr.vector if isinstance(expr, MatrixSelector) else expr
    if not isinstance(selector, VectorSelector):
        return ()
    named = [matcher.label for matcher in selector.matchers]
    return tuple(
        sorted(
            (matcher.label, matcher.value)
            for matcher in selector.matchers
            if matcher.op == "=" and matcher.label != NAME and matcher.value and named.count(matcher.label) == 1
        )
    )


def timestamp(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``timestamp``: when a selected sample was taken; of anything calculated, the moment itself."""
    selector = bare(call.args[0])
    if isinstance(selector, VectorSelector):
        found: list[Any] = []
        vector = newest(context, selector, steps, found)
        times_ns = found[0]
    else:
        vector = context.vector(call.args[0], steps)
        times_ns = np.broadcast_to(steps.times_ns(), vector.values.shape)
    return vector.floats(seconds_of(times_ns), vector.present)
