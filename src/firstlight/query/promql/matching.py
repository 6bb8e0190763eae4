"""Operators between two vectors: which elements belong together, and what becomes of them."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from firstlight.errors import QueryFailed
from firstlight.query.promql.context import Context
from firstlight.query.promql.histograms import pairs as histogram_pairs
from firstlight.query.promql.label_sets import (
    METADATA,
    NAME,
    keeping,
    leaving_out,
    merged,
    numbered,
    value_of,
    with_label,
)
from firstlight.query.promql.language.quoting import quoted
from firstlight.query.promql.language.syntax import Binary, Matching
from firstlight.query.promql.limits import Limits
from firstlight.query.promql.operators import COMPARING, calculated, compared
from firstlight.query.promql.sources.source import Labels
from firstlight.query.promql.values import Vector, empty, stacked


def _keys(labels: Iterable[Labels], how: Matching) -> Iterable[Labels]:
    names = frozenset(how.labels)
    if how.is_on:
        return (keeping(one, names) for one in labels)
    names |= {NAME}
    return (leaving_out(one, names) for one in labels)


def combined(expr: Binary, left: Vector, right: Vector) -> Vector:
    """Evaluate ``and``, ``or`` and ``unless``."""
    how = expr.matching or Matching("many-to-many")
    keys, _ = numbered([*_keys(left.labels, how), *_keys(right.labels, how)])
    of_left, of_right = keys[: len(left)], keys[len(left) :]
    count = int(keys.max(initial=-1)) + 1
    if expr.op == "or":
        taken = _anywhere(left.present, of_left, count)
        return stacked([left, right.only(~taken[of_right])], left.steps())
    there = _anywhere(right.present, of_right, count)[of_left]
    return left.only(there if expr.op == "and" else ~there)


def _anywhere(present: Any, groups: Any, count: int) -> Any:
    """Return for each group and step whether any of its series is there, ``(count, S)`` bool."""
    found = np.zeros((count, present.shape[1]), bool)
    order = np.argsort(groups, kind="stable")
    bounds = np.flatnonzero(np.diff(groups[order], prepend=-1))
    if len(bounds):
        found[groups[order[bounds]]] = np.logical_or.reduceat(present[order], bounds, axis=0)
    return found


def matched(context: Context, expr: Binary, left: Vector, right: Vector) -> Vector:
    """Evaluate arithmetic and comparisons between two vectors.

    Raises:
        QueryFailed: elements do not belong together as the query says.
    """
    how = expr.matching or Matching()
    steps = left.steps()
    if not len(left) or not len(right):
        return empty(steps)
    keys, names = numbered([*_keys(left.labels, how), *_keys(right.labels, how)])
    of_left, of_right = keys[: len(left)], keys[len(left) :]
    is_swapped = how.card == "one-to-many"
    many, one = (of_right, of_left) if is_swapped else (of_left, of_right)
    one_side = left if is_swapped else right
    both_there = left.present.any(axis=0) & right.present.any(axis=0)
    _check_one_side(one_side, one, names, both_there, "left" if is_swapped else "right")
    rows, others = _pairs(many, one, context.limits, steps)
    at = (others, rows) if is_swapped else (rows, others)
    found = _calculated(context, expr, left.rows(at[0]), right.rows(at[1]))
    if how.card == "one-to-one":
        _check_many_side(found, keys[: len(left)][at[0]])
    labels = [
        _result_labels(expr, how, left.labels[a], right.labels[b])
        for a, b in zip(*(x.tolist() for x in at), strict=True)
    ]
    return merged(
        Vector(labels, found.values, found.present, found.nameless, found.histograms),
        "multiple matches for labels: grouping labels must ensure unique matches",
    )


def _pairs(many: Any, one: Any, limits: Limits, steps: int) -> tuple[Any, Any]:
    """Return positions of all pairs with the same key."""
    order = np.argsort(one, kind="stable")
    low, high = np.searchsorted(one[order], many, "left"), np.searchsorted(one[order], many, "right")
    counts = high - low
    limits.room(int(counts.sum()) * steps)
    rows = np.repeat(np.arange(len(many)), counts)
    offsets = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rows, order[np.repeat(low, counts) + offsets]


def _check_one_side(vector: Vector, keys: Any, names: list[Labels], steps: Any, side: str) -> None:
    found, counts = np.unique(keys, return_counts=True)
    for key in found[counts > 1].tolist():
        rows = np.flatnonzero(keys == key)
        if ((vector.present[rows].sum(axis=0) > 1) & steps).any():
            step = int(np.argmax((vector.present[rows].sum(axis=0) > 1) & steps))
            first, second = [vector.labels[row] for row in rows.tolist() if vector.present[row, step]][:2]
            raise QueryFailed(
                f"found duplicate series for the match group {shown(names[key])} on the {side} hand-side of the"
                f" operation: [{shown(second)}, {shown(first)}];many-to-many matching not allowed:"
                " matching labels must be unique on one side"
            )


def _check_many_side(found: Vector, keys: Any) -> None:
    unique, counts = np.unique(keys, return_counts=True)
    for key in unique[counts > 1].tolist():
        if (found.present[keys == key].sum(axis=0) > 1).any():
            raise QueryFailed(
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
            )


def _calculated(context: Context, expr: Binary, left: Vector, right: Vector) -> Vector:
    present = left.is_float & right.is_float
    if expr.op in COMPARING and not expr.is_bool:
        swapped = expr.matching is not None and expr.matching.card == "one-to-many"
        nameless = right.nameless if swapped else left.nameless
        found = Vector(left.labels, left.values, present & compared(expr.op, left.values, right.values), nameless)
    else:
        values = calculated(expr.op, left.values, right.values)
        found = Vector(left.labels, values, present, np.full(len(left), expr.is_bool))
    if left.histograms is None and right.histograms is None:
        return found
    return histogram_pairs.completed(context.notes, expr, left, right, found)


def _result_labels(expr: Binary, how: Matching, left: Labels, right: Labels) -> Labels:
    if how.card == "one-to-many":
        left, right = right, left
    drops = expr.op not in COMPARING
    if drops:
        left = leaving_out(left, METADATA)
    if how.card == "one-to-one":
        names = frozenset(how.labels)
        left = keeping(left, names) if how.is_on else leaving_out(left, names)
    for name in how.include:
        left = with_label(left, name, value_of(right, name))
    return left


def shown(labels: Labels) -> str:
    """Return a label set as messages have it."""
    inner = ", ".join(f"{key}={quoted(value)}" for key, value in labels)
    return f"{{{inner}}}"
