"""The hot path: the one list, and the closures that append to it.

A call appends one tuple, ``(time_ns, site, span, name, fields)`` or for a declared event ``(time_ns, site, span, values)``;
an ended span is appended itself.  The list is never replaced and the drain takes ``records[:n]`` and then deletes it, so
no lock is needed, nothing is lost and the order stays.  The closures of a front share one cell, ``append``: putting another
function in it changes all of them at once, those that the host keeps in variables of its own included.  For the same
reason a level is silenced by exchanging the code of its functions, not the functions.
"""

from collections.abc import Callable
from types import CodeType, FunctionType, TracebackType
from typing import Any, NamedTuple, Protocol, Self, cast

from firstlight.ports import Clock
from firstlight.sdk.context import CURRENT
from firstlight.sdk.site import Site
from firstlight.sdk.spans import Span

Put = Callable[[Any], object]


class Emit(Protocol):
    """Records one event called ``name``.

    The field ``body`` is the human sentence, the others are attributes.  Values are looked at up to a tick (50 ms) later,
    so hand over what will not change.
    """

    def __call__(self, name: str, /, **fields: Any) -> None: ...


class Declared(Protocol):
    """Records one event whose name and fields were declared; values go by position."""

    def __call__(self, *values: Any) -> None: ...


class Tap:
    """One emitting function and its two states."""

    __slots__ = ("function", "level", "loud", "mute", "scope")

    def __init__(self, site: Site, function: FunctionType, mute: CodeType) -> None:
        self.scope = site.scope
        self.level = site.level
        self.function = function
        self.loud = function.__code__
        self.mute = mute

    def listen(self, threshold: int) -> None:
        """Record from ``threshold`` up; below it the function does nothing."""
        self.function.__code__ = self.loud if self.level >= threshold else self.mute


class _Closures(NamedTuple):
    emitter: Callable[[Site], Tap]
    declared: Callable[[Site], Tap]
    span_class: type[Span]
    rewire: Callable[[Put, Clock], None]


class Front:
    """The list and what feeds it.

    Args:
        now: where times come from.

    Attributes:
        records: what was recorded since the last drain.
        emitter: makes the function behind ``log.info`` and its like.
        declared: makes the function behind a declared event.
        span_class: the class of this front's spans.
    """

    def __init__(self, now: Clock) -> None:
        self.records: list[Any] = []
        self.put: Put = self.records.append
        self.now = now
        self.emitter, self.declared, self.span_class, self._rewire = _closures(self.records, now)

    def gate(self, put: Put) -> None:
        """Hand every record to ``put`` from now on."""
        self.put = put
        self._rewire(put, self.now)

    def open(self) -> None:
        """Hand every record to the list."""
        self.gate(self.records.append)

    def clock(self, now: Clock) -> None:
        """Take times from ``now``."""
        self.now = now
        self._rewire(self.put, now)

    def take(self) -> list[Any]:
        """Remove and return all that is there; appends that happen meanwhile stay for the next time."""
        records = self.records
        n = len(records)
        taken = records[:n]
        del records[:n]
        return taken


def _closures(records: list[Any], now: Clock) -> _Closures:
    append: Put = records.append
    current = CURRENT.get
    enter = CURRENT.set

    def emitter(site: Site) -> Tap:
        def emit(name: str, /, **fields: Any) -> None:
            append((now(), site, current(), name, fields))

        # Code can only be exchanged for code that closes over the same variables, so the mute one mentions them.
        def mute(name: str, /, **fields: Any) -> None:  # noqa: ARG001
            if False:
                append, now, site, current

        return _tap(site, emit, mute)

    def declared(site: Site) -> Tap:
        def emit(*values: Any) -> None:
            append((now(), site, current(), values))

        def mute(*values: Any) -> None:  # noqa: ARG001
            if False:
                append, now, site, current

        return _tap(site, emit, mute)

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
            enter(self.parent)
            if error is not None:
                self._raised(error)
            append(self)

        def _now(self) -> int:
            return now()

    def rewire(put: Put, clock: Clock) -> None:
        nonlocal append, now
        append = put
        now = clock

    return _Closures(emitter, declared, LiveSpan, rewire)


def _tap(site: Site, emit: Callable[..., None], mute: Callable[..., None]) -> Tap:
    return Tap(site, cast("FunctionType", emit), cast("FunctionType", mute).__code__)
