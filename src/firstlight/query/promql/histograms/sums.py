"""Sums and means of many native histograms."""

from collections.abc import Sequence
from math import isfinite

import numpy as np

from firstlight.query.promql.histograms.arithmetic import add, divide, subtract
from firstlight.query.promql.histograms.histogram import NONE, Buckets, Hint, Histogram
from firstlight.query.promql.histograms.troubles import Trouble

_MOST_CELLS = 1 << 16
"""Between the lowest and the highest bucket; more are looked up one by one."""


def total(histograms: Sequence[Histogram]) -> Histogram | Trouble:
    """Return the sum of at least one."""
    first = histograms[0]
    layout = first.schema, first.zero_threshold, first.bounds
    if all((one.schema, one.zero_threshold, one.bounds) == layout for one in histograms):
        return _alike_total(histograms)
    return _added_up(histograms)


def mean(histograms: Sequence[Histogram]) -> Histogram | Trouble:
    """Return the arithmetic mean of at least one, also where their sum would be beyond the largest double."""
    answer = total(histograms)
    if isinstance(answer, Trouble):
        return answer
    if isfinite(answer.count) and isfinite(answer.sum):
        return divide(answer, len(histograms))
    return _careful_mean(histograms)


def _added_up(histograms: Sequence[Histogram]) -> Histogram | Trouble:
    answer: Histogram | Trouble = histograms[0]
    for one in histograms[1:]:
        if isinstance(answer, Trouble):
            break
        answer = add(answer, one)
    return answer


def _careful_mean(histograms: Sequence[Histogram]) -> Histogram | Trouble:
    answer: Histogram | Trouble = histograms[0]
    for number, one in enumerate(histograms[1:], 2):
        if isinstance(answer, Trouble):
            break
        step = subtract(divide(one, number), divide(answer, number))
        answer = step if isinstance(step, Trouble) else add(answer, step)
    return answer if isinstance(answer, Trouble) else answer.hinted(_common_hint(histograms))


def _alike_total(histograms: Sequence[Histogram]) -> Histogram:
    first = histograms[0]
    return Histogram(
        first.schema,
        sum(one.count for one in histograms),
        sum(one.sum for one in histograms),
        first.zero_threshold,
        sum(one.zero_count for one in histograms),
        _stacked([one.positive for one in histograms if one.positive]),
        _stacked([one.negative for one in histograms if one.negative]),
        first.bounds,
        _common_hint(histograms),
    )


def _common_hint(histograms: Sequence[Histogram]) -> Hint:
    hints = {one.hint for one in histograms}
    if len(hints) == 1:
        return hints.pop()
    return Hint.GAUGE if Hint.GAUGE in hints else Hint.UNKNOWN


def _stacked(sides: list[Buckets]) -> Buckets:
    """The sum of sides with the same bounds."""
    if not sides:
        return NONE
    indexes = np.concatenate([side.indexes for side in sides])
    counts = np.concatenate([side.counts for side in sides])
    lowest, highest = int(indexes.min()), int(indexes.max())
    if highest - lowest < _MOST_CELLS:
        cells = np.bincount(indexes - lowest, weights=counts)
        filled = np.flatnonzero(cells)
        return Buckets(filled + lowest, cells[filled])
    union, places = np.unique(indexes, return_inverse=True)
    return Buckets(union, np.bincount(places, weights=counts)).compact()
