"""Measures, events, and a look at all of them every so often."""

from collections.abc import Mapping, Sequence
from itertools import count
from threading import Lock
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from firstlight.app.collector.hooks import EVENT, METRIC_REGISTERED, POST_COLLECTION, PRE_COLLECTION, Callback, Hooks
from firstlight.app.collector.recorded import MAX_EVENTS, RecordedEvent, RecordedEvents
from firstlight.app.collector.snapshot import Snapshot, State, readings_of, state_of
from firstlight.app.collector.turns import Turns
from firstlight.app.telemetry import get
from firstlight.codecs.prometheus_families import Reading
from firstlight.model import Kind
from firstlight.sdk.client import Telemetry
from firstlight.sdk.metrics.histogram import DEFAULT_BOUNDS_S, Histogram
from firstlight.sdk.metrics.instruments import AnyInstrument, Counter, Gauge, Instrument
from firstlight.store.forks import restart_in_children

COLLECTION_INTERVAL_S = 30.0
SCOPE = "collector"

Labels = Mapping[str, str] | Sequence[str] | None
"""Names of labels, or labels with their values."""

_taken: "WeakKeyDictionary[Telemetry, count[int]]" = WeakKeyDictionary()
_taking = Lock()


class Collector:
    """Registers metrics, records events, and collects every ``collection_interval_s`` with hooks before and after.

    To collect is to take in what the instruments were given and to say how that went, in metrics of its own:
    ``telemetry_collection_runs_total``, ``telemetry_collection_duration_seconds`` (of the last run),
    ``telemetry_metrics_count`` and ``telemetry_events_total``.  Everything may be used from any thread.

    Args:
        collection_interval_s: seconds from one collection to the next.
        telemetry: whose instruments the metrics are; this process's own recorder when None.
        scope: of the metrics; another one for each collector when None, so that two of them do not mix.
        max_events: events that are held; the oldest give way.
        hook_timeout_s: an asynchronous hook that is still not done then is given up.

    Raises:
        UsageError: the interval is not above zero.

    Attributes:
        telemetry: the recorder.
        scope: of the metrics and events.
        hooks: see :meth:`add_hook`.
    """

    def __init__(
        self,
        collection_interval_s: float = COLLECTION_INTERVAL_S,
        *,
        telemetry: Telemetry | None = None,
        scope: str | None = None,
        max_events: int = MAX_EVENTS,
        hook_timeout_s: float = 10.0,
    ) -> None:
        self.telemetry = telemetry or get()
        self.scope = scope or _own_scope(self.telemetry)
        self.hooks = Hooks(self.telemetry.troubles, hook_timeout_s)
        self._recorder = self.telemetry.scope(self.scope)
        self._events = RecordedEvents(max_events)
        self._lock = Lock()
        self._metrics: dict[str, Instrument] = {}
        self._turns = Turns("firstlight-collector", collection_interval_s, self.collect, self._failed)
        self._runs = self.register_counter("telemetry_collection_runs_total", "Collections so far")
        self._duration = self.register_gauge(
            "telemetry_collection_duration_seconds", "Seconds that the last collection took, with its hooks"
        )
        self._registered = self.register_gauge("telemetry_metrics_count", "Metrics that are registered")
        self._recorded = self.register_counter("telemetry_events_total", "Events recorded so far")
        self._registered.set(len(self._metrics))
        restart_in_children(self)

    @property
    def collection_interval_s(self) -> float:
        """Seconds from one collection to the next; a change holds from the next one on."""
        return self._turns.interval_s

    @collection_interval_s.setter
    def collection_interval_s(self, interval_s: float) -> None:
        self._turns.interval_s = interval_s

    @property
    def running(self) -> bool:
        """Whether it collects at intervals."""
        return self._turns.running

    def register_counter(self, name: str, description: str = "", labels: Labels = None) -> Counter:
        """Return the counter ``name``: ``inc()``, ``add(n)``.

        Args:
            name: what is counted, such as ``requests_total``.
            description: one line of help.
            labels: names, whose values are then given to ``.labels(...)``; or a mapping, whose line is returned.

        Raises:
            UsageError: the name is taken by another metric (the message names both places) or cannot be one.
        """
        made = self._recorder.counter(name, help=description, labels=_names(labels))
        return self._made(made, labels)

    def register_gauge(self, name: str, description: str = "", labels: Labels = None) -> Gauge:
        """Return the gauge ``name``, which begins at zero: ``set(v)``, ``inc(n)``, ``dec(n)``; see the counter."""
        made = self._made(self._recorder.gauge(name, help=description, labels=_names(labels)), labels)
        if made.pairs is not None:
            self.telemetry.registry.fold()
            if made.value() is None:
                made.set(0.0)
        return made

    def register_histogram(
        self, name: str, description: str = "", buckets: Sequence[float] | None = None, labels: Labels = None
    ) -> Histogram:
        """Return the histogram ``name``: ``observe(v)``; ``buckets`` are upper bounds, ascending; see the counter."""
        bounds = DEFAULT_BOUNDS_S if buckets is None else buckets
        made = self._recorder.histogram(name, unit="", help=description, labels=_names(labels), buckets=bounds)
        return self._made(made, labels)

    def get_metric(self, name: str) -> Instrument | None:
        """Return what was registered under ``name`` first; None when nothing was."""
        return self._metrics.get(name)

    def states(self, instrument: Instrument) -> list[State]:
        """Return the lines of ``instrument`` with everything recorded up to now."""
        self.telemetry.registry.fold()
        lines = [instrument] if instrument.pairs is not None else self._lines().get(instrument.definition.name, [])
        with self.telemetry.registry.folding:
            return [state for state in map(state_of, lines) if state is not None]

    def record_event(
        self,
        name: str,
        value: Any = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Record an event; hooks of type ``event`` get it as :class:`RecordedEvent` before this returns.

        The recorder gets it too, with ``value``, ``labels`` and ``metadata`` as its fields.

        Args:
            name: what happened.
            value: fields, or a single value; not copied.
            labels: what to tell it apart by.
            metadata: what else is known.
        """
        event = RecordedEvent(name, value, labels or {}, metadata or {}, self.telemetry.front.now())
        self._events.add(event)
        self._recorded.inc()
        fields = {"value": value, "labels": labels, "metadata": metadata}
        self._recorder.info(name, **{key: field for key, field in fields.items() if field is not None})
        self.hooks.call(EVENT, event, self._turns.loop)

    def events(self) -> list[RecordedEvent]:
        """Return the events that are held, oldest first."""
        return self._events.newest()

    def add_hook(self, hook_type: str, callback: Callback) -> None:
        """Call ``callback``, which may be asynchronous, from now on; one that fails is counted and stops nothing.

        Args:
            hook_type: ``pre_collection`` and ``post_collection`` get the collector; ``event`` the event, on the thread
                that records it; ``metric_registered`` the instrument.  ``on_`` may stand before each.
            callback: takes one argument.

        Raises:
            UsageError: there is no such type, or the callback cannot be called.
        """
        self.hooks.add(hook_type, callback)

    async def collect(self) -> None:
        """Collect once, now."""
        begun_s = monotonic()
        await self.hooks.run(PRE_COLLECTION, self)
        self.telemetry.registry.fold()
        await self.hooks.run(POST_COLLECTION, self)
        self._registered.set(len(self._metrics))
        self._duration.set(monotonic() - begun_s)
        self._runs.inc()

    async def start_collection(self) -> None:
        """Begin to collect on the running event loop and return; does nothing when it has begun."""
        await self._turns.start()

    async def stop_collection(self) -> None:
        """End that; a collection that is under way is cancelled.  It can be started again."""
        await self._turns.stop()

    def start(self) -> None:
        """Begin to collect on a thread of its own, for programs without an event loop."""
        self._turns.start_thread()

    def stop(self) -> None:
        """End that."""
        self._turns.stop_thread()

    def restart(self) -> None:
        """Begin anew in a forked child, where the metrics count from zero and nothing is collected yet."""
        self._lock = Lock()
        self._events.restart()
        self.hooks.restart()

    def get_snapshot(self) -> Snapshot:
        """Return everything as it is now, whether or not it is collected at intervals."""
        self.telemetry.registry.fold()
        found = self._lines()
        with self._lock:
            registered = self._metrics.copy()
        with self.telemetry.registry.folding:
            states = {name: [state_of(line) for line in found.get(name, ())] for name in registered}
        known = {name: [state for state in lines if state is not None] for name, lines in states.items()}
        several = frozenset(name for name, made in registered.items() if made.pairs is None)
        recorded, dropped = self._events.counts()
        return Snapshot(self.telemetry.front.now(), known, several, recorded, dropped, self.running)

    def readings(self) -> list[Reading]:
        """Return every value as it is now, for a format of Prometheus."""
        self.telemetry.registry.fold()
        with self.telemetry.registry.folding:
            return readings_of(line for lines in self._lines().values() for line in lines)

    def _made(self, made: AnyInstrument, labels: Labels) -> AnyInstrument:
        line = made.labels(**labels) if labels and isinstance(labels, Mapping) else made
        name = made.definition.name
        with self._lock:
            is_new = name not in self._metrics
            self._metrics.setdefault(name, line)
        if is_new:
            self.hooks.call(METRIC_REGISTERED, line, self._turns.loop)
        return line

    def _lines(self) -> dict[str, list[Instrument]]:
        """Return the lines of each metric of this collector, the shared one of a metric with too many included."""
        found: dict[str, list[Instrument]] = {}
        for line in self.telemetry.registry.lines():
            what = line.definition
            if what.scope == self.scope and what.name in self._metrics and what.kind is not Kind.SUMMARY:
                found.setdefault(what.name, []).append(line)
        return found

    def _failed(self, error: Exception) -> None:
        self.telemetry.troubles.internal("a collection failed", error)


def _names(labels: Labels) -> tuple[str, ...]:
    return tuple(labels or ())


def _own_scope(telemetry: Telemetry) -> str:
    with _taking:
        nth = next(_taken.setdefault(telemetry, count(1)))
    return SCOPE if nth == 1 else f"{SCOPE}.{nth}"
