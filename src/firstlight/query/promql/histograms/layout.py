"""The buckets of a native histogram from the lowest to the highest."""

from typing import Any, NamedTuple

import numpy as np

from firstlight.query.promql.histograms.histogram import Buckets, Histogram
from firstlight.query.promql.histograms.tables import Table


class Filled(NamedTuple):
    """Columns of buckets, ascending.

    Attributes:
        lower: bounds.
        upper: bounds.
        counts: what each holds.
        zero: place of the zero bucket, -1 where there is none.
    """

    lower: Any
    upper: Any
    counts: Any
    zero: int


def filled_buckets(histogram: Histogram) -> Filled:
    """Return the buckets that hold something.

    Where one overlaps the zero bucket it begins where that ends; a zero bucket of less than nothing is left out.
    """
    edge = 0.0 if histogram.custom else histogram.zero_threshold
    return _ascending(histogram, histogram.zero_count > 0, edge)


def written_buckets(histogram: Histogram) -> Filled:
    """Return the buckets that hold something with the bounds of their schema, as the text form shows them."""
    return _ascending(histogram, histogram.zero_count != 0, 0.0)


class Columns(NamedTuple):
    """The buckets of many histograms of one layout, ascending.

    Attributes:
        lower: (columns,) bounds as in :class:`Filled`.
        upper: (columns,) bounds.
        counts: (n, columns) what each histogram holds there.
        zero: column of the zero bucket, -1 where there can be none.
        custom: whether the bounds are given one by one.
    """

    lower: Any
    upper: Any
    counts: Any
    zero: int
    custom: bool


def columns_of(histogram: Histogram, table: Table) -> Columns:
    """Return the columns of a table of histograms, ``histogram`` being one of them."""
    edge = 0.0 if histogram.custom else histogram.zero_threshold
    near, far = _bounds(histogram, Buckets(table.negative, table.negative), edge)
    lower, upper = _bounds(histogram, Buckets(table.positive, table.positive), edge)
    zero, positive, negative = table.sides(table.cells)
    reach = histogram.zero_threshold
    middle = ([-reach], [reach]) if not histogram.custom else ([], [])
    return Columns(
        np.concatenate((-far[::-1], middle[0], lower)),
        np.concatenate((-near[::-1], middle[1], upper)),
        np.concatenate((negative[:, ::-1], *([] if histogram.custom else [zero]), positive), axis=1),
        -1 if histogram.custom else len(far),
        histogram.custom,
    )


def _ascending(histogram: Histogram, has_zero: bool, edge: float) -> Filled:
    below, above = histogram.negative, histogram.positive
    near, far = _bounds(histogram, below, edge)
    lower, upper = _bounds(histogram, above, edge)
    reach = histogram.zero_threshold
    middle = ([-reach], [reach], [histogram.zero_count]) if has_zero else ([], [], [])
    return Filled(
        np.concatenate((-far[::-1], middle[0], lower)),
        np.concatenate((-near[::-1], middle[1], upper)),
        np.concatenate((below.counts[::-1], middle[2], above.counts)),
        len(below.counts) if has_zero else -1,
    )


def _bounds(histogram: Histogram, side: Buckets, edge: float) -> tuple[Any, Any]:
    """Bounds nearer to zero and farther from it."""
    if not side:
        return side.counts, side.counts
    near, far = histogram.upper_bounds(side.indexes - 1), histogram.upper_bounds(side.indexes)
    return (np.maximum(near, edge) if edge else near), far
