"""What a query comes to."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from firstlight.query.promql.ranges import Ranges
from firstlight.query.promql.source import Labels
from firstlight.query.promql.values import Steps, Vector

AnswerKind = Literal["vector", "matrix", "scalar", "string"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a query: points, series after series.

    Attributes:
        kind: as Prometheus' API calls it.  A scalar is one series without labels.
        labels: of each series.
        lengths: ``(N,)`` int64, how many points each has.
        times_ns: ``(n,)`` int64.
        values: ``(n,)`` float64; whatever where there is a histogram.
        histograms: ``(n,)`` objects, a Histogram or None; None when there is none at all.
        text: of a string.
        time_ns: when it was evaluated, of an instant query.
        warnings: what may be missing or wrong.
        infos: what may not have been meant.
    """

    kind: AnswerKind
    labels: list[Labels]
    lengths: Any
    times_ns: Any
    values: Any
    histograms: Any = None
    text: str = ""
    time_ns: int = 0
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


Points = tuple[list[Labels], Any, Any, Any, Any]
"""Labels, lengths, times, values and histograms of an answer."""


def points_of(vector: Vector, steps: Steps, *, in_order: bool) -> Points:
    """Return the points of the series that have any; sorted by labels when ``in_order``."""
    lengths = vector.present.sum(axis=1)
    rows = np.flatnonzero(lengths).tolist()
    if in_order:
        rows.sort(key=vector.labels.__getitem__)
    if rows != list(range(len(vector))):
        vector, lengths = vector.rows(rows), lengths[rows]
    times_ns = np.broadcast_to(steps.times_ns(), vector.present.shape)
    if vector.present.all():
        histograms = None if vector.histograms is None else vector.histograms.reshape(-1)
        return vector.labels, lengths, times_ns.reshape(-1), vector.values.reshape(-1), histograms
    histograms = None if vector.histograms is None else vector.histograms[vector.present]
    return vector.labels, lengths, times_ns[vector.present], vector.values[vector.present], histograms


def points_in(ranges: Ranges) -> Points:
    """Return the samples in the only window of each series."""
    windows, of_histograms = ranges.float_windows(), ranges.histogram_windows()
    labels: list[Labels] = []
    pieces: list[tuple[Any, Any, Any]] = []
    for row in sorted(range(len(ranges.labels)), key=ranges.labels.__getitem__):
        where = slice(int(windows.first[row, 0]), int(windows.last[row, 0]))
        times_ns, values = windows.times_ns[where], windows.values[where]
        histograms = np.full(len(values), None, object)
        if of_histograms is not None:
            there = slice(int(of_histograms.first[row, 0]), int(of_histograms.last[row, 0]))
            times_ns = np.concatenate((times_ns, of_histograms.times_ns[there]))
            values = np.concatenate((values, np.zeros(there.stop - there.start)))
            histograms = np.concatenate((histograms, of_histograms.values[there]))
            order = np.argsort(times_ns, kind="stable")
            times_ns, values, histograms = times_ns[order], values[order], histograms[order]
        if len(times_ns):
            labels.append(ranges.labels[row])
            pieces.append((times_ns, values, histograms))
    lengths = np.array([len(times_ns) for times_ns, _, _ in pieces], np.int64)
    columns = [np.concatenate(column) for column in zip(*pieces, strict=True)] or [np.empty(0)] * 3
    return labels, lengths, columns[0], columns[1], columns[2] if of_histograms is not None else None
