"""Every instrument of the process: made once, found again, told apart by their labels."""

import sys
from collections.abc import Callable
from threading import RLock
from typing import Any

from firstlight.errors import UsageError
from firstlight.model.series import sorted_labels
from firstlight.ports import Clock
from firstlight.sdk.flow.ledger import Ledger, Rows
from firstlight.sdk.flow.plain import text
from firstlight.sdk.flow.troubles import Troubles
from firstlight.sdk.metrics.asker import Asker
from firstlight.sdk.metrics.instruments import AnyInstrument, Definition, Instrument, Keeper
from firstlight.sdk.metrics.naming import Claims, check_definition, check_same
from firstlight.sdk.metrics.observable import Observable, Reading, Source

MAX_LINES = 2000
"""Lines of a metric before further label values share one; OpenTelemetry's default cardinality limit."""

MAX_INSTRUMENTS = 4000
OVERFLOW_LABELS = (("otel.metric.overflow", "true"),)
"""Labels of the shared line, as OpenTelemetry's metrics SDK specification has them."""


class Registry:
    """Makes and holds instruments.

    Args:
        now: a clock.
        ledger: counts values that are no numbers.
        troubles: hears of misuse.
        max_lines: most lines of one metric.

    Attributes:
        now: the clock.
        exemplars: whether instruments keep exemplars that do not say it themselves.
        keeps_trace: tells whether the trace of a span is recorded; without it an exemplar would lead nowhere.
        folding: held while lines take in what was recorded, and while their state is read.
        overflows: how often a metric had no line to spare, by its name.
    """

    def __init__(self, now: Clock, ledger: Ledger, troubles: Troubles, max_lines: int = MAX_LINES) -> None:
        self.now = now
        self.exemplars = False
        self.keeps_trace: Callable[[Any], bool] = _always
        self.folding = RLock()
        self.overflows: dict[str, int] = {}
        self._ledger = ledger
        self._troubles = troubles
        self._max_lines = max_lines
        self._is_mute = False
        self._lock = RLock()
        self._found: dict[tuple[str, str], Instrument] = {}
        self._lines: list[Instrument] = []
        self._shared: dict[int, Instrument] = {}
        self._claims = Claims()
        self._sources: list[Source] = []
        self._asker = Asker(troubles)
        self._keeper = Keeper(
            self._line, troubles.misuse, self._invalid, self._overflow, self._forget, self._time_ns, max_lines
        )

    def register(self, make: type[AnyInstrument], definition: Definition) -> AnyInstrument:
        """Return the instrument for ``definition``, the same one when it is registered again.

        Raises:
            UsageError: the name is taken by an instrument of another type, unit, labels or buckets, or cannot be one.
        """
        with self._lock:
            found = self._found.get((definition.scope, definition.name))
            if found is None:
                found = self._new(make, definition)
            check_same(found.definition, type(found), definition, make)
            return found  # type: ignore[return-value]  # check_same saw that the types are equal

    def add_source(self, source: Source) -> None:
        """Ask ``source`` at each report."""
        with self._lock:
            self._sources.append(source)
            self._asker.prepare()

    def remove_source(self, source: Source) -> None:
        """Ask it no more."""
        with self._lock:
            if source in self._sources:
                self._sources.remove(source)

    def asks(self, kind: type) -> bool:
        """Return whether a source of that type is asked."""
        with self._lock:
            return any(isinstance(source, kind) for source in self._sources)

    def readings(self) -> list[Reading]:
        """Ask every source; takes a bounded time, see :class:`Asker`."""
        with self._lock:
            sources = self._sources.copy()
        return self._asker.ask(sources) if sources else []

    def callback_failures(self) -> dict[str, int]:
        """Return how often a source did not answer, by reason."""
        return self._asker.failures.copy()

    def mute(self, *, on: bool) -> None:
        """Let no instrument take anything in, or let all of them begin anew."""
        with self._lock:
            if on is not self._is_mute:
                self._is_mute = on
                for line in self._lines:
                    line.mute() if on else line.unmute()

    def lines(self) -> list[Instrument]:
        """Return every line there is."""
        with self._lock:
            return self._lines.copy()

    def fold(self) -> None:
        """Take in what all lines have recorded since the last time; called by any thread."""
        lines = self.lines()
        with self.folding:
            for line in lines:
                line.fold()

    def restart(self) -> int:
        """Count from zero in a forked child, with locks of our own; return how many lines and sources there are."""
        self._lock = RLock()
        self.folding = RLock()
        self.overflows = {}
        self._asker.restart()
        if self._sources:
            self._asker.prepare()
        now_ns = self.now()
        for line in self._lines:
            line.restart(now_ns)
        return len(self._lines) + len(self._sources)

    def _new(self, make: type[AnyInstrument], definition: Definition) -> AnyInstrument:
        check_definition(definition)
        if len(self._found) >= MAX_INSTRUMENTS:
            raise UsageError(f"{definition.name} is one metric too many; names must not be made up as you go")
        self._claims.claim(definition)
        made = self._make(make, definition, None if definition.label_names else ())
        self._found[definition.scope, definition.name] = made
        if isinstance(made, Observable):
            self.add_source(made)
        return made

    def _forget(self, instrument: Observable) -> None:
        with self._lock:
            self.remove_source(instrument)
            definition = instrument.definition
            if self._found.get((definition.scope, definition.name)) is instrument:
                del self._found[definition.scope, definition.name]
                self._claims.release(definition)

    def _make(
        self, make: type[AnyInstrument], definition: Definition, pairs: tuple[tuple[str, str], ...] | None
    ) -> AnyInstrument:
        made = make(definition, self._keeper, pairs, self.now())
        if pairs is not None and not isinstance(made, Observable):
            self._lines.append(made)
            if self._is_mute:
                made.mute()
        return made

    def _line(self, family: Instrument, values: tuple[Any, ...], named: dict[str, Any]) -> Instrument:
        names = family.definition.label_names
        if family.pairs is not None or not _fits(names, values, named):
            self._troubles.misuse(f"{family.definition.name} has labels {names}, not {values or tuple(named)}")
            return family if family.pairs is not None else self._shared_line(family)
        key = tuple(map(text, values or map(named.__getitem__, names)))
        return family.lines.get(key) or self._new_line(family, key)

    def _new_line(self, family: Instrument, key: tuple[str, ...]) -> Instrument:
        with self._lock:
            found = family.lines.get(key)
            if found is None:
                if len(family.lines) >= self._max_lines:
                    self._overflow(family.definition, 1)
                    return self._shared_line(family)
                pairs = sorted_labels(dict(zip(family.definition.label_names, key, strict=True)))
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

    def _overflow(self, definition: Definition, times: int) -> None:
        with self._lock:
            self.overflows[definition.name] = self.overflows.get(definition.name, 0) + times
        self._troubles.say(
            "overflow", f"{definition.name} has more than {self._max_lines} lines; the rest has no own one"
        )

    def _time_ns(self) -> int:
        return self.now()


def place_of_caller(inner: str) -> str:
    """Return file and line of the nearest caller outside the package whose files lie below ``inner``."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(inner):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _always(_: Any) -> bool:
    return True


def _fits(names: tuple[str, ...], values: tuple[Any, ...], named: dict[str, Any]) -> bool:
    if values:
        return len(values) == len(names) and not named
    return len(named) == len(names) and all(map(named.__contains__, names))
