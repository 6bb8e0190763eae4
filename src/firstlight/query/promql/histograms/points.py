"""Native histograms from and to the points that a lake keeps."""

from collections.abc import Sequence
from typing import Any

from firstlight.codecs.otlp.values import STALE, is_stale
from firstlight.model import CUSTOM_SCALE, ExponentialPoint
from firstlight.query.promql.histograms.histogram import NONE, Buckets, Hint, Histogram


def of_point(point: ExponentialPoint) -> Histogram | float:
    """Return the histogram of a point, or the stale marker."""
    if is_stale(point.sum):
        return STALE
    shift = 0 if point.scale == CUSTOM_SCALE else 1
    return Histogram(
        point.scale,
        float(point.count),
        point.sum,
        point.zero_threshold,
        float(point.zero_count),
        _buckets(point.positive_offset + shift, point.positive),
        _buckets(point.negative_offset + shift, point.negative),
        tuple(point.bounds),
        Hint(point.hint),
    )


def to_point(histogram: Histogram, series_id: int, time_ns: int) -> ExponentialPoint:
    """Return the point that keeps ``histogram``, its counts as fractions."""
    shift = 0 if histogram.custom else 1
    positive_offset, positive = _dense(histogram.positive)
    negative_offset, negative = _dense(histogram.negative)
    point = ExponentialPoint(series_id, time_ns, float(histogram.count), histogram.sum, histogram.schema)
    point.zero_count, point.zero_threshold = float(histogram.zero_count), histogram.zero_threshold
    point.positive_offset, point.positive = (positive_offset - shift if positive else 0), positive
    point.negative_offset, point.negative = (negative_offset - shift if negative else 0), negative
    point.bounds, point.hint = histogram.bounds, int(histogram.hint)
    return point


def _buckets(first: int, counts: Sequence[int | float]) -> Buckets:
    return Buckets.dense(first, counts) if counts else NONE


def _dense(side: Buckets) -> tuple[int, list[Any]]:
    if not side:
        return 0, []
    first = int(side.indexes[0])
    counts = [0.0] * (int(side.indexes[-1]) - first + 1)
    for index, count in zip(side.indexes.tolist(), side.counts.tolist(), strict=True):
        counts[index - first] = count
    return first, counts
