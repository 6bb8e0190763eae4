"""Which metrics and labels of a lake have most series, as Prometheus' ``/api/v1/status/tsdb`` has it."""

from collections import Counter
from typing import Any

import numpy as np

from firstlight.query.promql.sources.lake_names import shown_name
from firstlight.store.index import SeriesIndex

_NAME = "__name__"


def cardinality(index: SeriesIndex, limit: int) -> dict[str, Any]:
    """Return counts, the ``limit`` largest of each kind; labels are called as their senders do."""
    labels, values, counts = index.pairs()
    is_label = counts > 0
    used = np.flatnonzero(is_label)
    largest = used[np.argsort(-counts[used], kind="stable")[:limit]]
    pairs = zip(index.texts(labels[largest]), index.texts(values[largest]), counts[largest].tolist(), strict=True)
    codes, sizes = np.unique(labels[used], return_counts=True)
    by_label = Counter(dict(zip(index.texts(codes), sizes.tolist(), strict=True)))
    head = {"numSeries": len(index), "numLabelPairs": len(used), "chunkCount": 0, "minTime": 0, "maxTime": 0}
    return {
        "headStats": head,
        "seriesCountByMetricName": _shown(_by_metric(index), limit),
        "labelValueCountByLabelName": _shown(by_label, limit),
        "memoryInBytesByLabelName": _shown(_bytes_of(index, labels[used], values[used]), limit),
        "seriesCountByLabelValuePair": [{"name": f"{name}={value}", "value": count} for name, value, count in pairs],
    }


def _by_metric(index: SeriesIndex) -> Counter[str]:
    found: Counter[str] = Counter()
    positions = np.arange(len(index))
    is_bare = index.are_bare(positions)
    for one in index.meanings(positions[is_bare]):
        found[one.name] += one.series
    for one in index.meanings(positions[~is_bare]):
        found[shown_name(*one[:3])] += one.series
    return found


def _bytes_of(index: SeriesIndex, labels: Any, values: Any) -> Counter[str]:
    """Return how long the values of each label are together."""
    lengths = np.array([len(text.encode()) for text in index.texts(values)], np.int64)
    codes, which = np.unique(labels, return_inverse=True)
    sums = np.bincount(which, lengths, len(codes)).astype(int).tolist()
    return Counter(dict(zip(index.texts(codes), sums, strict=True)))


def _shown(counts: Counter[str], limit: int) -> list[dict[str, Any]]:
    return [{"name": name, "value": count} for name, count in counts.most_common(limit)]
