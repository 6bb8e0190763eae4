"""What is done with label sets: dropping, keeping and looking for the same ones."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from firstlight.errors import QueryFailed
from firstlight.query.promql.sources.source import Labels
from firstlight.query.promql.values import Vector

NAME = "__name__"
METADATA = frozenset({NAME, "__type__", "__unit__"})
"""What says which metric a series is of; it goes when values mean something else."""

SAME_LABELS = "vector cannot contain metrics with the same labelset"


def without_name(labels: Labels) -> Labels:
    """Return ``labels`` without what says which metric it is."""
    return tuple(pair for pair in labels if pair[0] not in METADATA)


def keeping(labels: Labels, names: frozenset[str]) -> Labels:
    """Return only the labels of these names."""
    return tuple(pair for pair in labels if pair[0] in names)


def leaving_out(labels: Labels, names: frozenset[str]) -> Labels:
    """Return the labels except those of these names."""
    return tuple(pair for pair in labels if pair[0] not in names)


def value_of(labels: Labels, name: str) -> str:
    """Return the value of one label; empty when there is none."""
    return next((value for key, value in labels if key == name), "")


def name_of(labels: Labels) -> str:
    """Return the metric's name."""
    return value_of(labels, NAME)


def with_label(labels: Labels, name: str, value: str) -> Labels:
    """Return ``labels`` with one set, or removed when ``value`` is empty."""
    others = [pair for pair in labels if pair[0] != name]
    return tuple(sorted([*others, (name, value)] if value else others))


def numbered(keys: Iterable[Labels]) -> tuple[Any, list[Labels]]:
    """Return the number of each key among the distinct ones, and these."""
    numbers: dict[Labels, int] = {}
    found = [numbers.setdefault(key, len(numbers)) for key in keys]
    return np.array(found, np.int64), list(numbers)


def named_apart(vector: Vector) -> Vector:
    """Return ``vector`` with the names dropped that are to be, series of the same labels joined.

    Raises:
        QueryFailed: two series of the same labels have a value at the same time.
    """
    if not vector.nameless.any():
        return merged(vector)
    labels = [
        without_name(labels) if drop else labels
        for labels, drop in zip(vector.labels, vector.nameless.tolist(), strict=True)
    ]
    nameless = np.zeros(len(labels), bool)
    return merged(Vector(labels, vector.values, vector.present, nameless, vector.histograms))


def merged(vector: Vector, problem: str = SAME_LABELS) -> Vector:
    """Return ``vector`` with series of the same labels joined.

    Raises:
        QueryFailed: two of them have a value at the same time.
    """
    if len(set(vector.labels)) == len(vector):
        return vector
    groups, labels = numbered(vector.labels)
    firsts = np.unique(groups, return_index=True)[1]
    found = vector.rows(firsts)
    values, present = found.values.copy(), found.present.copy()
    histograms = None if found.histograms is None else found.histograms.copy()
    for row in sorted(set(range(len(vector))) - set(firsts.tolist())):
        group, here = int(groups[row]), vector.present[row]
        if (present[group] & here).any():
            raise QueryFailed(problem)
        values[group, here] = vector.values[row, here]
        present[group] |= here
        if histograms is not None:
            histograms[group, here] = vector.histograms[row, here]
    return Vector(labels, values, present, found.nameless, histograms)
