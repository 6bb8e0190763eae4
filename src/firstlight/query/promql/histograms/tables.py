"""Many native histograms of one layout as a table: a row each, a column for each bucket that any of them has."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from firstlight.query.promql.histograms.histogram import Buckets, Hint, Histogram, sliced

_HEAD = 3
_SUM = 1
_ZERO = 2
_MOST_CELLS = 1 << 24
_NARROW = 512


class Table:
    """A series of histograms with the same schema, zero bucket and bounds.

    Attributes:
        cells: (n, columns) float64: count, sum, zero count, positive buckets, negative buckets.
        positive: (columns,) int64, which positive buckets there are.
        negative: likewise.
        hints: (n,) int8.
        resets: (n,) whether the counter began anew at each; the first has False.
    """

    def __init__(self, histograms: Sequence[Histogram], positive: "Side", negative: "Side") -> None:
        self._layout = histograms[0]
        self.positive, self.negative = positive.columns, negative.columns
        split = _HEAD + len(self.positive)
        self.cells = np.zeros((len(histograms), split + len(self.negative)))
        self.cells[:, :_HEAD] = [(one.count, one.sum, one.zero_count) for one in histograms]
        positive.fill(self.cells[:, _HEAD:split])
        negative.fill(self.cells[:, split:])
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

    def sides(self, rows: Any) -> tuple[Any, Any, Any]:
        """Return of each row the zero bucket (one column), the positive and the negative buckets."""
        split = _HEAD + len(self.positive)
        return rows[:, _ZERO:_HEAD], rows[:, _HEAD:split], rows[:, split:]

    def histograms(self, rows: Any) -> Any:
        """Return gauges of this layout: an object for each row of ``rows``."""
        layout, head = self._layout, rows[:, :_HEAD].tolist()
        _, *sides = self.sides(rows)
        positive, negative = filled(self.positive, sides[0]), filled(self.negative, sides[1])
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


def filled(columns: Any, rows: Any) -> list[Buckets]:
    """Return the buckets of each of ``rows``, whose cells are those of ``columns``."""
    where, places = np.nonzero(rows)
    return sliced(columns[places], rows[where, places], np.searchsorted(where, np.arange(len(rows) + 1)))


def table_of(listed: Sequence[Histogram]) -> Table | None:
    """Return the table of a series, or None where its layout changes, it is too wide or holds no ordinary numbers."""
    first = listed[0]
    layout = first.schema, first.zero_threshold, first.bounds
    if not all((one.schema, one.zero_threshold, one.bounds) == layout for one in listed):
        return None
    positive, negative = _side_of([one.positive for one in listed]), _side_of([one.negative for one in listed])
    if len(listed) * (_HEAD + len(positive.columns) + len(negative.columns)) > _MOST_CELLS:
        return None
    table = Table(listed, positive, negative)
    return table if np.isfinite(table.cells).all() else None


class Side(NamedTuple):
    """The buckets of one side of many histograms.

    Attributes:
        columns: int64, ascending: those that some histogram has, and perhaps others between them.
        indexes: of all buckets, histogram after histogram.
        counts: of all.
        lengths: how many each histogram has.
    """

    columns: Any
    indexes: Any
    counts: Any
    lengths: Any

    def fill(self, cells: Any) -> None:
        """Put the counts into ``cells``, (n, columns)."""
        rows = np.repeat(np.arange(len(self.lengths)), self.lengths)
        cells[rows, self.columns.searchsorted(self.indexes)] = self.counts


def _side_of(sides: list[Buckets]) -> Side:
    indexes = np.concatenate([side.indexes for side in sides])
    counts = np.concatenate([side.counts for side in sides])
    lowest, highest = (int(indexes.min()), int(indexes.max())) if len(indexes) else (0, -1)
    # To sort takes longer than some empty columns do.
    columns = np.arange(lowest, highest + 1) if highest - lowest < _NARROW else np.unique(indexes)
    return Side(columns, indexes, counts, [len(side.counts) for side in sides])
