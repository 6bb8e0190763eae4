"""Every instrument of the process: made once, found again, told apart by their labels."""

import sys
from itertools import pairwise
from math import isfinite
from threading import RLock
from typing import Any, TypeVar

from firstlight.errors import UsageError
from firstlight.model.series import sorted_labels
from firstlight.ports import Clock
from firstlight.sdk.instruments import Definition, Instrument, Keeper
from firstlight.sdk.ledger import Ledger, Rows
from firstlight.sdk.plain import text
from firstlight.sdk.troubles import Troubles

MAX_LINES = 2000
"""Lines of a metric before further label values share one; OpenTelemetry's default cardinality limit."""

MAX_INSTRUMENTS = 4000
OVERFLOW_LABELS = (("otel.metric.overflow", "true"),)
"""Labels of the shared line, as OpenTelemetry's metrics SDK specification has them."""

I = TypeVar("I", bound=Instrument)  # noqa: E741


class Registry:
    """Makes and holds instruments.

    Args:
        now: a clock.
        ledger: counts values that are no numbers.
        troubles: hears of misuse.
        max_lines: most lines of one metric.
    """

    def __init__(self, now: Clock, ledger: Ledger, troubles: Troubles, max_lines: int = MAX_LINES) -> None:
        self.now = now
        self._ledger = ledger
        self._troubles = troubles
        self._max_lines = max_lines
        self._lock = RLock()
        self._found: dict[tuple[str, str], Instrument] = {}
        self._lines: list[Instrument] = []
        self._shared: dict[int, Instrument] = {}
        self._keeper = Keeper(self._line, troubles.misuse, self._invalid)

    def register(self, make: type[I], definition: Definition) -> I:
        """Return the instrument for ``definition``, the same one when it is registered again.

        Raises:
            UsageError: the name is taken by an instrument of another type, unit, labels or buckets, or cannot be one.
        """
        key = (definition.scope, definition.name)
        with self._lock:
            found = self._found.get(key)
            if found is None:
                _check(definition)
                if len(self._found) >= MAX_INSTRUMENTS:
                    raise UsageError(f"{definition.name} is one metric too many; names must not be made up as you go")
                found = self._found[key] = self._make(make, definition, None if definition.label_names else ())
            _check_same(found.definition, definition)
            return found  # type: ignore[return-value]  # _check_same saw that the kinds are equal

    def lines(self) -> list[Instrument]:
        """Return every line there is."""
        with self._lock:
            return self._lines.copy()

    def fold(self) -> None:
        """Take in what all lines have recorded since the last time; called by one thread at a time."""
        for line in self.lines():
            line.fold()

    def restart(self) -> int:
        """Count from zero in a forked child, with a lock of our own; return how many lines there are."""
        self._lock = RLock()
        now_ns = self.now()
        for line in self._lines:
            line.restart(now_ns)
        return len(self._lines)

    def _make(self, make: type[I], definition: Definition, pairs: tuple[tuple[str, str], ...] | None) -> I:
        made = make(definition, self._keeper, pairs, self.now())
        if pairs is not None:
            self._lines.append(made)
        return made

    def _line(self, family: Instrument, values: tuple[Any, ...], named: dict[str, Any]) -> Instrument:
        names = family.definition.label_names
        if family.pairs is not None or not _fits(names, values, named):
            self._troubles.misuse(f"{family.definition.name} has labels {names}, not {values or tuple(named)}")
            return family if family.pairs is not None else self._shared_line(family)
        key = tuple(map(text, values or (named[name] for name in names)))
        with self._lock:
            found = family.lines.get(key)
            if found is None:
                if len(family.lines) >= self._max_lines:
                    self._troubles.say("overflow", f"{family.definition.name} has too many lines; the rest share one")
                    return self._shared_line(family)
                pairs = sorted_labels(dict(zip(names, key, strict=True)))
                found = family.lines[key] = self._make(type(family), family.definition, pairs)
            return found

    def _shared_line(self, family: Instrument) -> Instrument:
        with self._lock:
            found = self._shared.get(id(family))
            if found is None:
                found = self._shared[id(family)] = self._make(type(family), family.definition, OVERFLOW_LABELS)
            return found

    def _invalid(self, samples: int) -> None:
        self._ledger.dropped("invalid", Rows(samples=samples))


def place_of_caller(inner: str) -> str:
    """Return file and line of the nearest caller outside the package whose files lie below ``inner``."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(inner):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _fits(names: tuple[str, ...], values: tuple[Any, ...], named: dict[str, Any]) -> bool:
    return named.keys() == set(names) if not values else len(values) == len(names) and not named


def _check(definition: Definition) -> None:
    bounds = definition.bounds
    if not definition.name:
        raise UsageError("a metric needs a name")
    if len(set(definition.label_names)) < len(definition.label_names) or "" in definition.label_names:
        raise UsageError(f"{definition.name}: label names must differ and not be empty, not {definition.label_names}")
    if not all(map(isfinite, bounds)) or any(low >= high for low, high in pairwise(bounds)):
        raise UsageError(f"{definition.name}: buckets must be finite and ascending, not {bounds}")


def _check_same(first: Definition, second: Definition) -> None:
    for what in ("kind", "unit", "label_names", "bounds"):
        one, other = getattr(first, what), getattr(second, what)
        if one != other:
            raise UsageError(
                f"{first.name} is registered twice: at {first.place} with {what} {one!r}"
                f" and at {second.place} with {what} {other!r}"
            )
