"""The recorder as a whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock, RLock
from time import monotonic, time_ns
from types import FunctionType
from typing import Any, Self

from firstlight.model import Event, Level, Resource
from firstlight.model import Span as SpanRow
from firstlight.ports import Clock
from firstlight.sdk.delivery import Delivery, Limits
from firstlight.sdk.flow import fork
from firstlight.sdk.flow.clock import sound
from firstlight.sdk.flow.convert import Converter
from firstlight.sdk.flow.drain import Drain, Pace, Stages, Target, rest_s
from firstlight.sdk.flow.ending import Ending
from firstlight.sdk.flow.front import Front
from firstlight.sdk.flow.gates import is_event, rows_of
from firstlight.sdk.flow.ledger import Counts, Ledger
from firstlight.sdk.flow.levels import Levels
from firstlight.sdk.flow.outbox import Outbox
from firstlight.sdk.flow.sieve import Sieve
from firstlight.sdk.flow.sink import Sink
from firstlight.sdk.flow.site import Site
from firstlight.sdk.flow.troubles import Troubles
from firstlight.sdk.metrics.instruments import AnyInstrument, Definition
from firstlight.sdk.metrics.registry import Registry
from firstlight.sdk.metrics.report import Reporter
from firstlight.sdk.metrics.span_seconds import SpanSeconds
from firstlight.sdk.redaction.stage import Redaction
from firstlight.sdk.scope import Scope
from firstlight.sdk.subsystems import BySubsystem
from firstlight.sdk.tracing.spans import Span
from firstlight.sdk.volume import Volume

__all__ = ["Delivery", "Limits", "Telemetry"]

GRACE_S = 1.0
MAX_SCOPES = 10_000
MANY_SCOPES = "other_scopes"

_Route = tuple[Sink | None, Resource | None, Delivery | None]


class Telemetry(BySubsystem):
    """Records events, spans and metrics of this process and delivers them.

    Scopes, instruments and spans work from the start and for ever.  Without :meth:`deliver` records go to ``fallback``,
    but not within the first second, so that a program can say where before its first record leaves.  As a context
    manager it is shut down at the end of the block.

    Args:
        fallback: where records go when nobody says.
        limits: see :class:`Limits`.
        level: least level that is recorded.
        now: where times come from.
        raise_errors: raise misuse and faults (the latter from :meth:`flush`); None means only where pytest runs.
    """

    _delivery: Delivery | None
    _sink: Sink | None
    _resource: Resource | None
    _drain: Drain
    is_started: bool
    _closed: bool
    _ended: bool

    def __init__(
        self,
        fallback: Delivery,
        limits: Limits | None = None,
        *,
        level: Level = Level.INFO,
        now: Clock = time_ns,
        raise_errors: bool | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.ledger = Ledger()
        self.troubles = Troubles(self.ledger, raise_errors)
        self.front = Front(sound(now, self.troubles))
        self.registry = Registry(self._now, self.ledger, self.troubles, self.limits.lines)
        self._converter = Converter(self.ledger, self.troubles, SpanSeconds(self.registry, self.troubles).observe)
        self._reporter = Reporter(self.registry, self.ledger)
        self.sieve = Sieve(self.ledger)
        self.registry.keeps_trace = self.sieve.keeps_trace
        self.redaction = Redaction(self.ledger, self.troubles)
        self.volume = Volume()
        self._fallback = fallback
        self._delivery = None
        self._lock = RLock()
        self._scopes: dict[str, Scope] = {}
        self._declared: dict[tuple[Any, ...], FunctionType] = {}
        self.levels = Levels(level)
        self._places = {}
        self._abandoned: list[Sink] = []
        self._begin()
        root = self.scope("")
        self.event, self.exception, self.declare = root.event, root.exception, root.declare
        self.span, self.make_span = root.span, root.make_span
        self.counter, self.up_down_counter, self.gauge = root.counter, root.up_down_counter, root.gauge
        self.histogram, self.exponential_histogram = root.histogram, root.exponential_histogram
        self.summary, self.facts, self.enumeration = root.summary, root.facts, root.enumeration
        self.observe_counter, self.observe_gauge = root.observe_counter, root.observe_gauge
        self.observe_up_down_counter = root.observe_up_down_counter
        fork.watch(self)

    def scope(self, name: str) -> Scope:
        """Return the recorder of "subsystem.component", the same one each time."""
        with self._lock:
            found = self._scopes.get(name)
            if found is None and len(self._scopes) >= MAX_SCOPES:
                self.troubles.misuse(f"too many scopes; {name!r} and further ones are recorded as {MANY_SCOPES!r}")
                name = MANY_SCOPES
                found = self._scopes.get(name)
            if found is None:
                found = self._scopes[name] = Scope(self, name)
            return found

    def deliver(self, delivery: Delivery, limits: Limits | None = None) -> None:
        """Deliver there from now on; what was recorded before still goes where it was meant to go, if anywhere."""
        with self._drain.lock:
            known = self._delivery is not None
        if known:
            self._drain.tick(urgent=True)
        with self._drain.lock:
            old, self._sink, self._delivery = self._sink, None, delivery
        if limits is not None:
            self.set_limits(limits)
        if old is not None:
            old.close(self.limits.exit_s)
        if self._closed:
            self._drain.stop()
            self._begin()

    @contextmanager
    def diverted(self, delivery: Delivery) -> Iterator[None]:
        """Deliver what is recorded inside elsewhere; what was recorded before waits or goes its own way."""
        self._start()
        self._drain.tick()
        with self._drain.lock:
            waiting = self.front.take()
            before = self._route((None, None, delivery))
        try:
            yield
        finally:
            self._drain.tick(urgent=True)
            with self._drain.lock:
                inside, _, _ = self._route(before)
                self.front.records[:0] = waiting
            if inside is not None:
                inside.close(self.limits.exit_s)

    def set_volume(self, volume: Volume) -> None:
        """Bound the amount of what is recorded by ``volume`` from now on."""
        with self._drain.lock:
            self.volume = volume
            self._drain.bound(self._pace())
            if self.is_started:
                self._drain.open()

    def set_ratio(self, key: str, ratio: float) -> None:
        """Keep that share of the events of a scope (and below it) or, as ``scope:name``, of one event."""
        self.set_volume(replace(self.volume, event_ratios={**self.volume.event_ratios, key: ratio}))

    def set_level(self, level: Level, scope: str = "") -> None:
        """Record from ``level`` up in ``scope`` and below it; the longest scope that fits decides."""
        self.levels.set(level, scope)

    def switch(self, scope: str, *, on: bool) -> None:
        """Record nothing in ``scope`` and below it, or as the levels say again."""
        # What was recorded before is judged as things were then.
        self._drain.tick()
        with self._drain.lock:
            lost = rows_of(self.front.discard(self.sieve.is_silent))
            self.ledger.recorded(lost)
            self.ledger.dropped("filtered", lost)
            self.levels.switch(scope, on=on)
            self.sieve.silence(self.levels.off)

    def threshold(self, scope: str) -> int:
        """Return the least level that is recorded in ``scope``."""
        return self.levels.threshold(scope)

    def declared(self, site: Site) -> FunctionType:
        """Return the function that records a declared event, the same one for the same declaration."""
        key = (site.scope, site.level, site.name, site.fields)
        with self._lock:
            found = self._declared.get(key)
            if found is None:
                found = self._declared[key] = self.levels.tapped(self.front.declared(site))
            return found

    def emitter(self, site: Site) -> FunctionType:
        """Return the function that records events of ``site`` with their fields in a dict."""
        return self.levels.tapped(self.front.fielded(site))

    def hand_over(self, *rows: Event | SpanRow) -> None:
        """Record what another recorder made: events and ended spans, which the caller gives away."""
        for row in rows:
            self.front.put(row)

    def instrument(self, make: type[AnyInstrument], definition: Definition) -> AnyInstrument:
        """Return the instrument of ``definition``; see :meth:`Registry.register`."""
        made = self.registry.register(make, definition)
        self._start()
        return made

    def start(self) -> Self:
        """Begin to deliver, after a shutdown again; recording alone starts it too."""
        if self._closed and self._delivery is not None:
            self.deliver(self._delivery)
        self._start()
        return self

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Do the same as :meth:`shutdown`."""
        return self.shutdown(timeout_s)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.shutdown(self.limits.exit_s)

    def set_limits(self, limits: Limits) -> None:
        """Keep within ``limits`` from now on; ``lines`` is for metrics that are made later."""
        with self._drain.lock:
            self.limits = limits
            self._drain.bound(self._pace())
            if self._sink is not None:
                self._sink.outbox.bound(limits.queue_rows, rest_s(limits.linger_s))

    def counts(self) -> Counts:
        """Return what became of everything that was recorded."""
        return self.ledger.counts()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Deliver everything recorded so far and the state of all instruments; return whether it was done in time."""
        if not self.is_started:
            return True
        self._drain.tick(urgent=True)
        sink = self._sink
        done = sink is None or sink.flush(timeout_s)
        self.troubles.raise_kept()
        return done

    def shutdown(self, timeout_s: float = 5.0) -> bool:
        """Deliver everything and end; later records are dropped and counted.  Return whether all was delivered."""
        with self._lock:
            was_started, self.is_started, self._closed = self.is_started, False, True
            if was_started:
                self._ending.begin()
        self.front.gate(self._late)
        fork.disarm_exit(self)
        if not was_started:
            return self._ending.wait(timeout_s)
        try:
            done = self._deliver_last(timeout_s)
        finally:
            self._ending.finish()
        self.troubles.raise_kept()
        return done

    def exit(self) -> None:
        """Deliver everything because the process ends."""
        self.shutdown(self.limits.exit_s)

    def before_fork(self) -> None:
        """Hold still, so that the child gets whole instruments."""
        self._drain.lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._drain.lock.release()

    def after_fork_in_child(self) -> None:
        """Begin anew: what was recorded before is the parent's to deliver."""
        if self._sink is not None:
            # Kept, because closing what it holds would disturb the parent's connection or files.
            self._abandoned.append(self._sink)
        self._drain.abandon()
        had_lines = bool(self.registry.restart())
        self._lock = RLock()
        self.levels.restart()
        self.redaction.restart()
        Span.naming = Lock()
        self.front.restart()
        self.ledger.restart()
        self.troubles.restart()
        closed = self._closed
        self._begin()
        if closed:
            self._closed = self._ended = True
            self.front.gate(self._late)
        elif had_lines:
            self._start()

    def _deliver_last(self, timeout_s: float) -> bool:
        self._drain.tick(urgent=True)
        with self._drain.lock:
            self.sieve.close()
            sink, self._sink = self._sink, None
            self._ended = True
            # The host still holds its instruments, so what they collect must still be folded.
            self._drain.slow_down()
        return sink is None or sink.close(timeout_s)

    def _begin(self) -> None:
        self._ending = Ending()
        self._sink = None
        self._resource = None
        self.is_started = False
        self._closed = self._ended = False
        self._grace_ends_s = monotonic() + GRACE_S
        stages = Stages(
            self.front,
            self.sieve,
            self.registry,
            self._converter,
            self.redaction,
            self._reporter,
            self.ledger,
            self.troubles,
        )
        self._drain = Drain(stages, self._target, self._pace(), self._spent_ns, self._own_threads)
        self.front.gate(self._first)

    def _pace(self) -> Pace:
        return Pace(self.limits.high_water, self.limits.linger_s, self.limits.report_interval_s, self.volume)

    def _spent_ns(self) -> int:
        return self._sink.spent_ns if self._sink is not None else 0

    def _own_threads(self) -> set[int]:
        threads = (self._drain.thread, self._sink.thread if self._sink is not None else None)
        return {thread.ident for thread in threads if thread is not None and thread.ident is not None}

    def _route(self, route: _Route) -> _Route:
        """Send batches along ``route``; return the one before.  Held under the drain's lock."""
        before = self._sink, self._resource, self._delivery
        self._sink, self._resource, self._delivery = route
        return before

    def _first(self, record: Any) -> None:
        self.front.records.append(record)
        self._start()

    def _start(self) -> None:
        with self._lock:
            if self.is_started or self._closed:
                return
            self.is_started = True
            self._grace_ends_s = monotonic() + GRACE_S
            self._drain.open()
            fork.arm_exit(self)
            self._drain.start()

    def _target(self, urgent: bool) -> Target | None:
        if self._ended:
            return None
        delivery = self._delivery
        if delivery is None:
            if not urgent and monotonic() < self._grace_ends_s:
                return None
            delivery = self._delivery = self._fallback
        if self._sink is None:
            outbox = Outbox(self.limits.queue_rows, rest_s(self.limits.linger_s), self.ledger)
            self._resource = self._described(delivery)
            self._sink = Sink(outbox, delivery.exporter, self.ledger, self.troubles, self._drain.tend)
            self._sink.start()
        assert self._resource is not None
        return Target(self._resource, self._sink.outbox)

    def _described(self, delivery: Delivery) -> Resource:
        try:
            return delivery.resource()
        except Exception as error:  # noqa: BLE001 - whoever sends, what was recorded must go out
            self.troubles.internal("the sender could not be described", error)
            return Resource()

    def _late(self, record: Any) -> None:
        (self.ledger.late_events if is_event(record) else self.ledger.late_spans).hit()

    def _now(self) -> int:
        return self.front.now()
