"""Operators between two vectors of which one at least has histograms."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from firstlight.query.promql.annotations import Annotations
from firstlight.query.promql.histograms.arithmetic import add, divide, multiply, same, subtract
from firstlight.query.promql.histograms.histogram import Histogram
from firstlight.query.promql.histograms.notes import note
from firstlight.query.promql.histograms.operators import cells, incompatible
from firstlight.query.promql.histograms.troubles import Trouble
from firstlight.query.promql.label_sets import name_of
from firstlight.query.promql.language.syntax import Binary
from firstlight.query.promql.values import Vector

_BOTH: Mapping[str, Callable[[Histogram, Histogram], Histogram | Trouble]] = {"+": add, "-": subtract}


def completed(notes: Annotations, expr: Binary, left: Vector, right: Vector, found: Vector) -> Vector:
    """Return ``found``, the result where both are floats, with the result where one at least is a histogram.

    Args:
        notes: what is doubtful is said there.
        expr: the operator.
        left: row by row what belongs together.
        right: the same.
        found: made from the floats of both.
    """
    values, present = found.values.copy(), found.present.copy()
    histograms = np.full(present.shape, None, object)
    is_left, is_right = left.is_histogram, right.is_histogram
    for row, step in cells(left.present & right.present & (is_left | is_right)):
        kinds = bool(is_left[row, step]), bool(is_right[row, step])
        a = left.histograms[row, step] if kinds[0] else float(left.values[row, step])
        b = right.histograms[row, step] if kinds[1] else float(right.values[row, step])
        answer = _answer(expr, kinds, a, b)
        if isinstance(answer, Histogram):
            histograms[row, step], present[row, step] = answer, True
        elif isinstance(answer, Trouble):
            note(notes, answer, name_of(left.labels[row]), expr.place)
        elif answer is None:
            incompatible(notes, expr, *("histogram" if kind else "float" for kind in kinds))
        else:
            values[row, step], present[row, step] = float(answer), expr.is_bool
    return Vector(found.labels, values, present, found.nameless, histograms)


def _answer(expr: Binary, kinds: tuple[bool, bool], left: Any, right: Any) -> Histogram | Trouble | bool | None:
    """Return what comes out; None when the operator has no meaning here, a bool for a comparison."""
    if kinds == (True, True):
        if expr.op in _BOTH:
            return _BOTH[expr.op](left, right)
        if expr.op in {"==", "!="}:
            holds = same(left, right) == (expr.op == "==")
            return left if holds and not expr.is_bool else holds
        return None
    if expr.op == "*":
        return multiply(left, right) if kinds[0] else multiply(right, left)
    if expr.op == "/" and kinds[0]:
        return divide(left, right)
    return None
