"""What a query comes to."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from firstlight.query.promql.sources.source import Labels
from firstlight.query.promql.values import Steps, Vector
from firstlight.query.promql.windows.ranges import Ranges

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

    def first(self, count: int) -> "Answer":
        """Return the answer with its first ``count`` series only."""
        end = int(self.lengths[:count].sum())
        histograms = None if self.histograms is None else self.histograms[:end]
        points = {"times_ns": self.times_ns[:end], "values": self.values[:end], "histograms": histograms}
        return replace(self, labels=self.labels[:count], lengths=self.lengths[:count], **points)


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
    windows = ranges.mixed_windows()
    histograms = ranges.mixed.histograms if ranges.mixed else None
    rows = [row for row in range(len(ranges.labels)) if windows.counts[row, 0]]
    rows.sort(key=ranges.labels.__getitem__)
    cuts = [slice(int(windows.first[row, 0]), int(windows.last[row, 0])) for row in rows]
    at = np.concatenate([np.empty(0, np.int64), *(np.arange(cut.start, cut.stop) for cut in cuts)])
    lengths = np.array([cut.stop - cut.start for cut in cuts], np.int64)
    labels = [ranges.labels[row] for row in rows]
    return labels, lengths, windows.times_ns[at], windows.values[at], None if histograms is None else histograms[at]
