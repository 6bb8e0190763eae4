"""Exponential histogram as the host holds it."""

from collections.abc import Iterable
from math import frexp
from typing import Any

from firstlight.model import ExponentialPoint
from firstlight.sdk.metrics.buckets import Buckets, dense
from firstlight.sdk.metrics.distribution import Distribution
from firstlight.sdk.metrics.instruments import Row, sum_of

MAX_BUCKETS = 160
"""OpenTelemetry's default: values that span a factor of 100,000 are then resolved to 5 %."""


class ExponentialHistogram(Distribution):
    """Counts values by size in buckets that fit themselves to the values.

    It is OpenTelemetry's base-2 exponential histogram.  Nothing needs to be known about the values beforehand.
    Infinite ones are refused, as the specification has it.

    Attributes:
        buckets: what was counted, as of the last tick.
    """

    __slots__ = ("buckets",)

    def rows(self) -> Iterable[Row]:
        """Return nothing: the state is a point."""
        return ()

    def points(self) -> Iterable[ExponentialPoint]:
        """Return the cumulative state, without series and time."""
        buckets = self.buckets
        point = ExponentialPoint(0, 0, buckets.count, buckets.sum, buckets.scale, buckets.zeros)
        point.positive_offset, point.positive = dense(buckets.positive)
        point.negative_offset, point.negative = dense(buckets.negative)
        if buckets.count:
            point.min, point.max = buckets.min, buckets.max
        return [point]

    def row_of(self, place: int) -> int:
        """Return the only point."""
        del place
        return 0

    def _forget(self) -> None:
        (max_buckets,) = self.definition.details
        self.buckets = Buckets(max_buckets)

    def _count_all(self, values: list[Any]) -> None:
        self.buckets.add(self._sound(values) if sum_of(values) is None else values)

    def _place_of(self, value: float) -> int:
        """Return the same for values of one sign between two powers of two."""
        return 2 * frexp(value)[1] + (value < 0)
