"""The hot path: the one list, and the closures that append to it.

A call appends one tuple: ``(time_ns, site, span, thread_id, name, fields)``, or with the values instead of the
last two for a declared event; an ended span is appended itself.  The list is never replaced, and the drain takes
``records[:n]`` and then deletes it, so no lock is needed, nothing is lost and the order stays.

The closures share a cell, ``append``: putting another function in it changes all of them at once, those that the host
keeps in variables of its own included.  For the same reason a level is silenced by exchanging the code of its
functions, not the functions.
"""

from _thread import get_ident
from collections.abc import Callable
from threading import Lock
from types import CodeType, FunctionType, TracebackType
from typing import Any, NamedTuple, Protocol, Self, cast

from firstlight.ports import Clock
from firstlight.sdk.flow.gates import Put, rows_of
from firstlight.sdk.flow.ledger import Ledger
from firstlight.sdk.flow.site import Site
from firstlight.sdk.tracing.context import CURRENT
from firstlight.sdk.tracing.remote import RemoteSpan
from firstlight.sdk.tracing.spans import Span

Rewire = Callable[[Put, Clock], None]
LeadSpan = Callable[[Site, str, dict[str, Any], Span | RemoteSpan], Span]


class Emit(Protocol):
    """Records one event; see ``__call__``."""

    def __call__(self, name: str, /, **fields: Any) -> None:
        """Record the event ``name``.

        The field ``body`` is the human sentence, the others are attributes.  Values are looked at up to a
        half of a second later, so hand over what will not change.
        """


class Declared(Protocol):
    """Records one event whose name and fields were declared."""

    def __call__(self, *values: Any) -> None:
        """Record the event with these values, in the order of its fields."""


class OpenSpan(Protocol):
    """Makes spans."""

    def __call__(self, name: str, /, **attributes: Any) -> Span:
        """Make a span called ``name``; use it with ``with`` or as a decorator."""


class Tap:
    """One emitting function, loud or mute.

    Attributes:
        function: what the host calls.
        scope: what it records for.
    """

    __slots__ = ("_level", "_loud", "_mute", "function", "scope")

    def __init__(self, site: Site, function: FunctionType, silence: CodeType) -> None:
        self.function = function
        self.scope = site.scope
        self._level = site.level
        self._loud = function.__code__
        # A function takes code only for as many closed-over variables as it has.
        self._mute = silence.replace(co_freevars=self._loud.co_freevars)

    def listen(self, threshold: int) -> None:
        """Record from level ``threshold`` up; below it the function does nothing."""
        self.function.__code__ = self._loud if self._level >= threshold else self._mute


class Front:
    """The list and what feeds it.

    Args:
        now: where times come from.

    Attributes:
        records: what was recorded since the last drain.
        now: where times come from.
        emitter: makes the function behind ``log.info`` and its like.
        declared: makes the function behind a declared event.
        fielded: makes the function behind ``log_event``.
        opener: makes the function behind ``log.span``.
        lead: makes a span with a given parent.
    """

    def __init__(self, now: Clock) -> None:
        self.records: list[Any] = []
        # Appending needs no lock, but two who take from the front would take too much.
        self._guard = Lock()
        self.now = now
        self._put: Put = self.records.append
        self.emitter, self.declared, self.fielded, self._rewire_events = _event_closures(self._put, now)
        self.opener, self.lead, self._rewire_spans = _span_closures(self._put, now)

    def gate(self, put: Put) -> None:
        """Hand every record to ``put`` from now on."""
        self._put = put
        self._rewire()

    def put(self, record: Any) -> None:
        """Record something that is made already: a row of the model."""
        self._put(record)

    def clock(self, now: Clock) -> None:
        """Take times from ``now``."""
        self.now = now
        self._rewire()

    def take(self) -> list[Any]:
        """Remove and return all that is there; appends that happen meanwhile stay for the next time."""
        with self._guard:
            return self._take(len(self.records))

    def trim(self, most: int, ledger: Ledger) -> None:
        """Drop and count the oldest records beyond ``most``."""
        with self._guard:
            lost = self._take(max(0, len(self.records) - most))
        if lost:
            rows = rows_of(lost)
            ledger.recorded(rows)
            ledger.dropped("front_full", rows)

    def discard(self, unwanted: Callable[[Any], bool]) -> list[Any]:
        """Remove and return the records that are ``unwanted``."""
        with self._guard:
            taken = self._take(len(self.records))
            self.records[:0] = [record for record in taken if not unwanted(record)]
        return [record for record in taken if unwanted(record)]

    def restart(self) -> None:
        """Forget the records, with a lock of our own, as a forked child does."""
        self._guard = Lock()
        self.records.clear()

    def _take(self, n: int) -> list[Any]:
        records = self.records
        taken = records[:n]
        del records[:n]
        return taken

    def _rewire(self) -> None:
        self._rewire_events(self._put, self.now)
        self._rewire_spans(self._put, self.now)


class _Led(Span):
    """Mixed into a live span, it keeps the parent that was given to it."""

    __slots__ = ("_around",)

    def __enter__(self) -> Self:
        parent = self.parent
        super().__enter__()
        self._around, self.parent = cast("Span | None", self.parent), parent
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        super().__exit__(kind, error, at)
        CURRENT.set(self._around)


class _EventClosures(NamedTuple):
    emitter: Callable[[Site], Tap]
    declared: Callable[[Site], Tap]
    fielded: Callable[[Site], Tap]
    rewire: Rewire


def _event_closures(append: Put, now: Clock) -> _EventClosures:
    current, thread = CURRENT.get, get_ident

    def emitter(site: Site) -> Tap:
        def emit(name: str, /, **fields: Any) -> None:
            append((now(), site, current(), thread(), name, fields))

        return Tap(site, cast("FunctionType", emit), _silent_emit.__code__)

    def declared(site: Site) -> Tap:
        def emit(*values: Any) -> None:
            append((now(), site, current(), thread(), *values))

        return Tap(site, cast("FunctionType", emit), _silent_declared.__code__)

    def fielded(site: Site) -> Tap:
        def emit(name: str, fields: dict[str, Any], /) -> None:
            append((now(), site, current(), thread(), name, fields))

        return Tap(site, cast("FunctionType", emit), _silent_fielded.__code__)

    def rewire(put: Put, clock: Clock) -> None:
        nonlocal append, now
        append, now = put, clock

    return _EventClosures(emitter, declared, fielded, rewire)


def _span_closures(append: Put, now: Clock) -> tuple[Callable[[Site], OpenSpan], LeadSpan, Rewire]:
    current, enter = CURRENT.get, CURRENT.set

    class LiveSpan(Span):
        __slots__ = ()

        def __enter__(self) -> Self:
            self.parent = current()
            enter(self)
            self.start_ns = now()
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
        ) -> None:
            self.end_ns = now()
            enter(self.parent)  # type: ignore[arg-type]  # a remote parent is put right by LedSpan
            if error is not None:
                self._raised(error)
            append(self)

        def _now(self) -> int:
            return now()

    class LedSpan(_Led, LiveSpan):
        __slots__ = ()

    make = LiveSpan.__new__

    def opener(site: Site) -> OpenSpan:
        def span(name: str, /, **attributes: Any) -> Span:
            # Spares the detour through the type's __call__ and __init__, a fifth of a span's cost.
            opened = make(LiveSpan)
            opened.site = site
            opened.name = name
            opened.attributes = attributes
            opened.parent = None
            opened._fate = None  # noqa: SLF001
            opened._ids = None  # noqa: SLF001
            return opened

        return span

    def lead(site: Site, name: str, attributes: dict[str, Any], parent: Span | RemoteSpan) -> Span:
        opened = LedSpan(site, name, **attributes)
        opened.parent = parent
        return opened

    def rewire(put: Put, clock: Clock) -> None:
        nonlocal append, now
        append, now = put, clock

    return opener, lead, rewire


def _silent_emit(name: str, /, **fields: Any) -> None:
    """Lend its code to emitters below their level."""


def _silent_declared(*values: Any) -> None:
    """Lend its code to declared events below their level."""


def _silent_fielded(name: str, fields: dict[str, Any], /) -> None:
    """Lend its code to ``log_event`` below its level."""
