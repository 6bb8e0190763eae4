"""The newest value of each series that was seen: what a scrape or a state file shows."""

from collections.abc import Iterator
from math import isfinite
from threading import Lock

from firstlight.codecs.exponential import classic_buckets
from firstlight.codecs.otlp.values import is_stale
from firstlight.codecs.prometheus_families import Reading
from firstlight.codecs.prometheus_text import format_value
from firstlight.model import Batch, Exemplar, ExponentialPoint, Kind, Series, level_name

MAX_SERIES = 20_000
_EVICTED_ONE_IN = 16
_NS_PER_MS = 1e6
_COUNTING = frozenset({Kind.COUNTER, Kind.HISTOGRAM, Kind.SUMMARY})


class _Latest:
    __slots__ = ("created_ns", "exemplar", "series", "time_ns", "value")

    def __init__(self, series: Series, time_ns: int, value: float) -> None:
        self.series = series
        self.time_ns = time_ns
        self.value = value
        # A recorder gives each counting line a first sample of zero at the time it began.
        self.created_ns = time_ns if value == 0.0 and series.kind in _COUNTING else None
        self.exemplar: Exemplar | None = None


class Latest:
    """Folds batches; safe to read from another thread.

    A series that is marked stale goes; beyond ``max_series`` those go that were silent for longest.

    Args:
        events_total: count events under this name by subsystem, component and level; empty for not.
        operation_duration_ms: keep each operation's last duration under this name; empty for not.
        max_series: bound of memory; a point of an exponential histogram is one.
    """

    def __init__(self, events_total: str = "", operation_duration_ms: str = "", max_series: int = MAX_SERIES) -> None:
        self._events_total = events_total
        self._operation_duration_ms = operation_duration_ms
        self._max_series = max_series
        self._lines: dict[int, _Latest] = {}
        self._exponential: dict[int, tuple[Series, ExponentialPoint]] = {}
        self._derived: dict[tuple[str, ...], tuple[int, Series]] = {}
        self._lock = Lock()

    def fold(self, batch: Batch) -> None:
        """Take over what is newer in ``batch``."""
        with self._lock:
            self._fold_samples(batch)
            for point in batch.exponential:
                known = self._exponential.get(point.series_id)
                if known is None or point.time_ns >= known[1].time_ns:
                    self._exponential[point.series_id] = (batch.series[point.series_id], point)
            for exemplar in batch.exemplars:
                line = self._lines.get(exemplar.series_id)
                if line is not None:
                    line.exemplar = exemplar
            if self._events_total:
                self._count_events(batch)
            if self._operation_duration_ms:
                self._keep_durations(batch)
            self._evict()

    def readings(self) -> list[Reading]:
        """Return the present state, longest silent first."""
        with self._lock:
            lines = sorted(self._lines.values(), key=lambda line: line.time_ns)
            found = [Reading(line.series, line.value, line.created_ns, line.exemplar) for line in lines]
            for series, point in self._exponential.values():
                found += _as_classic(series, point)
        return found

    def _fold_samples(self, batch: Batch) -> None:
        samples = batch.samples
        for series_id, time_ns, value in zip(samples.series_ids, samples.times_ns, samples.values, strict=True):
            line = self._lines.get(series_id)
            if line is None:
                if not is_stale(value):
                    self._lines[series_id] = _Latest(batch.series[series_id], time_ns, value)
            elif time_ns >= line.time_ns:
                line.time_ns, line.value = time_ns, value
                if is_stale(value):
                    del self._lines[series_id]

    def _count_events(self, batch: Batch) -> None:
        for event in batch.events:
            key = (event.subsystem, event.component, level_name(event.level))
            line = self._own(batch, ("subsystem", "component", "level"), key, self._events_total, event.time_ns)
            line.value += 1.0
            line.time_ns = max(line.time_ns, event.time_ns)

    def _keep_durations(self, batch: Batch) -> None:
        for span in batch.spans:
            key = (span.subsystem, span.component, span.name)
            names = ("subsystem", "component", "operation")
            line = self._own(batch, names, key, self._operation_duration_ms, span.end_ns)
            if span.end_ns >= line.time_ns:
                line.time_ns, line.value = span.end_ns, (span.end_ns - span.start_ns) / _NS_PER_MS

    def _own(self, batch: Batch, names: tuple[str, ...], key: tuple[str, ...], metric: str, time_ns: int) -> _Latest:
        """Return the line of a metric that is made here."""
        sender = (batch.resource.service, batch.resource.session_id)
        known = self._derived.get((metric, *sender, *key))
        if known is None:
            counts = metric == self._events_total
            help_text = "Total number of telemetry events" if counts else "Operation duration in milliseconds"
            labels = tuple(sorted((name, text) for name, text in zip(names, key, strict=True) if text))
            kind = Kind.COUNTER if counts else Kind.GAUGE
            series = Series(metric, labels, *sender, kind=kind, description=help_text)
            known = self._derived[metric, *sender, *key] = (series.id(), series)
        series_id, series = known
        line = self._lines.get(series_id)
        if line is None:
            line = self._lines[series_id] = _Latest(series, time_ns, 0.0)
            line.created_ns = None
        return line

    def _evict(self) -> None:
        if len(self._lines) > self._max_series:
            wanted = len(self._lines) - self._max_series + self._max_series // _EVICTED_ONE_IN
            silent = sorted(self._lines, key=lambda series_id: self._lines[series_id].time_ns)[:wanted]
            for series_id in silent:
                del self._lines[series_id]
            self._derived = {key: own for key, own in self._derived.items() if own[0] in self._lines}
        while len(self._exponential) > self._max_series:
            del self._exponential[next(iter(self._exponential))]


def _as_classic(series: Series, point: ExponentialPoint) -> Iterator[Reading]:
    def part(field: str, labels: tuple[tuple[str, str], ...] = ()) -> Series:
        return Series(
            series.name,
            tuple(sorted((*series.labels, *labels))),
            series.service,
            series.session_id,
            series.scope,
            field,
            Kind.HISTOGRAM,
            series.unit,
            series.description,
        )

    for bound, count in classic_buckets(point):
        yield Reading(part("bucket", (("le", format_value(bound)),)), float(count))
    yield Reading(part("count"), float(point.count))
    if isfinite(point.sum):
        yield Reading(part("sum"), point.sum)
