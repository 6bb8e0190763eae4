"""What the host records with: emitters, instruments and spans that carry one scope."""

import sys
from collections.abc import Sequence
from pathlib import Path
from traceback import format_exception
from typing import TYPE_CHECKING, Any

from firstlight.errors import UsageError
from firstlight.model import Kind, Level, parse_level
from firstlight.sdk.front import Declared, Emit, OpenSpan
from firstlight.sdk.histogram import DEFAULT_BOUNDS_S, Histogram
from firstlight.sdk.instruments import Counter, Definition, Gauge
from firstlight.sdk.plain import MAX_TEXT_CHARS, text
from firstlight.sdk.registry import place_of_caller
from firstlight.sdk.site import Site

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry

_PACKAGE = str(Path(__file__).parents[1])


class Scope:
    """Everything recorded through it belongs to one "subsystem.component".

    Attributes:
        name: the scope.
        trace: records an event at this level; likewise ``debug``, ``info``, ``warn`` (or ``warning``), ``error``,
            ``critical``.
        debug_on: whether debug events are recorded; ask it before computing fields for one.
        span: makes a span.
    """

    __slots__ = (
        *("_telemetry", "debug_on", "name", "span"),
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
        self.name = name
        self._telemetry = telemetry
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

    def counter(self, name: str, *, unit: str = "", help: str = "", labels: Sequence[str] = ()) -> Counter:  # noqa: A002
        """Return the counter ``name``, such as ``requests_total``; registering it again gives the same one.

        Raises:
            UsageError: the name is taken by something else; the message names both places.
        """
        return self._telemetry.instrument(Counter, self._define(name, Kind.COUNTER, unit, help, labels))

    def gauge(self, name: str, *, unit: str = "", help: str = "", labels: Sequence[str] = ()) -> Gauge:  # noqa: A002
        """Return the gauge ``name``, such as ``queue_length``; registering it again gives the same one.

        Raises:
            UsageError: the name is taken by something else; the message names both places.
        """
        return self._telemetry.instrument(Gauge, self._define(name, Kind.GAUGE, unit, help, labels))

    def histogram(
        self,
        name: str,
        *,
        unit: str = "s",
        help: str = "",  # noqa: A002
        labels: Sequence[str] = (),
        buckets: Sequence[float] = DEFAULT_BOUNDS_S,
    ) -> Histogram:
        """Return the histogram ``name``, such as ``request_seconds``; registering it again gives the same one.

        Args:
            name: what is measured, with its unit.
            unit: as UCUM writes it.
            help: one line for the reader of a chart.
            labels: names of the labels.
            buckets: upper bounds, ascending; a value on a bound belongs to that bucket.

        Raises:
            UsageError: the name is taken by something else; the message names both places.
        """
        bounds = tuple(map(float, buckets))
        definition = self._define(name, Kind.HISTOGRAM, unit, help, labels)._replace(bounds=bounds)
        return self._telemetry.instrument(Histogram, definition)

    def _define(self, name: str, kind: Kind, unit: str, help_text: str, labels: Sequence[str]) -> Definition:
        place = place_of_caller(_PACKAGE)
        return Definition(name, kind, unit, help_text, tuple(labels), self.name, (), place)

    def _level(self, level: Level | str) -> Level:
        try:
            return parse_level(level) if isinstance(level, str) else Level(level)
        except (UsageError, ValueError):
            self._telemetry.troubles.misuse(f"no level {level!r}; recorded as info")
            return Level.INFO
