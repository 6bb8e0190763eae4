"""``sum by (…)`` and the other operators that make one series of each group."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from firstlight.errors import QueryFailed
from firstlight.query.promql import choosing
from firstlight.query.promql.context import Context
from firstlight.query.promql.grouping import Groups, groups_of
from firstlight.query.promql.histograms import aggregation as histogram_aggregation
from firstlight.query.promql.label_sets import with_label
from firstlight.query.promql.language.numbers import number_text
from firstlight.query.promql.language.quoting import is_text, quoted
from firstlight.query.promql.language.syntax import Aggregate
from firstlight.query.promql.sources.source import Labels
from firstlight.query.promql.values import Steps, Vector, empty
from firstlight.query.promql.windows import gathered
from firstlight.query.promql.windows.folding import compensated
from firstlight.query.promql.windows.ranges import Windows

_LOST_RATIO = 1e-4


def aggregate(context: Context, expr: Aggregate, steps: Steps) -> Vector:
    """Evaluate an aggregation."""
    if expr.op == "count_values":
        return _count_values(context, expr, steps)
    param = context.scalar(expr.param, steps).values if expr.param is not None else None
    if expr.param is not None:
        choosing.check_parameter(context, expr, param)
    vector = context.vector(expr.expr, steps)
    if not len(vector):
        return empty(steps.count)
    groups = groups_of(vector, expr)
    if expr.op in choosing.KERNELS:
        return choosing.chosen(context, expr, groups, param)
    if expr.op == "quantile":
        return _quantile(context, expr, groups, param)
    found, present = _KERNELS[expr.op](groups)
    plain = Vector(groups.labels, found, present, groups.nameless)
    if vector.histograms is None:
        return plain
    return histogram_aggregation.aggregated(context.notes, expr, groups, plain)


def _zeroed(groups: Groups) -> Any:
    vector = groups.vector
    kept = vector.is_float
    return vector.values if kept.all() else np.where(kept, vector.values, 0.0)


def _counts(groups: Groups) -> Any:
    return groups.totals(np.add, groups.vector.is_float.astype(np.float64))


def _sum(groups: Groups) -> tuple[Any, Any]:
    present = groups.totals(np.logical_or, groups.vector.is_float)
    return _sums(groups), present


def _sums(groups: Groups) -> Any:
    """Return sums as exact as compensated ones: where too much cancels out it is summed again."""
    cells = _zeroed(groups)
    with np.errstate(all="ignore"):
        found = groups.totals(np.add, cells)
        if not (cells.min() >= 0 or cells.max() <= 0):
            whole = groups.totals(np.add, np.abs(cells))
            doubtful = (np.abs(found) < whole * _LOST_RATIO) & np.isfinite(whole)
            pieces = groups.pieces()
            for group in np.flatnonzero(doubtful.any(axis=1)).tolist():
                steps = np.flatnonzero(doubtful[group])
                found[group, steps] = compensated(cells[pieces[group]][:, steps], np.zeros(len(steps)))
    return found


def _avg(groups: Groups) -> tuple[Any, Any]:
    counts = _counts(groups)
    cells = _zeroed(groups)
    with np.errstate(all="ignore"):
        found = _sums(groups) / counts
        beyond = ~np.isfinite(found) & (counts > 0)
        if beyond.any() and (beyond & groups.totals(np.logical_and, np.isfinite(cells))).any():
            # The sum is more than a float holds, the mean is not.
            small = groups.totals(np.add, cells / groups.spread(np.maximum(counts, 1)))
            found = np.where(beyond & np.isfinite(small), small, found)
    return found, counts > 0


def _variance(groups: Groups) -> tuple[Any, Any]:
    least, present = _KERNELS["min"](groups)
    kept, counts = groups.vector.is_float, _counts(groups)
    with np.errstate(all="ignore"):
        # Counted from the least, so that equal values have a variance of exactly 0.
        above = np.where(kept, groups.vector.values - groups.spread(least), 0.0)
        means = groups.totals(np.add, above) / counts
        apart = np.where(kept, above - groups.spread(means), 0.0)
        return groups.totals(np.add, apart * apart) / counts, present


def _deviation(groups: Groups) -> tuple[Any, Any]:
    found, present = _variance(groups)
    return np.sqrt(found), present


def _extreme(operator: Any) -> Callable[[Groups], tuple[Any, Any]]:
    def kernel(groups: Groups) -> tuple[Any, Any]:
        kept = groups.vector.is_float
        cells = groups.vector.values if kept.all() else np.where(kept, groups.vector.values, np.nan)
        return groups.totals(operator, cells), groups.totals(np.logical_or, kept)

    return kernel


def _count(groups: Groups) -> tuple[Any, Any]:
    counts = groups.totals(np.add, groups.vector.present.astype(np.float64))
    return counts, counts > 0


def _group(groups: Groups) -> tuple[Any, Any]:
    present = groups.totals(np.logical_or, groups.vector.present)
    return np.ones(present.shape), present


_KERNELS: Mapping[str, Callable[[Groups], tuple[Any, Any]]] = {
    "avg": _avg,
    "count": _count,
    "group": _group,
    "max": _extreme(np.fmax),
    "min": _extreme(np.fmin),
    "stddev": _deviation,
    "stdvar": _variance,
    "sum": _sum,
}


def _quantile(context: Context, expr: Aggregate, groups: Groups, q: Any) -> Vector:
    vector = groups.vector
    kept = vector.is_float
    if vector.histograms is not None:
        histogram_aggregation.ignored(context.notes, expr, groups)
    found, present = np.empty((len(groups.labels), vector.steps())), groups.totals(np.logical_or, kept)
    for row, piece in zip(found, groups.pieces(), strict=True):
        context.limits.check()
        # The values of each step side by side are like the samples of a window.
        here = kept[piece].T
        ends = np.cumsum(here.sum(axis=1))[None, :]
        starts = np.concatenate((np.zeros((1, 1), np.int64), ends[:, :-1]), axis=1)
        row[:] = gathered.quantiles(
            Windows(ends, vector.values[piece].T[here], starts, ends, ends, 0, False, context.limits.check), q
        )
    return Vector(groups.labels, found, present, groups.nameless)


def _count_values(context: Context, expr: Aggregate, steps: Steps) -> Vector:
    assert expr.param is not None
    label = context.text(expr.param, steps)
    if not label or not is_text(label):
        raise QueryFailed(f"invalid label name {quoted(label)}")
    vector = context.vector(expr.expr, steps)
    if not len(vector):
        return empty(steps.count)
    groups = groups_of(vector, expr)
    numbers: dict[Labels, int] = {}
    places: list[Any] = [np.empty(0, np.int64)]
    for number, piece in enumerate(groups.pieces()):
        for text, at in _texts(groups.vector, piece):
            row = numbers.setdefault(with_label(groups.labels[number], label, text), len(numbers))
            places.append(row * steps.count + at)
        context.limits.room(len(numbers) * steps.count)
    shape = (len(numbers), steps.count)
    found = np.bincount(np.concatenate(places), minlength=shape[0] * shape[1]).reshape(shape).astype(float)
    return Vector(list(numbers), found, found > 0, np.zeros(len(numbers), bool))


def _texts(vector: Vector, piece: slice) -> Iterator[tuple[str, Any]]:
    """Yield each distinct value as text, and the steps it is at, one for each series."""
    kept = vector.is_float[piece]
    # By their bits, since 0 and -0 are written differently.
    bits, steps = vector.values[piece].view(np.int64)[kept], np.nonzero(kept)[1]
    order = np.argsort(bits, kind="stable")
    firsts = np.flatnonzero(np.diff(bits[order], prepend=~bits[order[:1]]))
    for begin, end in pairwise([*firsts.tolist(), len(order)]):
        yield number_text(float(bits[order[begin]].view(np.float64))), steps[order[begin:end]]
    if vector.histograms is not None:
        yield from histogram_aggregation.texts(vector.rows(np.arange(piece.start, piece.stop)))
