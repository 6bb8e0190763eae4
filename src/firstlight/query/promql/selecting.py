"""Selectors and subqueries: from the source to vectors and ranges."""

from typing import Any

import numpy as np

from firstlight.query.promql.context import Context
from firstlight.query.promql.language.syntax import Expr, MatrixSelector, Paren, Subquery, VectorSelector
from firstlight.query.promql.sources.source import Selected, are_there
from firstlight.query.promql.values import Steps, Vector, empty
from firstlight.query.promql.windows.positions import positions
from firstlight.query.promql.windows.ranges import STALE_BITS, Ranges, split

_BLOCK_CELLS = 65_536


def selected_vector(context: Context, selector: VectorSelector, steps: Steps) -> Vector:
    """Return the newest sample of each series at each step."""
    return newest(context, selector, steps, None)


def newest(context: Context, selector: VectorSelector, steps: Steps, times_ns: list[Any] | None) -> Vector:
    """Return the newest sample of each series at each step; its times, ``(N, S)`` int64, are added to ``times_ns``."""
    moments = context.moved(steps, selector.at, selector.offset_ns)
    found = _select(context, selector, moments, context.lookback_ns)
    count = len(found.labels)
    context.limits.room(count * steps.count)
    shape = (count, steps.count)
    values, present = np.empty(shape), np.empty(shape, bool)
    histograms = None if found.histograms is None else np.empty(shape, object)
    taken = np.empty(shape, np.int64) if times_ns is not None else None
    starts = np.cumsum(found.lengths) - found.lengths
    moments_ns = moments.times_ns()
    has_nan = bool(np.isnan(found.values).any())
    size = max(1, _BLOCK_CELLS // steps.count)
    for begin in range(0, count, size):
        context.limits.check()
        rows = slice(begin, begin + size)
        at = positions(found.times_ns, starts[rows], found.lengths[rows], moments_ns) - 1
        at_least_one = at >= starts[rows, None]
        np.maximum(at, 0, out=at)
        times = found.times_ns[at]
        np.logical_and(at_least_one, times > moments_ns - context.lookback_ns, out=present[rows])
        np.take(found.values, at, out=values[rows])
        if has_nan:
            present[rows] &= values[rows].view(np.int64) != STALE_BITS
        if histograms is not None:
            histograms[rows] = found.histograms[at]
        if taken is not None:
            taken[rows] = times
    if times_ns is not None:
        times_ns.append(taken)
    return Vector(found.labels, values, present, np.zeros(count, bool), histograms)


def _select(context: Context, selector: VectorSelector, moments: Steps, range_ns: int) -> Selected:
    context.limits.check()
    found = context.source.select(selector.matchers, moments.start_ns - range_ns, moments.end_ns, context.limits)
    if (found.lengths > 0).all():
        return found
    kept = found.lengths > 0
    labels = [labels for labels, keep in zip(found.labels, kept.tolist(), strict=True) if keep]
    return Selected(labels, found.lengths[kept], found.times_ns, found.values, found.histograms)


def ranges_of(context: Context, expr: Expr, steps: Steps) -> Ranges:
    """Return the range vector that ``expr`` is."""
    while isinstance(expr, Paren):
        expr = expr.expr
    if isinstance(expr, Subquery):
        return _subquery(context, expr, steps)
    assert isinstance(expr, MatrixSelector)
    selector = expr.vector
    moments = context.moved(steps, selector.at, selector.offset_ns)
    found = _select(context, selector, moments, expr.range_ns)
    context.limits.room(len(found.labels) * steps.count)
    floats, mixed = split(found.times_ns, found.values, found.histograms, found.lengths)
    return Ranges(found.labels, floats, mixed, moments, expr.range_ns, np.zeros(len(found.labels), bool))


def inner_steps(context: Context, expr: Subquery, steps: Steps) -> tuple[Steps, Steps]:
    """Return the moments that a subquery's windows end at, and those it is evaluated at: multiples of its step."""
    moments = context.moved(steps, expr.at, expr.offset_ns)
    step_ns = expr.step_ns or context.subquery_step_ns
    first = (moments.start_ns - expr.range_ns) // step_ns + 1
    count = moments.end_ns // step_ns - first + 1
    return moments, Steps(first * step_ns, step_ns, max(count, 0))


def _subquery(context: Context, expr: Subquery, steps: Steps) -> Ranges:
    moments, inner = inner_steps(context, expr, steps)
    context.limits.room(inner.count)
    found = context.vector(expr.expr, inner) if inner.count else empty(0)
    lengths = found.present.sum(axis=1)
    context.limits.charge(int(lengths.sum()))
    context.limits.room(len(found) * steps.count)
    times_ns = np.broadcast_to(inner.times_ns(), found.present.shape)[found.present]
    histograms = None if found.histograms is None else _unhinted(found.histograms[found.present])
    floats, mixed = split(times_ns, found.values[found.present], histograms, lengths)
    return Ranges(found.labels, floats, mixed, moments, expr.range_ns, found.nameless)


def _unhinted(histograms: Any) -> Any:
    """Return histograms that say nothing of resets: the sample before may not be part of the subquery."""
    found = histograms.copy()
    for at in np.flatnonzero(are_there(found)).tolist():
        found[at] = found[at].unhinted()
    return found
