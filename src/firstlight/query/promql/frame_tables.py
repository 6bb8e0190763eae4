"""Points as Arrow tables: a row for each, or a column for each series."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from firstlight.errors import QueryFailed
from firstlight.query.promql.series_text import series_text
from firstlight.query.promql.sources.source import Labels

_NAME = "__name__"
_TIME = pa.timestamp("ns", "UTC")
_OWN = frozenset({"time", "value", "histogram"})


@dataclass(frozen=True, slots=True)
class Columns:
    """Points, series after series.

    Attributes:
        labels: of each series.
        lengths: ``(N,)`` int64, how many points each has.
        times_ns: ``(n,)`` int64.
        values: ``(n,)`` float64, or texts.
        histograms: ``(n,)`` objects, JSON text or None; None when there is none at all.
    """

    labels: list[Labels]
    lengths: Any
    times_ns: Any
    values: Any
    histograms: Any


def long(columns: Columns) -> pa.Table:
    """Return ``time``, the labels, ``value`` and perhaps ``histogram``, a row for each point."""
    owners = pa.array(np.repeat(np.arange(len(columns.lengths)), columns.lengths), pa.int64())
    found = {"time": _times(columns.times_ns)}
    for label, name in label_columns(columns.labels).items():
        texts = pa.array([dict(one).get(label, "") for one in columns.labels], pa.string())
        found[name] = texts.take(owners)
    if columns.histograms is None:
        found["value"] = pa.array(columns.values)
    else:
        found["value"] = pa.array(columns.values, mask=are_there(columns.histograms))
        found["histogram"] = pa.array(columns.histograms, pa.string())
    return pa.table(found)


def wide(columns: Columns) -> pa.Table:
    """Return ``time`` and a column for each series.

    Raises:
        QueryFailed: there are histograms.
    """
    if columns.histograms is not None:
        raise QueryFailed(
            "native histograms have no wide form; take the long one, or ask for histogram_avg, histogram_count, "
            "histogram_sum or histogram_quantile of them"
        )
    times_ns, rows = np.unique(columns.times_ns, return_inverse=True)
    found = {"time": _times(times_ns)}
    end = 0
    for labels, length in zip(columns.labels, columns.lengths.tolist(), strict=True):
        begin, end = end, end + length
        found[_free(series_text(labels) if labels else "value", found)] = _spread(
            columns.values[begin:end], rows[begin:end], len(times_ns)
        )
    return pa.table(found)


def are_there(histograms: Any) -> Any:
    """Return ``(n,)`` bool: which of ``histograms`` are not None."""
    return np.array([one is not None for one in histograms], bool)


def label_columns(series: Iterable[Labels]) -> dict[str, str]:
    """Return the labels that there are, the metric's name first, and the column that each stands in."""
    labels = sorted({label for labels in series for label, _ in labels}, key=lambda label: (label != _NAME, label))
    taken = _OWN.union(labels)
    return {label: _free(f"label_{label}", taken) if label in _OWN else label for label in labels}


def _free(name: str, taken: Iterable[str]) -> str:
    while name in taken:
        name = f"label_{name}"
    return name


def _spread(values: Any, rows: Any, count: int) -> pa.Array:
    if isinstance(values, list):
        return pa.array(values)
    cells, missing = np.zeros(count), np.ones(count, bool)
    cells[rows], missing[rows] = values, False
    return pa.array(cells, mask=missing)


def _times(times_ns: Any) -> pa.Array:
    return pa.array(times_ns, pa.int64()).cast(_TIME)
