"""Operators between two vectors of which one at least has histograms."""

from firstlight.query.promql.annotations import Annotations
from firstlight.query.promql.syntax import Binary
from firstlight.query.promql.values import Vector


def calculated(notes: Annotations, expr: Binary, left: Vector, right: Vector) -> Vector:
    """Return the result row by row, with the labels of ``left``."""
    raise NotImplementedError
