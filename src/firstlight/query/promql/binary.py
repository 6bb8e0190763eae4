"""Operators between expressions."""

from dataclasses import replace
from typing import Any

import numpy as np

from firstlight.query.promql import matching
from firstlight.query.promql.context import Context
from firstlight.query.promql.histograms import operators as histogram_operators
from firstlight.query.promql.language.syntax import SET_OPERATORS, Binary, Unary
from firstlight.query.promql.operators import COMPARING, calculated, compared
from firstlight.query.promql.values import Scalar, Steps, Value, Vector


def binary(context: Context, expr: Binary, steps: Steps) -> Value:
    """Evaluate an operator and both its sides."""
    left, right = context.of(expr.left, steps), context.of(expr.right, steps)
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        return Scalar(calculated(expr.op, left.values, right.values))
    if isinstance(left, Vector) and isinstance(right, Scalar):
        return _with_scalar(context, expr, left, right.values, is_swapped=False)
    if isinstance(left, Scalar) and isinstance(right, Vector):
        return _with_scalar(context, expr, right, left.values, is_swapped=True)
    assert isinstance(left, Vector) and isinstance(right, Vector)  # noqa: PT018  mypy needs both
    if expr.op in SET_OPERATORS:
        return matching.combined(expr, left, right)
    return matching.matched(context, expr, left, right)


def unary(context: Context, expr: Unary, steps: Steps) -> Value:
    """Evaluate a sign."""
    found = context.of(expr.expr, steps)
    if expr.op == "+":
        return found
    if isinstance(found, Scalar):
        return Scalar(-found.values)
    assert isinstance(found, Vector)
    negated = replace(found, values=-found.values, nameless=np.ones(len(found), bool))
    return histogram_operators.negated(negated)


def _with_scalar(context: Context, expr: Binary, vector: Vector, scalar: Any, *, is_swapped: bool) -> Vector:
    sides = (scalar[None, :], vector.values) if is_swapped else (vector.values, scalar[None, :])
    if expr.op in COMPARING:
        kept = vector.is_float
        histogram_operators.incomparable(context.notes, expr, vector, is_swapped=is_swapped)
        if expr.is_bool:
            return vector.floats(calculated(expr.op, *sides), kept)
        return replace(vector, present=kept & compared(expr.op, *sides), histograms=None)
    found = vector.floats(calculated(expr.op, *sides))
    if vector.histograms is None:
        return found
    native = histogram_operators.with_scalar(context.notes, expr, vector, scalar, is_swapped=is_swapped)
    return replace(found, present=found.present | native.present, histograms=native.histograms)
