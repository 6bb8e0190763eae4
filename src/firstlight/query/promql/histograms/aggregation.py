"""What aggregations make of histograms."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from firstlight.query.promql.annotations import Annotations
from firstlight.query.promql.grouping import Groups
from firstlight.query.promql.histograms.notes import note
from firstlight.query.promql.histograms.operators import cells
from firstlight.query.promql.histograms.sums import mean, total
from firstlight.query.promql.histograms.text import text_form
from firstlight.query.promql.histograms.troubles import Trouble
from firstlight.query.promql.label_sets import name_of
from firstlight.query.promql.language.syntax import Aggregate
from firstlight.query.promql.sources.source import are_there
from firstlight.query.promql.values import Vector


def aggregated(notes: Annotations, expr: Aggregate, groups: Groups, plain: Vector) -> Vector:
    """Return ``plain``, what was made of the floats, with what is made of the histograms."""
    if expr.op in {"count", "group"}:
        return plain
    if expr.op not in {"sum", "avg"}:
        ignored(notes, expr, groups)
        return plain
    is_histogram = groups.vector.is_histogram
    of_histograms = groups.totals(np.logical_or, is_histogram)
    both = of_histograms & plain.present
    if both.any():
        notes.warn("encountered a mix of histograms and floats for aggregation", expr.expr.place)
    histograms = np.full(plain.present.shape, None, object)
    pieces = groups.pieces()
    for group, step in cells(of_histograms & ~both):
        column = groups.vector.histograms[pieces[group], step]
        there = column[is_histogram[pieces[group], step]].tolist()
        answer = total(there) if expr.op == "sum" else mean(there)
        if isinstance(answer, Trouble):
            note(notes, answer, name_of(groups.vector.labels[pieces[group].start]), expr.expr.place)
        else:
            histograms[group, step] = answer
    present = (plain.present & ~both) | are_there(histograms)
    return Vector(plain.labels, plain.values, present, plain.nameless, histograms)


def ignored(notes: Annotations, expr: Aggregate, groups: Groups) -> None:
    """Say that an aggregation leaves histograms out, when there are any."""
    if groups.vector.is_histogram.any():
        notes.inform(f"ignored histogram in {expr.op} aggregation", expr.expr.place)


def texts(vector: Vector) -> Iterator[tuple[str, Any]]:
    """Yield each histogram as text, and the step it is at."""
    for row, step in cells(vector.is_histogram):
        yield text_form(vector.histograms[row, step]), np.array([step])
