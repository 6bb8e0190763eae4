"""Many native histograms of one layout as a table: a row each, a column for each bucket that any of them has."""

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np

from firstlight.query.promql.histogram import NONE, Buckets, Hint, Histogram

_HEAD = 3
_SUM = 1
_MOST_CELLS = 1 << 24


class Table:
    """A series of histograms with the same schema, zero bucket and bounds.

    Attributes:
        cells: (n, columns) float64: count, sum, zero count, positive buckets, negative buckets.
        hints: (n,) int8.
        resets: (n,) whether the counter began anew at each; the first has False.
    """

    def __init__(self, histograms: Sequence[Histogram], positive: Any, negative: Any) -> None:
        self._layout = histograms[0]
        self._positive, self._negative = positive, negative
        split = _HEAD + len(positive)
        self.cells = np.zeros((len(histograms), split + len(negative)))
        self.cells[:, :_HEAD] = [(one.count, one.sum, one.zero_count) for one in histograms]
        _fill(self.cells[:, _HEAD:split], [one.positive for one in histograms], positive)
        _fill(self.cells[:, split:], [one.negative for one in histograms], negative)
        self.hints = np.array([one.hint for one in histograms], np.int8)
        self.resets = self._find_resets()

    def _find_resets(self) -> Any:
        resets = np.zeros(len(self.cells), bool)
        went_down = self.cells[1:] < self.cells[:-1]
        went_down[:, _SUM] = False
        resets[1:] = went_down.any(axis=1)
        resets[1:][self.hints[1:] == Hint.RESET] = True
        resets[self.hints == Hint.NOT_RESET] = False
        return resets

    def lost(self) -> Any:
        """Return (n, columns): what resets took away up to each row."""
        lost = np.zeros_like(self.cells)
        places = np.flatnonzero(self.resets)
        lost[places] = self.cells[places - 1]
        return lost.cumsum(axis=0)

    def histograms(self, rows: Any) -> Any:
        """Return gauges of this layout: an object for each row of ``rows``, which it keeps."""
        layout, split = self._layout, _HEAD + len(self._positive)
        head = rows[:, :_HEAD].tolist()
        positive, negative = _sides(self._positive, rows[:, _HEAD:split]), _sides(self._negative, rows[:, split:])
        answers = np.empty(len(rows), object)
        for place, (count, total, zero) in enumerate(head):
            answers[place] = Histogram(
                layout.schema,
                count,
                total,
                layout.zero_threshold,
                zero,
                positive[place],
                negative[place],
                layout.bounds,
                Hint.GAUGE,
            )
        return answers


def table_of(histograms: Any) -> Table | None:
    """Return the table of a series, or None where its layout changes, it is too wide or holds no ordinary numbers."""
    listed: list[Histogram] = histograms.tolist()
    first = listed[0]
    layout = first.schema, first.zero_threshold, first.bounds
    if not all((one.schema, one.zero_threshold, one.bounds) == layout for one in listed):
        return None
    positive, negative = _union([one.positive for one in listed]), _union([one.negative for one in listed])
    if len(listed) * (_HEAD + len(positive) + len(negative)) > _MOST_CELLS:
        return None
    table = Table(listed, positive, negative)
    return table if np.isfinite(table.cells).all() else None


def _union(sides: list[Buckets]) -> Any:
    return np.unique(np.concatenate([side.indexes for side in sides]))


def _sides(columns: Any, rows: Any) -> list[Buckets]:
    if not len(columns):
        return [NONE] * len(rows)
    whole = (rows != 0).all(axis=1).tolist()
    sides = map(Buckets, repeat(columns), rows)
    return [side if full else side.compact() for side, full in zip(sides, whole, strict=True)]


def _fill(cells: Any, sides: list[Buckets], columns: Any) -> None:
    lengths = [len(side.counts) for side in sides]
    rows = np.repeat(np.arange(len(sides)), lengths)
    places = columns.searchsorted(np.concatenate([side.indexes for side in sides]))
    cells[rows, places] = np.concatenate([side.counts for side in sides])
