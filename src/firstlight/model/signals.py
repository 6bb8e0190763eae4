"""What is recorded, and the batch that carries it from a sender to a store."""

from array import array
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from firstlight.model.level import Level
from firstlight.model.resource import Resource
from firstlight.model.series import Series

THREAD_ID = "thread.id"
"""OpenTelemetry's name of the attribute."""


class Event(msgspec.Struct, array_like=True, gc=False):
    """Something that happened; an OTLP log record.

    Attributes:
        time_ns: when.
        name: what, in the emitter's own words (``zone_transition``); may be empty for a plain log line.
        level: OTLP severity number 1..24.
        subsystem: first half of the scope.
        component: second half of the scope.
        body: the human sentence, if there is one.
        attributes: plain JSON values, bounded by whoever records.
        trace_id: 32 lower-case hex digits, or empty.
        span_id: 16 lower-case hex digits, or empty.
        thread_id: of the thread that recorded it, as Python's ``threading.get_ident`` has it; 0 when unknown.
    """

    time_ns: int
    name: str
    level: int = Level.INFO
    subsystem: str = ""
    component: str = ""
    body: str = ""
    attributes: dict[str, Any] = {}
    trace_id: str = ""
    span_id: str = ""
    thread_id: int = 0

    def described(self) -> dict[str, Any]:
        """Return the attributes with the thread among them, for formats that have no place of its own for it."""
        return {**self.attributes, THREAD_ID: self.thread_id} if self.thread_id else self.attributes


class EventColumns(NamedTuple):
    """Events column by column: what a recorder makes of many at once, and cheaper than rows.

    Attributes:
        times_ns: as in :class:`Event`, like the others.
        places: level, subsystem and component of each.
        names: what.
        attributes: plain JSON values.
        thread_ids: who.
        bodies: the sentences, or empty ones.
        trace_ids: likewise.
        span_ids: likewise.
    """

    times_ns: Sequence[int]
    places: Sequence[tuple[int, str, str]]
    names: Sequence[str]
    attributes: Sequence[dict[str, Any]]
    thread_ids: Sequence[int]
    bodies: Sequence[str]
    trace_ids: Sequence[str]
    span_ids: Sequence[str]

    @classmethod
    def of(cls, events: Sequence[Event]) -> "EventColumns":
        """Return the columns of ``events``, at least one."""
        return cls(*zip(*map(_cells, events), strict=True))

    def followed_by(self, other: "EventColumns") -> "EventColumns":
        """Return these and then those of ``other``."""
        joined: Iterator[list[Any]] = ([*ours, *theirs] for ours, theirs in zip(self, other, strict=True))
        return EventColumns(*joined)

    def rows(self) -> list[Event]:
        """Return rows, which share the attributes with these columns."""
        levels, subsystems, components = zip(*self.places, strict=True)
        scopes = (levels, subsystems, components)
        last = (self.bodies, self.attributes, self.trace_ids, self.span_ids, self.thread_ids)
        return list(map(Event, self.times_ns, self.names, *scopes, *last))


def _cells(event: Event) -> tuple[Any, ...]:
    place = (event.level, event.subsystem, event.component)
    attributes, thread_id, ids = event.attributes, event.thread_id, (event.trace_id, event.span_id)
    return event.time_ns, place, event.name, attributes, thread_id, event.body, *ids


class SpanEvent(msgspec.Struct, array_like=True, gc=False):
    """A moment inside a span."""

    time_ns: int
    name: str
    attributes: dict[str, Any] = {}


class SpanLink(msgspec.Struct, array_like=True, gc=False):
    """A pointer from a span to another one, perhaps of another trace."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any] = {}


class Span(msgspec.Struct, array_like=True, gc=False):
    """A piece of work with a beginning and an end.

    Attributes:
        start_ns: when it began.
        end_ns: when it ended; never before ``start_ns``.
        name: the operation.
        trace_id: 32 lower-case hex digits.
        span_id: 16 lower-case hex digits.
        parent_id: the enclosing span's id; empty for a root.
        kind: ``internal``, ``server``, ``client``, ``producer`` or ``consumer``.
        status: ``unset``, ``ok`` or ``error``.
        status_message: why, when it is an error.
    """

    start_ns: int
    end_ns: int
    name: str
    trace_id: str
    span_id: str
    parent_id: str = ""
    kind: str = "internal"
    status: str = "unset"
    status_message: str = ""
    subsystem: str = ""
    component: str = ""
    attributes: dict[str, Any] = {}
    events: list[SpanEvent] = []
    links: list[SpanLink] = []


Counts = Sequence[int | float]

CUSTOM_SCALE = -53
"""Prometheus' schema of histograms whose bounds are given one by one."""


class ExponentialPoint(msgspec.Struct, array_like=True, gc=False):
    """One point of a base-2 exponential histogram, cumulative, as OTLP has it, or of a native one of Prometheus.

    Bucket ``i`` of ``positive`` covers ``(base^(offset+i), base^(offset+i+1)]`` with ``base = 2 ** 2 ** -scale``.
    The series has ``field="value"`` and ``kind=histogram``.

    Attributes:
        count: of measurements; where the source computed fractions it is a float, and so may the other counts be.
        scale: or :data:`CUSTOM_SCALE`, with which bucket ``i`` covers ``(bounds[offset+i-1], bounds[offset+i]]``.
        min: None when unknown.
        max: None when unknown.
        bounds: upper bounds with custom buckets, ascending, without the infinite one.
        hint: what Prometheus knows of a reset since the point before: 0 nothing, 1 that there was one, 2 that there
            was none; 3 says that it is a gauge, which is not cumulative.
    """

    series_id: int
    time_ns: int
    count: int | float
    sum: float
    scale: int
    zero_count: int | float = 0
    zero_threshold: float = 0.0
    positive_offset: int = 0
    positive: Counts = []
    negative_offset: int = 0
    negative: Counts = []
    min: float | None = None
    max: float | None = None
    bounds: Sequence[float] = ()
    hint: int = 0

    def is_fractional(self) -> bool:
        """Return whether counts may be fractions."""
        return isinstance(self.count, float)


class Exemplar(msgspec.Struct, array_like=True, gc=False):
    """One of the values behind a sample, with the trace it was measured in.

    Attributes:
        series_id: of the sample: a counter's, a histogram's bucket or an exponential histogram's.
        time_ns: when it was measured.
        value: the single value.
        trace_id: 32 lower-case hex digits, or empty.
        span_id: 16 lower-case hex digits, or empty.
        labels: further ``(key, value)`` pairs, sorted by key.
    """

    series_id: int
    time_ns: int
    value: float
    trace_id: str = ""
    span_id: str = ""
    labels: tuple[tuple[str, str], ...] = ()


class Samples:
    """Columns of samples; row ``i`` is ``(series_ids[i], times_ns[i], values[i])``.

    Attributes:
        series_ids: signed 64-bit integers.
        times_ns: signed 64-bit integers.
        values: doubles, kept bit for bit.
    """

    __slots__ = ("series_ids", "times_ns", "values")

    def __init__(self) -> None:
        self.series_ids: array[int] = array("q")
        self.times_ns: array[int] = array("q")
        self.values: array[float] = array("d")

    def add(self, series_id: int, time_ns: int, value: float) -> None:
        """Append one row."""
        self.series_ids.append(series_id)
        self.times_ns.append(time_ns)
        self.values.append(value)

    def __len__(self) -> int:
        return len(self.values)


class Batch:
    """Signals of one sender, in memory between two stages.

    Attributes:
        resource: the sender of the events and spans (a series names its own).
        spans: ended ones.
        samples: columns of samples.
        exponential: points of exponential histograms.
        exemplars: values behind some of the samples; they come with them and are not rows of their own.
        series: the definition of every ``series_id`` that ``samples`` and ``exponential`` use.
    """

    __slots__ = ("_columns", "_events", "exemplars", "exponential", "resource", "samples", "series", "spans")

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self._events: list[Event] = []
        self._columns: EventColumns | None = None
        self.spans: list[Span] = []
        self.samples = Samples()
        self.exponential: list[ExponentialPoint] = []
        self.exemplars: list[Exemplar] = []
        self.series: dict[int, Series] = {}

    @property
    def events(self) -> list[Event]:
        """In the order they happened; made of the columns, where the batch came with those, when first asked for."""
        # Exporters may share the batch, each on a thread of its own: two make the same rows, and either will do.
        if (columns := self._columns) is not None:
            self._events = columns.rows()
            self._columns = None
        return self._events

    @events.setter
    def events(self, events: list[Event]) -> None:
        self._events, self._columns = events, None

    @property
    def columns(self) -> EventColumns | None:
        """The events as columns, until somebody asks for rows; None when there are only rows."""
        return self._columns

    @columns.setter
    def columns(self, columns: EventColumns) -> None:
        self._events, self._columns = [], columns

    def count_events(self) -> int:
        """Return how many there are, without making rows of columns."""
        columns = self._columns
        return len(self._events) if columns is None else len(columns.times_ns)

    def add_sample(self, series: Series, time_ns: int, value: float) -> None:
        """Append one sample and remember its series."""
        series_id = series.id()
        self.series[series_id] = series
        self.samples.add(series_id, time_ns, value)

    def __len__(self) -> int:
        """Rows of all kinds."""
        return self.count_events() + len(self.spans) + len(self.samples) + len(self.exponential)
