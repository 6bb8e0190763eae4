"""Functions of each value by itself: arithmetic, trigonometry, calendar."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from firstlight.query.promql.context import Context
from firstlight.query.promql.language.durations import seconds_of
from firstlight.query.promql.language.syntax import Call
from firstlight.query.promql.values import Scalar, Steps, Vector, one_series

_S_PER_DAY = 86400
_FARTHEST_S = 2.0**46
"""Times beyond that many seconds have no date in numpy's days."""


def _sign(values: Any) -> Any:
    return np.where(values < 0, -1.0, np.where(values > 0, 1.0, values))


_MATH: Mapping[str, Callable[[Any], Any]] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg": lambda values: values * 180 / np.pi,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": lambda values: values * np.pi / 180,
    "sgn": _sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}


def mathematical(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate a function of one number."""
    vector = context.vector(call.args[0], steps)
    with np.errstate(all="ignore"):
        return vector.floats(_MATH[call.name](vector.values))


def _days(seconds: Any) -> Any:
    return np.floor_divide(seconds, _S_PER_DAY).astype(np.int64).astype("datetime64[D]")


def _month_start(seconds: Any) -> Any:
    return _days(seconds).astype("datetime64[M]")


def _days_in_month(seconds: Any) -> Any:
    month = _month_start(seconds)
    return ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(float)


_CALENDAR: Mapping[str, Callable[[Any], Any]] = {
    "day_of_month": lambda s: (_days(s) - _month_start(s).astype("datetime64[D]")).astype(float) + 1,
    # 1970 began on a Thursday.
    "day_of_week": lambda s: (_days(s).astype(np.int64) + 4) % 7,
    "day_of_year": lambda s: (_days(s) - _days(s).astype("datetime64[Y]").astype("datetime64[D]")).astype(float) + 1,
    "days_in_month": _days_in_month,
    "hour": lambda s: s % _S_PER_DAY // 3600,
    "minute": lambda s: s % 3600 // 60,
    "month": lambda s: _month_start(s).astype(np.int64) % 12 + 1,
    "year": lambda s: _days(s).astype("datetime64[Y]").astype(np.int64) + 1970,
}


def calendar(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate a part of a date in UTC: of the moment itself, or of values that are seconds since 1970."""
    vector = context.vector(call.args[0], steps) if call.args else one_series(seconds_of(steps.times_ns()))
    usable = np.abs(vector.values) < _FARTHEST_S
    seconds = np.trunc(np.where(usable, vector.values, 0.0))
    return vector.floats(np.where(usable, _CALENDAR[call.name](seconds), np.nan))


def clamp(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``clamp``, ``clamp_min`` and ``clamp_max``."""
    vector = context.vector(call.args[0], steps)
    bounds = [context.scalar(arg, steps).values for arg in call.args[1:]]
    if call.name == "clamp_max":
        return vector.floats(np.minimum(vector.values, bounds[0]))
    if call.name == "clamp_min":
        return vector.floats(np.maximum(vector.values, bounds[0]))
    low, high = bounds
    found = vector.floats(np.maximum(np.minimum(vector.values, high), low))
    return found.only(~(low > high))


def rounded(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``round``: to a multiple, the greater of two that are equally near."""
    vector = context.vector(call.args[0], steps)
    nearest = context.scalar(call.args[1], steps).values if len(call.args) > 1 else np.ones(1)
    with np.errstate(all="ignore"):
        inverse = 1.0 / nearest
        return vector.floats(np.floor(vector.values * inverse + 0.5) / inverse)


def moment(_context: Context, _call: Call, steps: Steps) -> Scalar:
    """Evaluate ``time``."""
    return Scalar(seconds_of(steps.times_ns()))


def pi(_context: Context, _call: Call, steps: Steps) -> Scalar:
    """Evaluate ``pi``."""
    return Scalar(np.full(steps.count, np.pi))


def to_vector(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``vector``."""
    return one_series(context.scalar(call.args[0], steps).values)


def to_scalar(context: Context, call: Call, steps: Steps) -> Scalar:
    """Evaluate ``scalar``: the only float there is, else NaN."""
    vector = context.vector(call.args[0], steps)
    there = vector.is_float
    found = np.full(steps.count, np.nan)
    single = there.sum(axis=0) == 1
    found[single] = vector.values[there.argmax(axis=0)[single], np.flatnonzero(single)] if len(vector) else np.nan
    return Scalar(found)
