"""What the host records with: emitters, instruments and spans that carry one scope."""

import sys
from collections.abc import Iterable, Mapping
from traceback import format_exception
from typing import TYPE_CHECKING, Any, Literal

from firstlight.errors import UsageError
from firstlight.model import Level, SpanLink, parse_level
from firstlight.sdk.flow.front import Declared, Emit, OpenSpan
from firstlight.sdk.flow.plain import MAX_TEXT_CHARS, text
from firstlight.sdk.flow.site import Site
from firstlight.sdk.metrics.meter import Meter
from firstlight.sdk.tracing.remote import RemoteSpan
from firstlight.sdk.tracing.spans import Span

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry

SpanKind = Literal["internal", "server", "client", "producer", "consumer"]


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
        *("_site", "debug_on", "span"),
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
            setattr(self, level.name.lower(), telemetry.levels.tapped(telemetry.front.emitter(Site(name, level))))
        self.warning = self.warn
        self._site = Site(name, Level.INFO)
        self._site.keeps_trace = telemetry.sieve.keeps_trace
        self.span = telemetry.front.opener(self._site)
        telemetry.levels.tell(self)

    def event(self, name: str, /, *, level: Level | str = Level.INFO, **fields: Any) -> None:
        """Record an event at a level that is known only now."""
        emit: Emit = getattr(self, self._level(level).name.lower())
        emit(name, **fields)

    def make_span(
        self,
        name: str,
        /,
        *,
        kind: SpanKind = "internal",
        parent: Span | RemoteSpan | None = None,
        links: Iterable[SpanLink] = (),
        attributes: Mapping[str, Any] | None = None,
    ) -> Span:
        """Make a span that is more than a piece of this program's own work.

        Args:
            name: the operation.
            kind: ``server`` for a request that is answered here, ``client`` for one that is sent, ``producer`` and
                ``consumer`` for messages.
            parent: the span it belongs to; the innermost open one when None.
            links: other spans it has to do with.
            attributes: under any names.
        """
        fields = dict(attributes or {})
        opened = (
            self.span(name, **fields)
            if parent is None
            else self._telemetry.front.lead(self._site, name, fields, parent)
        )
        if isinstance(parent, RemoteSpan) and not parent.sampled:
            self._telemetry.sieve.heed_parents()
        if kind != "internal":
            opened.fate().kind = kind
        if links:
            opened.fate().links += links
        return opened

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
