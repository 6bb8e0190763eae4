"""Exponential histogram as the host holds it."""

from collections.abc import Callable, Iterable
from math import frexp
from typing import Any

from firstlight.model import ExponentialPoint
from firstlight.sdk.buckets import Buckets, dense
from firstlight.sdk.exemplars import valued_in_span
from firstlight.sdk.instruments import Instrument, Row, sum_of, take
from firstlight.sdk.stopwatch import Stopwatch

MAX_BUCKETS = 160
"""OpenTelemetry's default: values that span a factor of 100,000 are then resolved to 5 %."""


class ExponentialHistogram(Instrument):
    """Counts values by size in buckets that fit themselves to the values.

    It is OpenTelemetry's base-2 exponential histogram.  Nothing needs to be known about the values beforehand.
    Infinite ones are refused, as the specification has it.

    Attributes:
        observe: takes one value.
        buckets: what was counted, as of the last tick.
    """

    __slots__ = ("_observed", "buckets", "observe")

    observe: Callable[[float], None]

    def time(self) -> Stopwatch:
        """Return a context that observes the seconds spent in it."""
        return Stopwatch(self.observe)

    def fold(self) -> None:
        """Sort what was observed into the buckets."""
        if self._observed:
            taken = take(self._observed)
            if self.notes is not None:
                taken = self.notes.sift(taken, _power_of)
            self.buckets.add(self._sound(taken) if sum_of(taken) is None else taken)

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

    def row_of(self, place: int) -> int:  # noqa: ARG002
        """Return the only point."""
        return 0

    def restart(self, now_ns: int) -> None:
        """Count from zero again."""
        self.created_ns = now_ns
        if self.notes is not None:
            self.notes.clear()
        self._observed.clear()
        self.buckets = self._empty()

    def _bind(self) -> None:
        self._observed: list[Any] = []
        self.buckets = self._empty()
        self.observe = self._observed.append
        if self.notes is not None:
            self.observe = valued_in_span(self._observed.append)

    def _unbind(self) -> None:
        self.observe = self._needs_labels

    def _empty(self) -> Buckets:
        (max_buckets,) = self.definition.details
        return Buckets(max_buckets)


def _power_of(value: float) -> int:
    """Return which values share an exemplar: those of one sign between two powers of two."""
    power = frexp(value)[1]
    return 2 * power + (value < 0)
