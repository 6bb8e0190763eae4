"""What operators make of histograms."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from firstlight.query.promql.annotations import Annotations
from firstlight.query.promql.histograms.arithmetic import divide, multiply
from firstlight.query.promql.language.syntax import Binary
from firstlight.query.promql.sources.source import are_there
from firstlight.query.promql.values import Vector


def negated(vector: Vector) -> Vector:
    """Return ``vector``, whose floats are negated already, with its histograms negated."""
    if vector.histograms is None:
        return vector
    histograms = vector.histograms.copy()
    for row, step in cells(vector.is_histogram):
        histograms[row, step] = multiply(histograms[row, step], -1.0)
    return replace(vector, histograms=histograms)


def cells(chosen: Any) -> Iterator[tuple[int, int]]:
    """Return row and step of each chosen cell."""
    rows, steps = np.nonzero(chosen)
    return zip(rows.tolist(), steps.tolist(), strict=True)


def incompatible(notes: Annotations, expr: Binary, left: str, right: str) -> None:
    """Say that an operator has no meaning between such samples."""
    message = f'incompatible sample types encountered for binary operator "{expr.op}": {left} {expr.op} {right}'
    notes.inform(message, expr.place)


def incomparable(notes: Annotations, expr: Binary, vector: Vector, *, is_swapped: bool) -> None:
    """Say when histograms are on one side of an operator that they cannot have a number on the other side of."""
    if vector.histograms is not None and vector.is_histogram.any():
        incompatible(notes, expr, *(("float", "histogram") if is_swapped else ("histogram", "float")))


def with_scalar(notes: Annotations, expr: Binary, vector: Vector, scalar: Any, *, is_swapped: bool) -> Vector:
    """Return the histograms of ``vector`` times or over a number; its floats are left out."""
    histograms = np.full(vector.present.shape, None, object)
    if expr.op == "*" or (expr.op == "/" and not is_swapped):
        scaled = multiply if expr.op == "*" else divide
        for row, step in cells(vector.is_histogram):
            histograms[row, step] = scaled(vector.histograms[row, step], float(scalar[step]))
    else:
        incomparable(notes, expr, vector, is_swapped=is_swapped)
    return replace(vector, present=are_there(histograms), histograms=histograms)
