"""What was measured, at one moment."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from firstlight.codecs.prometheus_families import Reading
from firstlight.codecs.prometheus_text import format_value
from firstlight.model import Kind, Series
from firstlight.sdk.metrics.instruments import Instrument

NS_PER_S = 1_000_000_000


class State(NamedTuple):
    """One line of a metric.

    Attributes:
        labels: its labels.
        kind: ``counter``, ``gauge`` or ``histogram``.
        value: a number; of a histogram a dict of ``count``, ``sum`` and ``buckets`` (cumulative, by upper bound).
    """

    labels: dict[str, str]
    kind: Kind
    value: Any


class Snapshot(NamedTuple):
    """Everything that a collector knows.

    Attributes:
        time_ns: when it was taken.
        metrics: the lines of each metric; none for one with label names of which none was used.
        several: the metrics that may have several lines.
        events_count: events recorded since the collector was made.
        events_dropped: those of them that are no longer held.
        running: whether it collects at intervals.
    """

    time_ns: int
    metrics: Mapping[str, Sequence[State]]
    several: frozenset[str]
    events_count: int
    events_dropped: int
    running: bool

    def plain(self) -> dict[str, Any]:
        """Return what JSON can hold, in the shape of the UtilityFog telemetry document (004, "JSON Format").

        A metric is ``{"value", "labels", "timestamp"}``; one that may have several lines is a list of such.
        """
        time_s = self.time_ns / NS_PER_S
        return {
            "timestamp": time_s,
            "metrics": {name: self._shown(name, states, time_s) for name, states in self.metrics.items()},
            "events_count": self.events_count,
            "running": self.running,
        }

    def _shown(self, name: str, states: Sequence[State], time_s: float) -> Any:
        entries = [{"value": one.value, "labels": one.labels, "timestamp": time_s} for one in states]
        if name in self.several or len(entries) > 1:
            return entries
        # A gauge of a forked child has no value before it is set there.
        return entries[0] if entries else {"value": None, "labels": {}, "timestamp": time_s}


def state_of(line: Instrument) -> State | None:
    """Return what ``line`` has taken in; None when it has no value."""
    rows = list(line.rows())
    if not rows:
        return None
    kind, labels = line.definition.kind, dict(line.pairs or ())
    if kind is not Kind.HISTOGRAM:
        return State(labels, kind, number(rows[0][2]))
    found = {field: number(value) for field, _, value in rows}
    buckets = {extra[0][1]: number(value) for field, extra, value in rows if field == "bucket"}
    return State(labels, kind, {"count": found["count"], "sum": found["sum"], "buckets": buckets})


def readings_of(lines: Iterable[Instrument]) -> list[Reading]:
    """Return every value of ``lines`` for a format of Prometheus."""
    return [Reading(_series(line, field, extra), value) for line in lines for field, extra, value in line.rows()]


def number(value: float) -> int | float | str:
    """Return ``value`` as JSON can hold it: a whole number without a point, what is not finite as its name."""
    if value - value != 0.0:  # not finite
        return format_value(value)
    return int(value) if value.is_integer() else value


def _series(line: Instrument, field: str, extra: tuple[tuple[str, str], ...]) -> Series:
    what = line.definition
    labels = tuple(sorted((*(line.pairs or ()), *extra)))
    return Series(
        what.name, labels, scope=what.scope, field=field, kind=what.kind, unit=what.unit, description=what.help
    )
