"""Which metrics, labels and values the series of a lake are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """How many series a metric has."""

    name: str
    series: int


@dataclass(frozen=True, slots=True)
class LabelValues:
    """How many values a label has, and how many series have the label."""

    label: str
    values: int
    series: int


@dataclass(frozen=True, slots=True)
class ValueSeries:
    """How many series have a label with this value."""

    label: str
    value: str
    series: int


@dataclass(frozen=True, slots=True)
class Cardinality:
    """What the series are made of.

    Attributes:
        series: how many there are.
        metric_count: names among them.
        label_count: labels among them.
        metrics: those with most series, most first.
        labels: those with most values, most first.
        values: those that most series have, most first.
    """

    series: int
    metric_count: int
    label_count: int
    metrics: list[MetricSeries]
    labels: list[LabelValues]
    values: list[ValueSeries]


def explore(parts: Sequence[pa.Table], top: int) -> Cardinality:
    """Return what series are made of.

    Args:
        parts: tables with the columns ``series_id``, ``name`` and ``labels``; a series may be in several.
        top: how many of each list.
    """
    rows = pa.concat_tables([part.select(["series_id", "name", "labels"]) for part in parts])
    _, first = np.unique(rows["series_id"].to_numpy(), return_index=True)
    if len(first) < rows.num_rows:
        rows = rows.take(pa.array(np.sort(first)))
    names, name_counts = _counted(rows["name"].combine_chunks())
    keys, key_of, values, value_of = _labels(rows["labels"].combine_chunks())
    pairs, pair_counts = np.unique(key_of.astype(np.int64) << 32 | value_of, return_counts=True)
    distinct = np.bincount(pairs >> 32, minlength=len(keys))
    having = np.bincount(key_of, minlength=len(keys))
    return Cardinality(
        rows.num_rows,
        len(names),
        len(keys),
        [MetricSeries(names[at].as_py(), int(name_counts[at])) for at in _most(name_counts, top)],
        [LabelValues(keys[at].as_py(), int(distinct[at]), int(having[at])) for at in _most(distinct, top)],
        [
            ValueSeries(keys[int(pairs[at]) >> 32].as_py(), values[int(pairs[at]) & 0xFFFFFFFF].as_py(), int(count))
            for at in _most(pair_counts, top)
            for count in (pair_counts[at],)
        ],
    )


def _labels(maps: Any) -> tuple[Any, Any, Any, Any]:
    """Return the labels, the label of each pair, the values, and the value of each pair."""
    offsets = maps.offsets
    inside = slice(offsets[0].as_py(), offsets[-1].as_py()) if len(maps) else slice(0, 0)
    return (*_encoded(maps.keys[inside]), *_encoded(maps.items[inside]))


def _encoded(column: Any) -> tuple[Any, Any]:
    encoded = column.dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _counted(column: Any) -> tuple[Any, Any]:
    texts, which = _encoded(column)
    return texts, np.bincount(which, minlength=len(texts))


def _most(counts: Any, top: int) -> list[int]:
    """Return the places of the largest counts, largest first; of equal ones the first."""
    found: list[int] = np.argsort(-counts, kind="stable")[:top].tolist()
    return found
