"""What histograms and summaries share: they take single values and look at them at the next tick."""

from collections.abc import Callable
from typing import Any

from firstlight.sdk.metrics.exemplars import valued_in_span
from firstlight.sdk.metrics.instruments import Instrument, take
from firstlight.sdk.metrics.stopwatch import Stopwatch


class Distribution(Instrument):
    """Takes values.

    Attributes:
        observe: takes one value.
    """

    __slots__ = ("_observed", "observe")

    observe: Callable[[float], None]

    def time(self) -> Stopwatch:
        """Return a context that observes the seconds spent in it."""
        return Stopwatch(self.observe)

    def fold(self) -> None:
        """Count what was observed since the last time."""
        if self._observed:
            taken = take(self._observed)
            self._count_all(taken if self.notes is None else self.notes.sift(taken, self._place_of))

    def restart(self, now_ns: int) -> None:
        """Count from zero again."""
        self.created_ns = now_ns
        if self.notes is not None:
            self.notes.clear()
        self._observed.clear()
        self._forget()

    def _bind(self) -> None:
        self._observed: list[Any] = []
        self._forget()
        self.observe = self._observed.append
        if self.notes is not None:
            self.observe = valued_in_span(self._observed.append)

    def _unbind(self) -> None:
        self.observe = self._needs_labels

    def _forget(self) -> None:
        """Begin with nothing counted."""
        raise NotImplementedError

    def _count_all(self, values: list[Any]) -> None:
        """Count ``values``, which may hold what is no number."""
        raise NotImplementedError

    def _place_of(self, value: float) -> int:
        """Return which values share an exemplar."""
        raise NotImplementedError
