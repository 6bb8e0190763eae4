"""``info``: labels of series that only say something about a target, added to what is measured there.

https://prometheus.io/docs/prometheus/3.5/querying/functions/#info
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from firstlight.errors import QueryFailed
from firstlight.model import Matcher
from firstlight.query.promql.context import Context
from firstlight.query.promql.label_sets import NAME, keeping, merged, name_of, numbered
from firstlight.query.promql.language.selectors import meets, name_matcher
from firstlight.query.promql.language.syntax import Call, VectorSelector
from firstlight.query.promql.selecting import newest
from firstlight.query.promql.sources.source import Labels
from firstlight.query.promql.values import Steps, Vector, stacked

_IDENTITY = frozenset({"instance", "job"})
_USUAL = name_matcher("target_info")


def info(context: Context, call: Call, steps: Steps) -> Vector:
    """Evaluate ``info``.

    Raises:
        QueryFailed: two info series of one target say different things at the same time.
    """
    base = context.vector(call.args[0], steps)
    asked = call.args[1].matchers if len(call.args) > 1 and isinstance(call.args[1], VectorSelector) else ()
    names = [matcher for matcher in asked if matcher.label == NAME] or [_USUAL]
    data = [matcher for matcher in asked if matcher.label != NAME]
    is_info = np.array([all(meets(one, name_of(labels)) for one in names) for labels in base.labels], bool)
    wanted = VectorSelector("", (*names, *data), call.place)
    times_ns: list[Any] = []
    found = newest(context, wanted, steps, times_ns)
    _keep_newest(found, times_ns[0])
    others = base.rows(~is_info)
    return merged(stacked([base.rows(is_info), _enriched(others, found, data)], steps.count))


def _keep_newest(found: Vector, times_ns: Any) -> None:
    """Leave of several series of one metric and target only the newest at each step."""
    numbers, _ = numbered(keeping(labels, _IDENTITY | {NAME}) for labels in found.labels)
    groups, counts = np.unique(numbers, return_counts=True)
    for group in groups[counts > 1].tolist():
        rows = np.flatnonzero(numbers == group)
        when = np.where(found.present[rows], times_ns[rows], -1)
        newest_ns = when.max(axis=0)
        is_newest = found.present[rows] & (when == newest_ns)
        if (is_newest.sum(axis=0) > 1).any():
            raise QueryFailed(f"found duplicate series for info metric {name_of(found.labels[rows[0]])}")
        found.present[rows] = is_newest


def _enriched(base: Vector, found: Vector, data: Sequence[Matcher]) -> Vector:
    keys, _ = numbered(keeping(labels, _IDENTITY) for labels in (*base.labels, *found.labels))
    of_base, of_found = keys[: len(base)], keys[len(base) :]
    may_lack = all(meets(matcher, "") for matcher in data)
    names = frozenset(matcher.label for matcher in data)
    rows: list[int] = []
    labels: list[Labels] = []
    where: list[Any] = []
    for row, key in enumerate(of_base.tolist()):
        matches = np.flatnonzero(of_found == key)
        for there, at in _patterns(found.present[matches], base.present[row]):
            if len(there) or may_lack:
                rows.append(row)
                where.append(at)
                said = [found.labels[match] for match in matches[there].tolist()]
                labels.append(_with_labels(base.labels[row], said, names))
    chosen = base.rows(rows)
    present = np.array(where, bool).reshape(len(rows), base.steps())
    return merged(Vector(labels, chosen.values, present, chosen.nameless, chosen.histograms))


def _patterns(present: Any, base: Any) -> Iterator[tuple[Any, Any]]:
    """Yield which info series are there together, and ``(S,)`` where just these and the series itself are."""
    patterns, number = np.unique(present, axis=1, return_inverse=True)
    for column, pattern in enumerate(patterns.T):
        at = base & (number.reshape(-1) == column)
        if at.any():
            yield np.flatnonzero(pattern), at


def _with_labels(labels: Labels, said: Sequence[Labels], names: frozenset[str]) -> Labels:
    added: dict[str, str] = {}
    for one in said:
        for name, value in one:
            if name == NAME or name in _IDENTITY or (names and name not in names):
                continue
            if added.setdefault(name, value) != value:
                raise QueryFailed(f"conflicting label: {name}")
    return tuple(sorted({**added, **dict(labels)}.items()))
