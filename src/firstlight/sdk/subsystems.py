"""Recording by subsystem and component, for programs that name their place at each call."""

from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any

from firstlight.errors import UsageError
from firstlight.model import Level, parse_level
from firstlight.model import Span as SpanRow
from firstlight.sdk.flow.front import Front
from firstlight.sdk.flow.plain import plain_fields
from firstlight.sdk.flow.site import Site
from firstlight.sdk.flow.troubles import Troubles
from firstlight.sdk.scope import Scope
from firstlight.sdk.tracing.context import current_span
from firstlight.sdk.tracing.ids import new_span_id, new_trace_id
from firstlight.sdk.tracing.spans import Span

NS_PER_S = 1_000_000_000
MAX_PLACES = 10_000
OTHER = "other"
_CONFIG_KEYS = ("enabled", "min_level", "sample_ratio")


class BySubsystem:
    """The calls of a recorder that take subsystem and component as arguments."""

    front: Front
    troubles: Troubles
    _places: dict[tuple[str, str, Level | str], FunctionType]

    def log_event(
        self,
        subsystem: str,
        component: str,
        event_type: str,
        level: Level | str = Level.INFO,
        data: Mapping[str, Any] | None = None,
        tick_id: int | None = None,
    ) -> None:
        """Record one event.

        Args:
            subsystem: first half of the scope.
            component: second half of the scope.
            event_type: what happened, such as ``zone_transition``.
            level: how loud.
            data: its attributes; copied, but not deeply.
            tick_id: number of the program's own round, the attribute ``tick_id``.
        """
        try:
            emit = self._places[subsystem, component, level]
        except (KeyError, TypeError):
            emit = self._place(str(subsystem), str(component), level)
        try:
            fields = dict(data) if data else {}
        except (TypeError, ValueError):
            self.troubles.misuse(f"data of {event_type!r} must be a mapping, not {type(data).__name__}")
            fields = {"data": data}
        if tick_id is not None:
            fields["tick_id"] = tick_id
        emit(event_type, fields)

    def performance(self, subsystem: str, component: str, operation: str, **metadata: Any) -> Span:
        """Make the span of an operation; ``add_metadata`` adds to it, and its end records duration and success."""
        return self.scope(_scope(subsystem, component)).span(operation, **metadata)

    def log_performance(
        self,
        subsystem: str,
        component: str,
        operation: str,
        duration_s: float,
        *,
        success: bool = True,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Record an operation that ended now and took ``duration_s`` seconds, as a span under the current one."""
        around = current_span()
        trace_id, parent_id = around.ids() if around is not None else (new_trace_id(), "")
        end_ns = self.front.now()
        row = SpanRow(end_ns, end_ns, str(operation), trace_id, new_span_id(), parent_id)
        try:
            row.start_ns = end_ns - max(0, round(duration_s * NS_PER_S))
            row.attributes = plain_fields(dict(data or {}))
        except (TypeError, ValueError, OverflowError):
            self.troubles.misuse(f"{operation!r} needs seconds and a mapping, not {duration_s!r} and {data!r:.80}")
        row.subsystem, row.component = str(subsystem), str(component)
        row.status = "unset" if success else "error"
        self.front.put(row)

    def integrate_subsystem(
        self, name: str, components: Iterable[str] = (), config: Mapping[str, Any] | None = None
    ) -> None:
        """Say how a subsystem is recorded.

        Args:
            name: the subsystem.
            components: its components, which then have their recorders ready.
            config: ``enabled`` switches all of it, ``min_level`` is the least level that is recorded, ``sample_ratio``
                the share of its events that is kept.

        Raises:
            UsageError: the configuration has another key or a wrong value.
        """
        given = dict(config or {})
        if unknown := sorted(given.keys() - set(_CONFIG_KEYS)):
            raise UsageError(
                f"subsystem {name!r}: no setting {', '.join(unknown)}; there are {', '.join(_CONFIG_KEYS)}"
            )
        level = given.get("min_level")
        if level is not None:
            self.set_level(parse_level(level) if isinstance(level, str) else Level(level), name)
        if (ratio := given.get("sample_ratio")) is not None:
            self.set_ratio(name, _ratio(name, ratio))
        self.switch(name, on=bool(given.get("enabled", True)))
        for component in components:
            self.scope(_scope(name, component))

    def scope(self, name: str) -> Scope:
        """Return the recorder of "subsystem.component"."""
        raise NotImplementedError

    def set_level(self, level: Level, scope: str = "") -> None:
        """Record from ``level`` up in ``scope``."""
        raise NotImplementedError

    def set_ratio(self, key: str, ratio: float) -> None:
        """Keep that share of the events."""
        raise NotImplementedError

    def switch(self, scope: str, *, on: bool) -> None:
        """Record in ``scope`` or not."""
        raise NotImplementedError

    def emitter(self, site: Site) -> FunctionType:
        """Return the function that records events of ``site`` with their fields in a dict."""
        raise NotImplementedError

    def _place(self, subsystem: str, component: str, level: Level | str) -> FunctionType:
        try:
            known = parse_level(level) if isinstance(level, str) else Level(level)
        except (UsageError, ValueError):
            self.troubles.misuse(f"no level {level!r}; recorded as info")
            known = Level.INFO
        if len(self._places) >= MAX_PLACES:
            self.troubles.misuse("too many subsystems and components; further ones are recorded as 'other'")
            subsystem, component = OTHER, ""
        emit = self._places.get((subsystem, component, known))
        if emit is None:
            emit = self._places[subsystem, component, known] = self.emitter(
                Site.of_subsystem(subsystem, component, known)
            )
        if level is not known and subsystem is not OTHER:
            self._places[subsystem, component, level] = emit
        return emit


def _scope(subsystem: str, component: str) -> str:
    return f"{subsystem}.{component}" if component else subsystem


def _ratio(name: str, ratio: Any) -> float:
    try:
        if 0 <= ratio <= 1:
            return float(ratio)
    except TypeError:
        pass
    raise UsageError(f"subsystem {name!r}: sample_ratio must be between 0 and 1, not {ratio!r}")
