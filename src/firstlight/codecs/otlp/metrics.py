"""OTLP metrics to columns of samples."""

from collections.abc import Iterable
from typing import Any

from firstlight.codecs.otlp.outcome import Decoded
from firstlight.codecs.otlp.points import DeltaSum, PointReader
from firstlight.codecs.otlp.read_senders import read_resource, scope_name
from firstlight.codecs.otlp.series_cache import SeriesCache, Stream
from firstlight.codecs.otlp.shapes import Metric, MetricsRequest, ResourceMetrics, enum_number, given
from firstlight.model import Batch, Kind, Resource

DELTA = 1
CUMULATIVE = 2

_DATA = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
_TEMPORALITIES = {"AGGREGATION_TEMPORALITY_DELTA": DELTA, "AGGREGATION_TEMPORALITY_CUMULATIVE": CUMULATIVE}
_KINDS = {
    "gauge": Kind.GAUGE,
    "histogram": Kind.HISTOGRAM,
    "exponential_histogram": Kind.HISTOGRAM,
    "summary": Kind.SUMMARY,
}
_NO_NAME = "metric without a name"
_NO_TEMPORALITY = "metric without an aggregation temporality"


def read_metrics(request: MetricsRequest, now_ns: int, cache: SeriesCache, deltas: DeltaSum | None) -> Decoded:
    """Return the samples of ``request`` (ours or protobuf's message).

    Args:
        request: what was sent.
        now_ns: stands in for absent times.
        cache: series seen before.
        deltas: adds increments up; without it delta points are refused.
    """
    decoded = Decoded()
    for entry in request.resource_metrics or ():
        decoded.keep(_read_resource_metrics(entry, now_ns, cache, deltas, decoded))
    return decoded


def _read_resource_metrics(
    entry: ResourceMetrics, now_ns: int, cache: SeriesCache, deltas: DeltaSum | None, decoded: Decoded
) -> Batch:
    batch = Batch(read_resource(entry.resource))
    points = PointReader(batch, decoded, cache, deltas, now_ns)
    for scope_metrics in entry.scope_metrics or ():
        scope = scope_name(scope_metrics.scope)
        for metric in scope_metrics.metrics or ():
            read_metric(metric, batch.resource, scope, points)
    return batch


def read_metric(metric: Metric, resource: Resource, scope: str, points: PointReader) -> None:
    """Hand every point of ``metric`` to ``points``."""
    which = given(metric, _DATA)
    if not which:
        return
    data = getattr(metric, which)
    items = data.data_points or ()
    problem = _problem(metric, which, data)
    if problem:
        points.refuse_all(problem, len(items))
        return
    stream = Stream(
        resource.service,
        resource.session_id,
        scope,
        metric.name or "",
        _kind(which, data),
        metric.unit or "",
        metric.description or "",
    )
    points.begin(stream, which, is_delta=_temporality(which, data) == DELTA)
    _read_all(points, items)


def _read_all(points: PointReader, items: Iterable[Any]) -> None:
    for item in items:
        points.read(item)


def _problem(metric: Metric, which: str, data: Any) -> str:
    if not metric.name:
        return _NO_NAME
    return "" if _temporality(which, data) in (DELTA, CUMULATIVE) else _NO_TEMPORALITY


def _temporality(which: str, data: Any) -> int:
    if which in ("gauge", "summary"):
        return CUMULATIVE
    return enum_number(data.aggregation_temporality, _TEMPORALITIES)


def _kind(which: str, data: Any) -> Kind:
    if which == "sum":
        return Kind.COUNTER if data.is_monotonic else Kind.GAUGE
    return _KINDS[which]
