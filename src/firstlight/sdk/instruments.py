"""Counter and gauge as the host holds them, and what every instrument is.

What a call does is one C method, ``itertools.count().__next__`` or ``list.append``, which no other thread can cut in
two.  The lists are folded at each tick of the drain, by one thread at a time.
"""

from collections.abc import Callable, Iterable
from itertools import count
from math import isnan
from typing import Any, NamedTuple, Self

from firstlight.model import Kind

_PLAIN_NUMBERS = frozenset({int, float})

Row = tuple[str, tuple[tuple[str, str], ...], float]
"""Field, extra labels, value."""


class Definition(NamedTuple):
    """What all lines of a metric share.

    Attributes:
        bounds: upper bounds of a histogram's buckets, ascending, without infinity.
        place: file and line of the registration.
    """

    name: str
    kind: Kind
    unit: str
    help: str
    label_names: tuple[str, ...]
    scope: str
    bounds: tuple[float, ...]
    place: str


class Keeper(NamedTuple):
    """What an instrument asks of the registry that owns it.

    Attributes:
        line: makes or finds the line of a family for label values by position and by name.
        misuse: hears of a call that cannot be understood.
        invalid: counts values that are no numbers.
    """

    line: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
    misuse: Callable[[str], None]
    invalid: Callable[[int], None]


class Instrument:
    """One line of a metric or, for a metric with label names, the family that :meth:`labels` picks lines from.

    Attributes:
        definition: see :class:`Definition`.
        pairs: labels of this line, sorted; None for a family.
        lines: a family's lines by label values.
        created_ns: when counting began.
    """

    __slots__ = ("_keeper", "created_ns", "definition", "lines", "pairs")

    def __init__(
        self, definition: Definition, keeper: Keeper, pairs: tuple[tuple[str, str], ...] | None, created_ns: int
    ) -> None:
        self.definition = definition
        self.pairs = pairs
        self.lines: dict[tuple[str, ...], Self] = {}
        self.created_ns = created_ns
        self._keeper = keeper
        self._bind()
        if pairs is None:
            self._unbind()

    def labels(self, *values: Any, **named: Any) -> Self:
        """Return the line with these label values, by position or by name; keep it where it is used often."""
        try:
            return self.lines[values]
        except (KeyError, TypeError):
            line: Self = self._keeper.line(self, values, named)
            return line

    def fold(self) -> None:
        """Take in what was recorded since the last time."""
        raise NotImplementedError

    def rows(self) -> Iterable[Row]:
        """Return the cumulative state."""
        raise NotImplementedError

    def zeros(self) -> Iterable[Row]:
        """Return the state when counting began; nothing for what does not count up."""
        return [(field, extra, 0.0) for field, extra, _ in self.rows()]

    def restart(self, now_ns: int) -> None:
        """Count from zero again, as a forked child does."""
        raise NotImplementedError

    def _bind(self) -> None:
        """Make the state and the methods that the host calls."""
        raise NotImplementedError

    def _unbind(self) -> None:
        """Make the methods that the host calls complain that labels are missing."""
        raise NotImplementedError

    def _needs_labels(self, *_: Any) -> None:
        definition = self.definition
        self._keeper.misuse(f"{definition.name} has labels {definition.label_names}; pick a line with .labels(...)")

    def _sound(self, taken: list[Any], least: float) -> list[float]:
        """Return what of ``taken`` is a number and at least ``least``; count the rest as invalid."""
        numbers = [number for number in map(_number, taken) if number >= least]
        if len(numbers) < len(taken):
            self._keeper.invalid(len(taken) - len(numbers))
        return numbers


class Counter(Instrument):
    """Counts up.

    Attributes:
        inc: adds one; takes no argument.
        add: adds an amount that is not negative.
    """

    __slots__ = ("_added", "_base", "_count", "_total", "add", "inc")

    inc: Callable[[], object]
    add: Callable[[float], None]

    def value(self) -> float:
        """Return the total: single increments up to now, amounts as of the last tick."""
        return self._total + self._ones() - self._base

    def fold(self) -> None:
        """Add up the amounts."""
        if self._added:
            taken = take(self._added)
            amount = _sum_if(taken, least=0.0)
            self._total += sum(self._sound(taken, least=0.0)) if amount is None else amount

    def rows(self) -> Iterable[Row]:
        """Return the total."""
        return [("value", (), self.value())]

    def restart(self, now_ns: int) -> None:
        """Count from zero again."""
        self.created_ns = now_ns
        self._added.clear()
        self._total = 0.0
        self._base = self._ones()

    def _ones(self) -> int:
        # Its text takes no number from the iterator: count(7) will give 7 next, so it has given 7.
        return int(repr(self._count)[6:-1])

    def _bind(self) -> None:
        self._count = count()
        self._base = 0
        self._total = 0.0
        self._added: list[Any] = []
        self.inc = self._count.__next__
        self.add = self._added.append

    def _unbind(self) -> None:
        self.inc = self.add = self._needs_labels


class Gauge(Instrument):
    """Goes up and down; silent until it is first set.

    Attributes:
        set: sets the value.
    """

    __slots__ = ("_step", "_steps", "_value", "set")

    set: Callable[[float], None]
    _step: Callable[[Any], None]
    _steps: list[Any]
    _value: float | None

    def inc(self, amount: float = 1.0) -> None:
        """Add ``amount``."""
        self._step((amount, 1))

    def dec(self, amount: float = 1.0) -> None:
        """Take ``amount`` away."""
        self._step((amount, -1))

    def fold(self) -> None:
        """Apply what was set, added and taken away, in that order."""
        steps = take(self._steps)
        # What came before a set no longer matters.
        last_set = next((at for at in range(len(steps) - 1, -1, -1) if type(steps[at]) in _PLAIN_NUMBERS), 0)
        for step in steps[last_set:]:
            self._apply(step)

    def _apply(self, step: Any) -> None:
        try:
            if type(step) is tuple:
                amount, sign = step
                self._value = (self._value or 0.0) + sign * float(amount)
            else:
                self._value = float(step)
        except (TypeError, ValueError, OverflowError):
            self._keeper.invalid(1)

    def rows(self) -> Iterable[Row]:
        """Return the value, if there is one."""
        return [] if self._value is None else [("value", (), self._value)]

    def zeros(self) -> Iterable[Row]:
        """Return nothing: a gauge does not begin at zero."""
        return ()

    def restart(self, now_ns: int) -> None:
        """Forget the value."""
        self.created_ns = now_ns
        self._steps.clear()
        self._value = None

    def _bind(self) -> None:
        self._value = None
        self._steps = []
        self.set = self._steps.append
        self._step = self._steps.append

    def _unbind(self) -> None:
        self.set = self._step = self._needs_labels


def take(pending: list[Any]) -> list[Any]:
    """Remove and return what is in ``pending``; appends that happen meanwhile stay."""
    n = len(pending)
    taken = pending[:n]
    del pending[:n]
    return taken


def _sum_if(taken: list[Any], least: float) -> float | None:
    """Return the sum if all are plain numbers and at least ``least``, else None; in C and so much faster."""
    try:
        total = float(sum(taken))
        return total if not isnan(total) and min(taken) >= least else None
    except (TypeError, ValueError, OverflowError):
        return None


def _number(value: Any) -> float:
    """Return ``value`` as a float, not-a-number for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")
