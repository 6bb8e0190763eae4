"""Counter and gauge as the host holds them, and what every instrument is.

What a call does is one C method, ``itertools.count().__next__`` or ``list.append``, which no other thread can cut in
two.  The lists are folded at each tick of the drain, by one thread at a time.
"""

from collections.abc import Callable, Iterable
from itertools import count
from math import inf, isfinite
from sys import float_info
from types import MemberDescriptorType
from typing import Any, NamedTuple, Self, TypeVar

from firstlight.model import Kind
from firstlight.ports import Clock
from firstlight.sdk.metrics.exemplars import Notes, counted_in_span, valued_in_span

MOST = float_info.max
"""The largest finite number."""

_PLAIN_NUMBERS = frozenset({int, float})

Row = tuple[str, tuple[tuple[str, str], ...], float]
"""Field, extra labels, value."""


class Definition(NamedTuple):
    """What all lines of a metric share.

    Attributes:
        bounds: upper bounds of a histogram's buckets, ascending, without infinity.
        place: file and line of the registration.
        details: what else its lines share: a summary's quantiles, the states of an enumeration and the like.
        exemplars: whether values measured inside a span are kept as examples.
        callback: what an observed metric asks.
    """

    name: str
    kind: Kind
    unit: str
    help: str
    label_names: tuple[str, ...]
    scope: str
    bounds: tuple[float, ...]
    place: str
    details: tuple[Any, ...] = ()
    exemplars: bool = False
    callback: Callable[[], Any] | None = None


class Keeper(NamedTuple):
    """What an instrument asks of the registry that owns it.

    Attributes:
        line: makes or finds the line of a family for label values by position and by name.
        misuse: hears of a call that cannot be understood.
        invalid: counts values that are no numbers.
        overflow: counts what found no line of its own.
        forget: takes an instrument out of the registry.
        now: a clock.
        max_lines: most lines of one metric.
    """

    line: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
    misuse: Callable[[str], None]
    invalid: Callable[[int], None]
    overflow: Callable[[Definition, int], None]
    forget: Callable[[Any], None]
    now: Clock
    max_lines: int


_RECORDING = ("inc", "dec", "add", "observe", "set", "_step")


def _ignore(*_: Any, **__: Any) -> None:
    """Stand for the methods of an instrument in a process that records nothing."""


class Instrument:
    """One line of a metric or, for a metric with label names, the family that :meth:`labels` picks lines from.

    Attributes:
        definition: see :class:`Definition`.
        pairs: labels of this line, sorted; None for a family.
        lines: a family's lines by label values.
        created_ns: when counting began.
        shape: changes when :meth:`rows` has other fields or labels than before.
        notes: values measured inside spans; None where nobody asked for them.
    """

    __slots__ = ("_keeper", "created_ns", "definition", "lines", "notes", "pairs", "shape")

    def __init__(
        self, definition: Definition, keeper: Keeper, pairs: tuple[tuple[str, str], ...] | None, created_ns: int
    ) -> None:
        self.definition = definition
        self.pairs = pairs
        self.lines: dict[tuple[str, ...], Self] = {}
        self.created_ns = created_ns
        self.shape = 0
        self.notes = Notes(keeper.now) if definition.exemplars else None
        self._keeper = keeper
        self._bind()
        if pairs is None:
            self._unbind()

    def mute(self) -> None:
        """Take nothing in from now on, at next to no cost."""
        for name in _RECORDING:
            # Where a class has a method of that name, the method ends in one of the others.
            if isinstance(getattr(type(self), name, None), MemberDescriptorType):
                setattr(self, name, _ignore)

    def unmute(self) -> None:
        """Begin to count; who has kept a method of the mute instrument goes on with that."""
        self._bind()

    def labels(self, *values: Any, **named: Any) -> Self:
        """Return the line with these label values, by position or by name; keep it where it is used often."""
        try:
            known = self.lines.get(values or tuple([named[name] for name in self.definition.label_names]))
        except (KeyError, TypeError):
            # The names are others, or a value has no hash: a label's value may be anything that has a text.
            known = None
        if known is None or (named and len(named) + len(values) != len(self.definition.label_names)):
            line: Self = self._keeper.line(self, values, named)
            return line
        return known

    def fold(self) -> None:
        """Take in what was recorded since the last time."""
        raise NotImplementedError

    def rows(self) -> Iterable[Row]:
        """Return the cumulative state."""
        raise NotImplementedError

    def zeros(self) -> Iterable[Row]:
        """Return the state when counting began; nothing for what does not count up."""
        return [(field, extra, 0.0) for field, extra, _ in self.rows()]

    def points(self) -> Iterable[Any]:
        """Return the states that no row can hold, as :class:`~firstlight.model.ExponentialPoint` without a series."""
        return ()

    def row_of(self, place: int) -> int:
        """Return which row, or point, the values noted at ``place`` belong to."""
        return place

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

    def _sound(self, taken: list[Any], least: float = -MOST, most: float = MOST) -> list[float]:
        """Return what of ``taken`` is a number between ``least`` and ``most``; count the rest as invalid."""
        numbers = [number for number in map(as_number, taken) if least <= number <= most]
        if len(numbers) < len(taken):
            self._keeper.invalid(len(taken) - len(numbers))
        return numbers


AnyInstrument = TypeVar("AnyInstrument", bound=Instrument)


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
            if self.notes is not None:
                taken = self.notes.sift(taken, _only_row)
            amount = sum_of(taken, least=0.0)
            self._total += sum(self._sound(taken, least=0.0)) if amount is None else amount

    def rows(self) -> Iterable[Row]:
        """Return the total."""
        return [("value", (), self.value())]

    def restart(self, now_ns: int) -> None:
        """Count from zero again."""
        self.created_ns = now_ns
        if self.notes is not None:
            self.notes.clear()
        self._added.clear()
        self._total = 0.0
        self._base = self._ones()

    def _ones(self) -> int:
        return taken_from(self._count)

    def _bind(self) -> None:
        self._count = count()
        self._base = 0
        self._total = 0.0
        self._added: list[Any] = []
        self.inc = self._count.__next__
        self.add = self._added.append
        if self.notes is not None:
            self.inc = counted_in_span(self._count.__next__, self._added.append)
            self.add = valued_in_span(self._added.append)

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

    def value(self) -> float | None:
        """Return the value as of the last tick; None while it is unset."""
        return self._value

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


def taken_from(numbers: "count[int]") -> int:
    """Return how many numbers ``count()`` has given; its text takes none: count(7) will give 7 next."""
    return int(repr(numbers)[6:-1])


def _only_row(_: float) -> int:
    return 0


def sum_of(taken: list[Any], least: float = -inf) -> float | None:
    """Return the sum if it is finite and all are numbers of at least ``least``, else None; in C and so much faster."""
    try:
        total = float(sum(taken))
        return total if isfinite(total) and min(taken) >= least else None
    except (TypeError, ValueError, OverflowError):
        return None


def as_number(value: Any) -> float:
    """Return ``value`` as a float, not-a-number for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")
