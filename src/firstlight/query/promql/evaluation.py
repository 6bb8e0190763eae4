"""Which part of the engine evaluates which expression."""

from collections.abc import Callable, Mapping

import numpy as np

from firstlight.errors import QueryFailed
from firstlight.query.promql.aggregation import aggregate
from firstlight.query.promql.binary import binary, unary
from firstlight.query.promql.context import Context
from firstlight.query.promql.functions import absence, elementwise, over_time
from firstlight.query.promql.functions import info as info_function
from firstlight.query.promql.functions import labels as labels_functions
from firstlight.query.promql.histograms import functions as histogram_functions
from firstlight.query.promql.language.syntax import (
    Aggregate,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Number,
    Paren,
    String,
    Subquery,
    Unary,
    VectorSelector,
    children,
)
from firstlight.query.promql.selecting import selected_vector
from firstlight.query.promql.values import Scalar, Steps, Text, Value, spread

_Function = Callable[[Context, Call, Steps], Value]

_CALENDAR = ("day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year")
_MATH = (
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "deg", "exp", "floor", "ln",
    "log10", "log2", "rad", "sgn", "sin", "sinh", "sqrt", "tan", "tanh",
)  # fmt: skip
_PARTS = ("histogram_avg", "histogram_count", "histogram_stddev", "histogram_stdvar", "histogram_sum")

FUNCTIONS: Mapping[str, _Function] = {
    **dict.fromkeys(_MATH, elementwise.mathematical),
    **dict.fromkeys(_CALENDAR, elementwise.calendar),
    **dict.fromkeys(over_time.FUNCTIONS, over_time.over_time),
    **dict.fromkeys(("clamp", "clamp_max", "clamp_min"), elementwise.clamp),
    **dict.fromkeys(("sort", "sort_desc"), labels_functions.sort_by_value),
    **dict.fromkeys(("sort_by_label", "sort_by_label_desc"), labels_functions.sort_by_label),
    **dict.fromkeys(_PARTS, histogram_functions.histogram_part),
    "absent": absence.absent,
    "absent_over_time": absence.absent_over_time,
    "double_exponential_smoothing": over_time.double_exponential_smoothing,
    "histogram_fraction": histogram_functions.histogram_fraction,
    "histogram_quantile": histogram_functions.histogram_quantile,
    "info": info_function.info,
    "label_join": labels_functions.label_join,
    "label_replace": labels_functions.label_replace,
    "pi": elementwise.pi,
    "predict_linear": over_time.predict_linear,
    "quantile_over_time": over_time.quantile_over_time,
    "round": elementwise.rounded,
    "scalar": elementwise.to_scalar,
    "time": elementwise.moment,
    "timestamp": absence.timestamp,
    "vector": elementwise.to_vector,
}

_DEPEND_ON_MOMENT = frozenset({*_CALENDAR, "predict_linear", "time", "timestamp"})


def evaluate(context: Context, expr: Expr, steps: Steps) -> Value:
    """Return what ``expr`` is at all ``steps``."""
    context.limits.check()
    if steps.count > 1 and not isinstance(expr, Number | String) and is_same_always(expr):
        found = evaluate(context, expr, steps.one())
        if not isinstance(found, Scalar | Text):
            context.limits.room(len(found) * steps.count)
        return spread(found, steps.count)
    return _evaluated(context, expr, steps)


def is_same_always(expr: Expr) -> bool:
    """Return whether ``expr`` has the same value at whatever moment, since all its selectors say ``@``."""
    if isinstance(expr, VectorSelector):
        return expr.at is not None
    if isinstance(expr, Subquery):
        # What is inside is evaluated at moments of its own.
        return expr.at is not None
    if isinstance(expr, Call) and expr.name in _DEPEND_ON_MOMENT and not _stamps_a_selector(expr):
        return False
    return all(is_same_always(child) for child in children(expr))


def _stamps_a_selector(call: Call) -> bool:
    return call.name == "timestamp" and isinstance(call.args[0], VectorSelector)


def _evaluated(context: Context, expr: Expr, steps: Steps) -> Value:
    match expr:
        case Number():
            return Scalar(np.full(steps.count, expr.value))
        case String():
            return Text(expr.value)
        case Paren():
            return evaluate(context, expr.expr, steps)
        case VectorSelector():
            return selected_vector(context, expr, steps)
        case Unary():
            return unary(context, expr, steps)
        case Binary():
            return binary(context, expr, steps)
        case Aggregate():
            return aggregate(context, expr, steps)
        case Call():
            return _called(context, expr, steps)
        case MatrixSelector() | Subquery():
            raise QueryFailed("a range vector has no value at a moment; apply a function to it, such as rate")


def _called(context: Context, call: Call, steps: Steps) -> Value:
    return FUNCTIONS[call.name](context, call, steps)
