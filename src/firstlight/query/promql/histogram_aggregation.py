"""What aggregations make of histograms."""

from typing import Any

from firstlight.query.promql.annotations import Annotations
from firstlight.query.promql.grouping import Groups
from firstlight.query.promql.syntax import Aggregate
from firstlight.query.promql.values import Vector


def aggregated(notes: Annotations, expr: Aggregate, groups: Groups, plain: Vector) -> Vector:
    """Return ``plain``, what was made of the floats, with what is made of the histograms."""
    if expr.op not in {"count", "group"}:
        ignored(notes, expr, groups)
    return plain


def ignored(notes: Annotations, expr: Aggregate, groups: Groups) -> None:
    """Say that an aggregation leaves histograms out, when there are any."""
    if groups.vector.is_histogram.any():
        notes.inform(f"ignored histogram in {expr.op} aggregation", expr.expr.place)


def texts(vector: Vector) -> list[tuple[str, Any]]:
    """Return each distinct histogram as text, and at how many series it is at each step."""
    kept = vector.is_histogram
    found: dict[str, Any] = {}
    if vector.histograms is None:
        return []
    for row, step in zip(*(axis.tolist() for axis in kept.nonzero()), strict=True):
        text = str(vector.histograms[row, step])
        counts = found.setdefault(text, kept[0].astype(int) * 0)
        counts[step] += 1
    return list(found.items())
