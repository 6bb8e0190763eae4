"""prometheus_client and Firstlight side by side: what one holds is reported, or exposed, by the other.

Reading needs nothing of prometheus_client but the shape of what ``registry.collect()`` returns; only
:class:`FirstlightCollector` imports it, when it is asked.
"""

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from msgspec.structs import replace

from firstlight.codecs.exponential import classic_buckets
from firstlight.codecs.openmetrics import Family
from firstlight.codecs.prometheus_families import Reading as Latest
from firstlight.codecs.prometheus_families import families
from firstlight.model import Batch, Exemplar, Kind, Resource, Series
from firstlight.model.series import sorted_labels
from firstlight.sdk.flow.plain import text
from firstlight.sdk.metrics.observable import Example, Reading
from firstlight.sdk.metrics.report import SDK_SCOPE, Reporter

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry

SCOPE = "prometheus_client"
_NS_PER_S = 1_000_000_000

_KINDS = {
    "counter": Kind.COUNTER,
    "gauge": Kind.GAUGE,
    "histogram": Kind.HISTOGRAM,
    "summary": Kind.SUMMARY,
    "info": Kind.INFO,
    "stateset": Kind.STATESET,
}
_FIELDS = {
    (Kind.HISTOGRAM, "_bucket"): "bucket",
    (Kind.HISTOGRAM, "_sum"): "sum",
    (Kind.HISTOGRAM, "_count"): "count",
    (Kind.SUMMARY, "_sum"): "sum",
    (Kind.SUMMARY, "_count"): "count",
}
_reading: ContextVar[bool] = ContextVar("firstlight_reading_prometheus_client", default=False)


class Collects(Protocol):
    """A ``prometheus_client.CollectorRegistry``, or whatever else collects metric families."""

    def collect(self) -> Iterable[Any]:
        """Return families with name, documentation, type, unit and samples."""


def report_prometheus_client(telemetry: "Telemetry", registry: Collects) -> Callable[[], None]:
    """Report what ``registry`` holds with our own metrics, exemplars included; return a function that ends it.

    The scope is ``prometheus_client``.  Times at which its series were created are left out.
    """
    reads = telemetry.scope(SDK_SCOPE).counter(
        "firstlight_sdk_prometheus_client_reads_total", help="Times a registry of prometheus_client was read."
    )
    source = RegistrySource(registry, reads.inc)
    telemetry.registry.add_source(source)
    return partial(telemetry.registry.remove_source, source)


class RegistrySource:
    """Reads a registry of prometheus_client, a source of our own.

    Args:
        registry: what to collect from.
        count: called at each read.
    """

    def __init__(self, registry: Collects, count: Callable[[], object]) -> None:
        self._registry = registry
        self._count = count
        self._shown: dict[Series, Any] = {}

    def read(self) -> list[Reading]:
        """Return every sample; an exemplar only the first time it is there."""
        self._count()
        mark = _reading.set(True)
        try:
            readings: list[Reading] = []
            shown: dict[Series, Any] = {}
            for family in self._registry.collect():
                readings += self._family(family, shown)
            self._shown = shown
            return readings
        finally:
            _reading.reset(mark)

    def _family(self, family: Any, shown: dict[Series, Any]) -> Iterator[Reading]:
        for sample in family.samples:
            series = _series(family, sample)
            if series is None:
                continue
            exemplar = getattr(sample, "exemplar", None)
            example = None
            if exemplar is not None:
                shown[series] = exemplar
                if self._shown.get(series) != exemplar:
                    example = _example(exemplar)
            time_ns = 0 if sample.timestamp is None else _ns(sample.timestamp)
            yield Reading(series, float(sample.value), time_ns, example)


class FirstlightCollector:
    """Shows our metrics in a registry of prometheus_client: ``registry.register(FirstlightCollector(telemetry))``.

    Names are made legal as for our own exposition.  Of metrics with the same name and labels in several scopes one is
    shown.  Exponential histograms have classic buckets, whose bounds may change.  What was read from prometheus_client
    is left out.

    Args:
        telemetry: the recorder whose instruments are shown.
    """

    def __init__(self, telemetry: "Telemetry") -> None:
        self._telemetry = telemetry

    def describe(self) -> list[Any]:
        """Return nothing: what there is changes while the program runs."""
        return []

    def collect(self) -> list[Any]:
        """Return the present state as metric families of prometheus_client."""
        if _reading.get():
            return []
        registry = self._telemetry.registry
        registry.fold()
        latest: dict[int, Latest] = {}
        exemplars: dict[int, Exemplar] = {}
        # A reporter of its own each time: nothing is shared with another scrape, and each shows every exemplar.
        for batch in Reporter(registry, self._telemetry.ledger).report(Resource(""), registry.now()):
            exemplars.update((one.series_id, one) for one in batch.exemplars)
            latest.update((one.series.id(), one) for one in _latest(batch) if one.series.scope != SCOPE)
        shown = (one._replace(exemplar=exemplars.get(series_id)) for series_id, one in latest.items())
        return [_metric(family) for family in families(shown)]


def _latest(batch: Batch) -> Iterator[Latest]:
    samples = batch.samples
    for series_id, value in zip(samples.series_ids, samples.values, strict=True):
        yield Latest(batch.series[series_id], value)
    for point in batch.exponential:
        series = batch.series[point.series_id]
        yield Latest(replace(series, field="sum"), point.sum)
        yield Latest(replace(series, field="count"), float(point.count))
        for bound, count in classic_buckets(point):
            edge = "+Inf" if bound == inf else repr(bound)
            labels = tuple(sorted((*series.labels, ("le", edge))))
            yield Latest(replace(series, field="bucket", labels=labels), float(count))


def _metric(family: Family) -> Any:
    from prometheus_client.metrics_core import Metric
    from prometheus_client.samples import Exemplar as TheirExemplar

    metric = Metric(family.name, family.help, family.type)
    for sample in family.samples:
        exemplar = None
        if sample.exemplar is not None:
            when_s = None if sample.exemplar.time_ns is None else sample.exemplar.time_ns / _NS_PER_S
            exemplar = TheirExemplar(dict(sample.exemplar.labels), sample.exemplar.value, when_s)
        metric.add_sample(family.name + sample.suffix, dict(sample.labels), sample.value, exemplar=exemplar)
    return metric


def _series(family: Any, sample: Any) -> Series | None:
    kind = _KINDS.get(family.type, Kind.UNKNOWN)
    suffix = sample.name.removeprefix(family.name)
    if suffix == "_created":
        return None
    field = _FIELDS.get((kind, suffix), "value")
    name = sample.name if field == "value" else family.name
    if kind is Kind.SUMMARY and field == "value":
        field = "quantile"
    elif family.type == "gaugehistogram":
        kind = Kind.GAUGE
    labels = sorted_labels({text(key): text(value) for key, value in sample.labels.items()})
    return Series(name, labels, "", "", SCOPE, field, kind, family.unit, family.documentation)


def _example(exemplar: Any) -> Example:
    labels = {text(key): text(value) for key, value in exemplar.labels.items()}
    time_ns = 0 if exemplar.timestamp is None else _ns(exemplar.timestamp)
    trace_id, span_id = labels.pop("trace_id", ""), labels.pop("span_id", "")
    return Example(time_ns, float(exemplar.value), trace_id, span_id, sorted_labels(labels))


def _ns(when: Any) -> int:
    """Return nanoseconds of seconds, or of a ``Timestamp``, which has both apart."""
    if hasattr(when, "nsec"):
        return int(when.sec) * _NS_PER_S + int(when.nsec)
    return round(float(when) * _NS_PER_S)
