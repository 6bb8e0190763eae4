"""Families of the Prometheus text format and of OpenMetrics to batches: the opposite of ``prometheus_families``.

``job`` and ``instance`` become the service and the session, as OpenTelemetry maps them (*Prometheus and OpenMetrics
Compatibility*, "Resource attributes").  A bucket's bound and a quantile are spelled the way that OTLP's are here.  When
a series began (``_created``) and exemplars are not samples and are left out.
"""

from collections.abc import Iterable

from firstlight.codecs import openmetrics, prometheus_text
from firstlight.codecs.otlp.outcome import TIME_MAX_NS
from firstlight.codecs.otlp.values import number_text
from firstlight.codecs.prometheus_families import NO_HELP
from firstlight.codecs.prometheus_text import Labels
from firstlight.errors import DecodeError
from firstlight.model import Batch, Kind, Resource, Series
from firstlight.model.series import sorted_labels

JOB, INSTANCE = "job", "instance"

_NS_PER_MS = 1_000_000
_KINDS = {
    "counter": Kind.COUNTER,
    "gauge": Kind.GAUGE,
    "histogram": Kind.HISTOGRAM,
    "summary": Kind.SUMMARY,
    "info": Kind.INFO,
    "stateset": Kind.STATESET,
}
_FIELDS = {"_bucket": "bucket", "_sum": "sum", "_count": "count", "_gsum": "sum", "_gcount": "count"}
_EDGES = {"bucket": "le", "quantile": "quantile"}
_TIME_MIN_NS = -(2**63)
_CREATED = "_created"
_IN_NAME = frozenset({"_total", "_info"})


def text_batch(families: Iterable[prometheus_text.Family], default_time_ns: int | None = None) -> Batch:
    """Return the samples of the text format 0.0.4.

    Args:
        families: as they were read.
        default_time_ns: of samples without a time.

    Raises:
        DecodeError: a sample has no time and there is no default.
    """
    maker = _Maker(default_time_ns)
    for family in families:
        maker.begin(family.name, family.type, family.help, "")
        for sample in family.samples:
            time_ns = None if sample.time_ms is None else sample.time_ms * _NS_PER_MS
            maker.add(sample.suffix, sample.labels, time_ns, sample.value)
    return maker.batch


def openmetrics_batch(families: Iterable[openmetrics.Family], default_time_ns: int | None = None) -> Batch:
    """Return the samples of OpenMetrics; see :func:`text_batch`."""
    maker = _Maker(default_time_ns)
    for family in families:
        maker.begin(family.name, family.type, family.help, family.unit)
        for sample in family.samples:
            if sample.suffix != _CREATED:
                maker.add(sample.suffix, sample.labels, sample.time_ns, sample.value)
    return maker.batch


class _Maker:
    """Fills a batch, making each series once."""

    def __init__(self, default_time_ns: int | None) -> None:
        self.batch = Batch(Resource())
        self._default_time_ns = default_time_ns
        self.begin("", "", "", "")

    def begin(self, name: str, type_name: str, about: str, unit: str) -> None:
        self._family = name, _KINDS.get(type_name, Kind.UNKNOWN), "" if about == NO_HELP else " ".join(about.split())
        self._unit = unit
        self._known: dict[tuple[str, Labels], int] = {}

    def add(self, suffix: str, labels: Labels, time_ns: int | None, value: float) -> None:
        if time_ns is None:
            time_ns = self._default_time_ns
        if time_ns is None:
            raise DecodeError("the sample has no time of its own, and none was given for those without")
        if not _TIME_MIN_NS <= time_ns <= TIME_MAX_NS:
            raise DecodeError(f"the time {time_ns} ns does not fit into 64 bits")
        series_id = self._known.get((suffix, labels))
        if series_id is None:
            series = self._series(suffix, labels)
            series_id = self._known[suffix, labels] = series.id()
            self.batch.series[series_id] = series
        self.batch.samples.add(series_id, time_ns, value)

    def _series(self, suffix: str, labels: Labels) -> Series:
        name, kind, about = self._family
        field = _FIELDS.get(suffix, "quantile" if kind is Kind.SUMMARY else "value")
        pairs = dict(labels)
        sender = (pairs.pop(JOB, ""), pairs.pop(INSTANCE, ""))
        edge = _EDGES.get(field)
        if edge in pairs:
            pairs[edge] = number_text(float(pairs[edge]))
        name += suffix if suffix in _IN_NAME else ""
        return Series(name, sorted_labels(pairs), *sender, "", field, kind, self._unit, about)
