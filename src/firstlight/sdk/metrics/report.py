"""The state of all instruments as samples: cumulative, one row per series each time."""

from collections.abc import Iterator

from msgspec.structs import replace

from firstlight.model import Batch, Exemplar, ExponentialPoint, Kind, Resource, Series
from firstlight.sdk.flow.ledger import Counts, Ledger
from firstlight.sdk.metrics.instruments import Instrument, Row
from firstlight.sdk.metrics.observable import Reading
from firstlight.sdk.metrics.registry import Registry

SDK_SCOPE = "firstlight.sdk"
BATCH_SAMPLES = 4000
"""Samples of one delivery, unless one line alone has more: the parts of a histogram stay together."""

Known = list[tuple[int, Series]]
Labels = tuple[tuple[str, str], ...]


class Reporter:
    """Writes what the registry holds into batches.

    A counting line gets a first sample of zero at the time it began, so that the increase since then is known.

    Args:
        registry: the instruments.
        ledger: the recorder's own counters, reported as ``firstlight_sdk_..._total``.
    """

    def __init__(self, registry: Registry, ledger: Ledger) -> None:
        self._registry = registry
        self._ledger = ledger
        self._resource: Resource | None = None
        self._known: dict[Instrument, tuple[int, Known]] = {}
        self._read: dict[Series, tuple[int, Series]] = {}
        self._begun: set[int] = set()
        self._noted = 0

    def report(self, resource: Resource, now_ns: int) -> Iterator[Batch]:
        """Yield batches with the present state of every line that has one, then the recorder's own counters."""
        if resource is not self._resource:
            self._resource = resource
            self._known.clear()
            self._read.clear()
        readings = self._registry.readings()
        yield from self._lines(resource, now_ns)
        yield from self._readings(readings, resource, now_ns)
        batch = Batch(resource)
        for name, labels, value in (*_own(self._ledger.counts()), *_of_registry(self._registry)):
            batch.add_sample(_series(resource, SDK_SCOPE, name, labels), now_ns, value)
        overhead_ratio = _series(resource, SDK_SCOPE, "firstlight_sdk_overhead_ratio", (), Kind.GAUGE)
        batch.add_sample(overhead_ratio, now_ns, self._ledger.overhead_ratio)
        yield batch

    def _lines(self, resource: Resource, now_ns: int) -> list[Batch]:
        batches = [Batch(resource)]
        noted = self._noted
        with self._registry.folding:
            for line in self._registry.lines():
                if len(batches[-1]) >= BATCH_SAMPLES:
                    batches.append(Batch(resource))
                self._add(batches[-1], line, now_ns)
                if line.notes is not None:
                    noted = max(noted, self._add_exemplars(batches[-1], line))
        self._noted = noted
        return batches

    def _add(self, batch: Batch, line: Instrument, now_ns: int) -> None:
        rows, points = line.rows(), line.points()
        if not rows and not points:
            return
        shape, known = self._known.get(line, (-1, []))
        if shape != line.shape:
            labels = [_labels(line, row) for row in rows] if rows else [("value", line.pairs or ())]
            known = [_identified(line, field, pairs, batch.resource) for field, pairs in labels]
            self._known[line] = line.shape, known
            self._begin(batch, line, known, now_ns)
        batch.series.update(known)
        for (series_id, _), (_, _, value) in zip(known, rows, strict=bool(rows)):
            batch.samples.add(series_id, now_ns, value)
        for (series_id, _), point in zip(known, points, strict=bool(points)):
            batch.exponential.append(replace(point, series_id=series_id, time_ns=now_ns))

    def _begin(self, batch: Batch, line: Instrument, known: Known, now_ns: int) -> None:
        zeros = list(line.zeros())
        for at, (series_id, _) in enumerate(known):
            if line.created_ns < now_ns and series_id not in self._begun:
                if at < len(zeros):
                    batch.samples.add(series_id, line.created_ns, zeros[at][2])
                elif line.points():
                    batch.exponential.append(ExponentialPoint(series_id, line.created_ns, 0, 0.0, 0))
            self._begun.add(series_id)

    def _add_exemplars(self, batch: Batch, line: Instrument) -> int:
        """Append what was noted since the last report; return the highest serial number."""
        assert line.notes is not None
        last = 0
        _, known = self._known.get(line, (-1, []))
        for place, noted in line.notes.since(self._noted):
            last = max(last, noted.serial)
            if self._registry.keeps_trace(noted.span):
                series_id, _ = known[line.row_of(place)]
                batch.exemplars.append(Exemplar(series_id, noted.time_ns, noted.value, *noted.span.ids()))
        return last

    def _readings(self, readings: list[Reading], resource: Resource, now_ns: int) -> list[Batch]:
        read, self._read = self._read, {}
        batches: list[Batch] = []
        name = ""
        for reading in readings:
            # Metrics are never cut in two, because a histogram must stay whole.
            if not batches or (len(batches[-1]) >= BATCH_SAMPLES and reading.series.name != name):
                batches.append(Batch(resource))
            name = reading.series.name
            series_id, series = self._read[reading.series] = read.get(reading.series) or _sent_by(
                resource, reading.series
            )
            batches[-1].series[series_id] = series
            batches[-1].samples.add(series_id, reading.time_ns or now_ns, reading.value)
            if reading.example is not None:
                batches[-1].exemplars.append(Exemplar(series_id, *reading.example))
        return batches


def _labels(line: Instrument, row: Row) -> tuple[str, Labels]:
    field, extra, _ = row
    return field, tuple(sorted((*(line.pairs or ()), *extra)))


def _identified(line: Instrument, field: str, labels: Labels, resource: Resource) -> tuple[int, Series]:
    what = line.definition
    series = Series(
        what.name, labels, resource.service, resource.session_id, what.scope, field, what.kind, what.unit, what.help
    )
    return series.id(), series


def _sent_by(resource: Resource, series: Series) -> tuple[int, Series]:
    sent = replace(series, service=resource.service, session_id=resource.session_id)
    return sent.id(), sent


def _series(resource: Resource, scope: str, name: str, labels: Labels, kind: Kind = Kind.COUNTER) -> Series:
    return Series(name, labels, resource.service, resource.session_id, scope, "value", kind)


def _own(counts: Counts) -> Iterator[tuple[str, Labels, float]]:
    for signal in counts.recorded._fields:
        pairs = (("signal", signal),)
        yield "firstlight_sdk_recorded_total", pairs, float(getattr(counts.recorded, signal))
        yield "firstlight_sdk_exported_total", pairs, float(getattr(counts.exported, signal))
        for reason, rows in counts.dropped.items():
            if lost := getattr(rows, signal):
                yield "firstlight_sdk_dropped_total", (("reason", reason), *pairs), float(lost)
    yield "firstlight_sdk_export_errors_total", (), float(counts.export_errors)
    yield "firstlight_sdk_misuses_total", (), float(counts.misuses)
    for kind, values in counts.redacted.items():
        yield "firstlight_sdk_redacted_total", (("kind", kind),), float(values)


def _of_registry(registry: Registry) -> Iterator[tuple[str, Labels, float]]:
    for reason, times in registry.callback_failures().items():
        yield "firstlight_sdk_callback_failures_total", (("reason", reason),), float(times)
    for metric, times in registry.overflows.copy().items():
        yield "firstlight_sdk_overflows_total", (("metric", metric),), float(times)
