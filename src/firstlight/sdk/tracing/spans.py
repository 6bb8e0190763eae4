"""A piece of work with a beginning and an end, as the host holds it."""

from collections.abc import Callable
from threading import Lock
from types import TracebackType
from typing import Any, ClassVar, ParamSpec, Self, TypeVar

from firstlight.model import SpanEvent, SpanLink
from firstlight.sdk.flow.site import Site
from firstlight.sdk.tracing.ids import new_span_id, new_trace_id
from firstlight.sdk.tracing.remote import RemoteSpan

P = ParamSpec("P")
R = TypeVar("R")


class Fate:
    """What is rarely needed of a span: another kind, an error, moments inside it, links."""

    __slots__ = ("events", "kind", "links", "message", "status")

    def __init__(self) -> None:
        self.kind = "internal"
        self.status = "unset"
        self.message = ""
        self.events: list[SpanEvent] = []
        self.links: list[SpanLink] = []


class Span:
    """Opened by ``with``; what is recorded when it ends is this object itself.

    It also decorates functions of all sorts: each call is then a span of its own.  A generator's span is current while
    its body runs, and ends with it.

    Attributes:
        name: the operation.
        attributes: plain JSON values; add more while it is open with :meth:`set`.
        start_ns: when it was entered.
        end_ns: when it was left.
        parent: the span around it, here or in another process.
    """

    naming: ClassVar[Lock] = Lock()

    __slots__ = ("_fate", "_ids", "attributes", "end_ns", "name", "parent", "site", "start_ns")

    parent: "Span | RemoteSpan | None"
    start_ns: int
    end_ns: int

    def __init__(self, site: Site, name: str, /, **attributes: Any) -> None:
        self.site = site
        self.name = name
        self.attributes = attributes
        self.parent = None
        self._fate: Fate | None = None
        self._ids: tuple[str, str] | None = None

    def __enter__(self) -> Self:
        raise NotImplementedError

    def _now(self) -> int:
        raise NotImplementedError

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        raise NotImplementedError

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Wrap ``function`` so that each call of it is a span like this one."""
        # Here, because most programs decorate nothing.
        from firstlight.sdk.tracing.decorate import decorated

        kind, site, name, attributes, fate = type(self), self.site, self.name, self.attributes, self._fate

        def again() -> Span:
            opened = kind(site, name, **attributes)
            if fate is not None:
                opened.fate().kind = fate.kind
            return opened

        return decorated(function, again)

    @property
    def trace_id(self) -> str:
        """32 lower-case hex digits, shared by all spans of a trace."""
        return self.ids()[0]

    @property
    def span_id(self) -> str:
        """16 lower-case hex digits."""
        return self.ids()[1]

    def ids(self) -> tuple[str, str]:
        """Return trace id and span id, made up when they are first asked for."""
        if self._ids is None:
            around = self.parent.ids()[0] if self.parent is not None else new_trace_id()
            with Span.naming:
                if self._ids is None:
                    self._ids = (around, new_span_id())
        return self._ids

    def set(self, **attributes: Any) -> None:
        """Add attributes."""
        self.attributes.update(attributes)

    def add_metadata(self, key: str, value: Any) -> None:
        """Add one attribute."""
        self.attributes[key] = value

    def event(self, name: str, /, **attributes: Any) -> None:
        """Note a moment inside the span."""
        self.fate().events.append(SpanEvent(self._now(), name, attributes))

    def fail(self, message: str) -> None:
        """Mark the span as failed without raising."""
        fate = self.fate()
        fate.status = "error"
        fate.message = message

    def fate(self) -> Fate:
        """Return the span's error state and moments, made when first asked for."""
        if self._fate is None:
            self._fate = Fate()
        return self._fate

    def outcome(self) -> Fate | None:
        """Return what was noted, or None for the usual uneventful span."""
        return self._fate

    def _raised(self, error: BaseException) -> None:
        if isinstance(error, GeneratorExit):
            # Whoever stops reading a generator early has not failed.
            return
        kind = type(error).__qualname__
        try:
            message = str(error)
        except Exception:  # noqa: BLE001
            # An exception's own __str__ is the host's code; it must not hide the host's error.
            message = "<unprintable>"
        self.fail(f"{kind}: {message}")
        attributes = {"exception.type": kind, "exception.message": message}
        self.fate().events.append(SpanEvent(self.end_ns, "exception", attributes))
