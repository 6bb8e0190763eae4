"""Where in the source a record comes from: what is known before any call."""

from collections.abc import Callable
from typing import Any


class Site:
    """One kind of call: a scope, a level and, for declared events, the name and fields.

    Attributes:
        scope: "subsystem.component" as the host wrote it.
        level: OTLP severity number.
        name: of a declared event; empty when each call brings its own.
        fields: of a declared event; None when each call brings its own.
        has_body: whether a field called ``body`` is the human sentence.
        place: level, subsystem and component together.
        keeps_trace: tells whether the trace of a span from here is kept.
    """

    __slots__ = ("fields", "has_body", "keeps_trace", "level", "name", "place", "scope")

    def __init__(self, scope: str, level: int, name: str = "", fields: tuple[str, ...] | None = None) -> None:
        self.scope = scope
        subsystem, _, component = scope.partition(".")
        self.level = int(level)
        self.place = (self.level, subsystem, component)
        self.name = name
        self.fields = fields
        self.has_body = True
        self.keeps_trace: Callable[[Any], bool] = _always

    @property
    def subsystem(self) -> str:
        """First half of the scope."""
        return self.place[1]

    @property
    def component(self) -> str:
        """Second half of the scope."""
        return self.place[2]

    @classmethod
    def of_subsystem(cls, subsystem: str, component: str, level: int) -> "Site":
        """Return the place of ``log_event`` calls: every field of theirs is data."""
        site = cls(f"{subsystem}.{component}" if component else subsystem, level)
        site.place, site.has_body = (site.level, subsystem, component), False
        return site


def _always(_: Any) -> bool:
    return True
