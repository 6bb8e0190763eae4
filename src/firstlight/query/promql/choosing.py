"""``topk`` and the other aggregations that leave series as they are but choose some of each group."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from firstlight.errors import QueryFailed
from firstlight.query.promql.annotations import Annotations
from firstlight.query.promql.context import Context
from firstlight.query.promql.grouping import Groups
from firstlight.query.promql.histograms import aggregation as histogram_aggregation
from firstlight.query.promql.histograms.text import go_number
from firstlight.query.promql.label_hash import hash_ratio
from firstlight.query.promql.language.syntax import Aggregate, Place
from firstlight.query.promql.values import Vector

_FEW = 16
_MOST_INT = 2.0**63


def chosen(context: Context, expr: Aggregate, groups: Groups, param: Any) -> Vector:
    """Evaluate one of these aggregations; of one step, ordered ones give their series in order."""
    if expr.op == "limit_ratio":
        return _ratio(groups.vector, param)
    counts = np.maximum(param, 0).astype(np.int64)
    if expr.op != "limitk" and groups.vector.histograms is not None:
        histogram_aggregation.ignored(context.notes, expr, groups)
    kept = np.zeros(groups.vector.present.shape, bool)
    for piece in groups.pieces():
        context.limits.check()
        kept[piece] = KERNELS[expr.op](groups.vector.rows(np.arange(piece.start, piece.stop)), counts)
    found = groups.vector.only(kept)
    if expr.op == "limitk" or found.steps() != 1:
        return found
    return _ordered(found, groups, is_descending=expr.op == "topk")


def check_parameter(context: Context, expr: Aggregate, param: Any) -> None:
    """Look at a parameter of each step, whether or not there is anything to choose from.

    Raises:
        QueryFailed: it is no number, or too large a one.
    """
    assert expr.param is not None
    if expr.op == "quantile":
        note_quantiles(context.notes, param, expr.param.place)
    elif expr.op == "limit_ratio":
        if np.isnan(param).any():
            raise QueryFailed("Ratio value is NaN")
        for wrong in np.unique(param[np.abs(param) > 1]).tolist():
            message = f"ratio value should be between -1 and 1, got {go_number(wrong)}, capping to {np.sign(wrong):.0f}"
            context.notes.warn(message, expr.param.place)
    else:
        if np.isnan(param).any():
            raise QueryFailed("Parameter value is NaN")
        wrong = param[np.abs(param) >= _MOST_INT]
        if len(wrong):
            raise QueryFailed(f"Scalar value {go_number(float(wrong[0]))} overflows int64")


def note_quantiles(notes: Annotations, q: Any, place: Place) -> None:
    """Say which quantiles there are none of."""
    for wrong in np.unique(q[np.isnan(q) | (q < 0) | (q > 1)]).tolist():
        notes.warn(f"quantile value should be between 0 and 1, got {go_number(wrong)}", place)


def _ordered(found: Vector, groups: Groups, *, is_descending: bool) -> Vector:
    number = np.repeat(np.arange(len(groups.counts)), groups.counts)
    values = found.values[:, 0]
    order = np.lexsort((-values if is_descending else values, np.isnan(values), number))
    return found.rows(order[found.present[order, 0]])


def _best(sign: int) -> Callable[[Vector, Any], Any]:
    def kernel(vector: Vector, counts: Any) -> Any:
        there, values = vector.is_float, vector.values if sign > 0 else -vector.values
        most = int(counts.max(initial=0))
        if most >= len(vector) and (counts == most).all():
            return there
        known = values[there]
        if most <= _FEW and not (np.isnan(known) | np.isneginf(known)).any():
            return _one_by_one(there, values, counts, most)
        order = np.lexsort((-values, np.isnan(values), ~there), axis=0)
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(len(vector))[:, None], axis=0)
        return there & (rank < counts)

    return kernel


def _one_by_one(there: Any, values: Any, counts: Any, most: int) -> Any:
    """Take the greatest value of each step again and again; of equal ones the first."""
    left = np.where(there, values, -np.inf)
    kept = np.zeros(there.shape, bool)
    steps = np.arange(there.shape[1])
    for taken in range(most):
        row = left.argmax(axis=0)
        found = (left[row, steps] > -np.inf) & (taken < counts)
        kept[row[found], steps[found]] = True
        left[row, steps] = -np.inf
    return kept


def _first(vector: Vector, counts: Any) -> Any:
    return vector.present & (np.cumsum(vector.present, axis=0) <= counts)


KERNELS: Mapping[str, Callable[[Vector, Any], Any]] = {
    "topk": _best(1),
    "bottomk": _best(-1),
    "limitk": _first,
    "limit_ratio": _first,
}


def _ratio(vector: Vector, param: Any) -> Vector:
    """Keep that share of the series whose hash says so; the negative ratio keeps just the others."""
    ratio = np.clip(param, -1, 1)[None, :]
    offsets = np.array([hash_ratio(labels) for labels in vector.labels])[:, None]
    kept = np.where(ratio >= 0, offsets < ratio, offsets >= 1 + ratio) & (ratio != 0)
    return vector.only(kept)
