"""Where in the source a record comes from: what is known before any call."""


class Site:
    """One kind of call: a scope, a level and, for declared events, the name and fields.

    Attributes:
        scope: "subsystem.component" as the host wrote it.
        subsystem: the part before the first dot.
        component: the rest.
        level: OTLP severity number.
        name: of a declared event; empty when each call brings its own.
        fields: of a declared event; None when each call brings its own.
        has_body: whether a field called ``body`` is the human sentence.
    """

    __slots__ = ("component", "fields", "has_body", "level", "name", "scope", "subsystem")

    def __init__(self, scope: str, level: int, name: str = "", fields: tuple[str, ...] | None = None) -> None:
        self.scope = scope
        self.subsystem, _, self.component = scope.partition(".")
        self.level = int(level)
        self.name = name
        self.fields = fields
        self.has_body = True

    @classmethod
    def of_subsystem(cls, subsystem: str, component: str, level: int) -> "Site":
        """Return the place of ``log_event`` calls: every field of theirs is data."""
        site = cls(f"{subsystem}.{component}" if component else subsystem, level)
        site.subsystem, site.component, site.has_body = subsystem, component, False
        return site
