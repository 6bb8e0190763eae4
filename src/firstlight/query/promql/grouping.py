"""Which series of a vector belong to which group."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from firstlight.query.promql.label_sets import METADATA, keeping, leaving_out, numbered
from firstlight.query.promql.language.syntax import Aggregate
from firstlight.query.promql.sources.source import Labels
from firstlight.query.promql.values import Vector


@dataclass(frozen=True, slots=True)
class Groups:
    """A vector's series, those of a group side by side.

    Attributes:
        vector: with its series in the order of their groups.
        starts: ``(G,)`` the first series of each group.
        counts: ``(G,)`` how many there are.
        labels: what the series of a group share.
        nameless: ``(G,)`` whether the name among these is to be dropped.
    """

    vector: Vector
    starts: Any
    counts: Any
    labels: list[Labels]
    nameless: Any

    def totals(self, operator: Any, cells: Any) -> Any:
        """Return ``operator`` over the series of each group, ``(G, S)``."""
        if len(self.starts) == 1:
            return operator.reduce(cells, axis=0)[None, :]
        return operator.reduceat(cells, self.starts, axis=0)

    def spread(self, of_groups: Any) -> Any:
        """Return what ``(G, S)`` says of its group for each series."""
        return np.repeat(of_groups, self.counts, axis=0)

    def pieces(self) -> list[slice]:
        """Return where the series of each group are."""
        ends = (self.starts + self.counts).tolist()
        return [slice(start, end) for start, end in zip(self.starts.tolist(), ends, strict=True)]


def group_labels(labels: Labels, expr: Aggregate, names: frozenset[str]) -> Labels:
    """Return the labels of the group that a series belongs to."""
    return leaving_out(labels, names | METADATA) if expr.is_without else keeping(labels, names)


def groups_of(vector: Vector, expr: Aggregate) -> Groups:
    """Put the series of a non-empty vector into groups."""
    names = frozenset(expr.grouping)
    if not names and not expr.is_without:
        return Groups(vector, np.zeros(1, np.int64), np.array([len(vector)]), [()], np.zeros(1, bool))
    numbers, labels = numbered(group_labels(one, expr, names) for one in vector.labels)
    order = np.argsort(numbers, kind="stable")
    counts = np.bincount(numbers)
    starts = np.cumsum(counts) - counts
    is_ordered = bool((order == np.arange(len(order))).all())
    sorted_vector = vector if is_ordered else vector.rows(order)
    return Groups(sorted_vector, starts, counts, labels, sorted_vector.nameless[starts])
