"""A sum that also goes down, as the host holds it."""

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from firstlight.sdk.metrics.instruments import Instrument, Row, sum_of, take, taken_from


class UpDownCounter(Instrument):
    """Counts what there is, such as requests under way; zero at the beginning.

    Unlike a gauge it cannot be set, and each of its methods is one C call.  Readers see a gauge.

    Attributes:
        inc: adds one; takes no argument.
        dec: takes one away; takes no argument.
        add: adds an amount, which may be negative.
    """

    __slots__ = ("_added", "_base", "_downs", "_total", "_ups", "add", "dec", "inc")

    inc: Callable[[], object]
    dec: Callable[[], object]
    add: Callable[[float], None]

    def value(self) -> float:
        """Return the sum: single steps up to now, amounts as of the last tick."""
        return self._total + self._steps() - self._base

    def fold(self) -> None:
        """Add up the amounts."""
        if self._added:
            taken = take(self._added)
            amount = sum_of(taken)
            self._total += sum(self._sound(taken)) if amount is None else amount

    def rows(self) -> Iterable[Row]:
        """Return the sum."""
        return [("value", (), self.value())]

    def zeros(self) -> Iterable[Row]:
        """Return nothing: readers see a gauge."""
        return ()

    def restart(self, now_ns: int) -> None:
        """Count from zero again."""
        self.created_ns = now_ns
        self._added.clear()
        self._total = 0.0
        self._base = self._steps()

    def _steps(self) -> int:
        return taken_from(self._ups) - taken_from(self._downs)

    def _bind(self) -> None:
        self._ups = count()
        self._downs = count()
        self._base = 0
        self._total = 0.0
        self._added: list[Any] = []
        self.inc = self._ups.__next__
        self.dec = self._downs.__next__
        self.add = self._added.append

    def _unbind(self) -> None:
        self.inc = self.dec = self.add = self._needs_labels
