"""What the host records with: emitters, instruments and spans that carry one scope."""

import sys
from traceback import format_exception
from typing import TYPE_CHECKING, Any

from firstlight.errors import UsageError
from firstlight.model import Level, parse_level
from firstlight.sdk.front import Declared, Emit, OpenSpan
from firstlight.sdk.meter import Meter
from firstlight.sdk.plain import MAX_TEXT_CHARS, text
from firstlight.sdk.site import Site

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry


class Scope(Meter):
    """Everything recorded through it belongs to one "subsystem.component".

    Attributes:
        name: the scope.
        trace: records an event at this level; likewise ``debug``, ``info``, ``warn`` (or ``warning``), ``error``,
            ``critical``.
        debug_on: whether debug events are recorded; ask it before computing fields for one.
        span: makes a span.
    """

    __slots__ = (
        *("debug_on", "span"),
        *("critical", "debug", "error", "info", "trace", "warn", "warning"),
    )

    trace: Emit
    debug: Emit
    info: Emit
    warn: Emit
    warning: Emit
    error: Emit
    critical: Emit
    span: OpenSpan
    debug_on: bool

    def __init__(self, telemetry: "Telemetry", name: str) -> None:
        super().__init__(telemetry, name)
        for level in Level:
            setattr(self, level.name.lower(), telemetry.tapped(telemetry.front.emitter(Site(name, level))))
        self.warning = self.warn
        self.span = telemetry.front.opener(Site(name, Level.INFO))
        self.debug_on = telemetry.threshold(name) <= Level.DEBUG

    def event(self, name: str, /, *, level: Level | str = Level.INFO, **fields: Any) -> None:
        """Record an event at a level that is known only now."""
        emit: Emit = getattr(self, self._level(level).name.lower())
        emit(name, **fields)

    def exception(self, name: str, /, **fields: Any) -> None:
        """Record an error event with the exception that is being handled."""
        error = sys.exc_info()[1]
        if error is not None:
            fields["exception.type"] = type(error).__qualname__
            fields["exception.message"] = text(error)
            fields["exception.stacktrace"] = "".join(format_exception(error))[-MAX_TEXT_CHARS:]
        self.error(name, **fields)

    def declare(self, name: str, /, *fields: str, level: Level | str = Level.INFO) -> Declared:
        """Return a function that records the event ``name`` with the values of ``fields``, by position.

        It is the cheapest way to record an event that happens often.
        """
        site = Site(self.name, self._level(level), name, fields)
        emit: Declared = self._telemetry.declared(site)
        return emit

    def _level(self, level: Level | str) -> Level:
        try:
            return parse_level(level) if isinstance(level, str) else Level(level)
        except (UsageError, ValueError):
            self._telemetry.troubles.misuse(f"no level {level!r}; recorded as info")
            return Level.INFO
