"""The state of all instruments as samples: cumulative, one row per series each time."""

from collections.abc import Iterator

from firstlight.model import Batch, Kind, Resource, Series
from firstlight.sdk.instruments import Instrument, Row
from firstlight.sdk.ledger import Counts, Ledger
from firstlight.sdk.registry import Registry

SDK_SCOPE = "firstlight.sdk"
BATCH_SAMPLES = 4000
"""Samples of one delivery, unless one line alone has more: the parts of a histogram stay together."""


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
        self._known: dict[Instrument, list[tuple[int, Series]]] = {}
        self._begun: set[int] = set()

    def report(self, resource: Resource, now_ns: int) -> Iterator[Batch]:
        """Yield batches with the present state of every line that has one, then the recorder's own counters."""
        if resource is not self._resource:
            self._resource = resource
            self._known.clear()
        batch = Batch(resource)
        for line in self._registry.lines():
            self._add(batch, line, now_ns)
            if len(batch.samples) >= BATCH_SAMPLES:
                yield batch
                batch = Batch(resource)
        for name, labels, value in _own(self._ledger.counts()):
            batch.add_sample(_series(resource, SDK_SCOPE, name, labels), now_ns, value)
        yield batch

    def _add(self, batch: Batch, line: Instrument, now_ns: int) -> None:
        rows = line.rows()
        if not rows:
            return
        known = self._known.get(line)
        if known is None:
            known = self._known[line] = [_identified(line, row, batch.resource) for row in rows]
            batch.series.update(known)
            self._begin(batch, line, known, now_ns)
        batch.series.update(known)
        for (series_id, _), (_, _, value) in zip(known, rows, strict=True):
            batch.samples.add(series_id, now_ns, value)

    def _begin(self, batch: Batch, line: Instrument, known: list[tuple[int, Series]], now_ns: int) -> None:
        for (series_id, _), (_, _, value) in zip(known, line.zeros(), strict=False):
            if line.created_ns < now_ns and series_id not in self._begun:
                batch.samples.add(series_id, line.created_ns, value)
            self._begun.add(series_id)


def _identified(line: Instrument, row: Row, resource: Resource) -> tuple[int, Series]:
    field, extra, _ = row
    what = line.definition
    labels = tuple(sorted((*(line.pairs or ()), *extra)))
    series = Series(
        what.name, labels, resource.service, resource.session_id, what.scope, field, what.kind, what.unit, what.help
    )
    return series.id(), series


def _series(resource: Resource, scope: str, name: str, labels: tuple[tuple[str, str], ...]) -> Series:
    return Series(name, labels, resource.service, resource.session_id, scope, "value", Kind.COUNTER)


def _own(counts: Counts) -> Iterator[tuple[str, tuple[tuple[str, str], ...], float]]:
    for signal in counts.recorded._fields:
        pairs = (("signal", signal),)
        yield "firstlight_sdk_recorded_total", pairs, float(getattr(counts.recorded, signal))
        yield "firstlight_sdk_exported_total", pairs, float(getattr(counts.exported, signal))
        for reason, rows in counts.dropped.items():
            if lost := getattr(rows, signal):
                yield "firstlight_sdk_dropped_total", (("reason", reason), *pairs), float(lost)
    yield "firstlight_sdk_export_errors_total", (), float(counts.export_errors)
    yield "firstlight_sdk_misuses_total", (), float(counts.misuses)
