"""Metrics of OpenTelemetry's SDK among our own: its reader is asked whenever a report is due."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

from firstlight.codecs.exponential import classic_buckets
from firstlight.model import ExponentialPoint, Kind, Series
from firstlight.model.series import sorted_labels
from firstlight.sdk.flow.plain import text
from firstlight.sdk.metrics.observable import Example, Reading

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry

DELTA = 1
"""Number of OTLP's temporality of changes since the last time."""

Labels = tuple[tuple[str, str], ...]


class Reads(Protocol):
    """An ``opentelemetry.sdk.metrics.export.InMemoryMetricReader``."""

    def get_metrics_data(self) -> Any:
        """Collect and return what there is, or None."""


def report_opentelemetry(telemetry: "Telemetry", reader: Reads) -> Callable[[], None]:
    """Report what ``reader`` collects with our own metrics, exemplars included; return a function that ends it.

    ::

        reader = InMemoryMetricReader()
        metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))
        report_opentelemetry(telemetry, reader)

    The name of the meter is the scope.  Exponential histograms become classic ones, whose bounds may change.  Metrics
    of delta temporality are left out, because each reading must be the state as a whole; the reader's default is
    cumulative.
    """
    source = ReaderSource(reader)
    telemetry.registry.add_source(source)
    return partial(telemetry.registry.remove_source, source)


class ReaderSource:
    """Reads a metric reader, a source of our own.

    Args:
        reader: what to collect from.
    """

    def __init__(self, reader: Reads) -> None:
        self._reader = reader
        self._shown: dict[Series, int] = {}

    def read(self) -> list[Reading]:
        """Return every point; an exemplar only the first time it is there."""
        data = self._reader.get_metrics_data()
        found = list(_readings(data)) if data is not None else []
        return [self._once(reading) for reading in found]

    def _once(self, reading: Reading) -> Reading:
        example = reading.example
        if example is None:
            return reading
        if self._shown.get(reading.series) == example.time_ns:
            return reading._replace(example=None)
        self._shown[reading.series] = example.time_ns
        return reading


def _readings(data: Any) -> Iterator[Reading]:
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if getattr(metric.data, "aggregation_temporality", 0) != DELTA:
                    for point in metric.data.data_points:
                        yield from _point(metric, scope.scope.name, point)


def _point(metric: Any, scope: str, point: Any) -> Iterator[Reading]:
    labels = sorted_labels({text(key): text(value) for key, value in (point.attributes or {}).items()})

    def reading(field: str, kind: Kind, value: float, extra: Labels = (), example: Example | None = None) -> Reading:
        pairs = tuple(sorted((*labels, *extra)))
        unit, help_text = metric.unit or "", metric.description or ""
        series = Series(metric.name, pairs, "", "", scope, field, kind, unit, help_text)
        return Reading(series, float(value), point.time_unix_nano, example)

    if hasattr(point, "value"):
        monotonic = getattr(metric.data, "is_monotonic", False)
        example = _example(point.exemplars[-1]) if point.exemplars else None
        yield reading("value", Kind.COUNTER if monotonic else Kind.GAUGE, point.value, (), example)
        return
    for bound, count in _buckets(point):
        yield reading("bucket", Kind.HISTOGRAM, count, (("le", bound),), _example_below(point, bound))
    yield reading("sum", Kind.HISTOGRAM, point.sum)
    yield reading("count", Kind.HISTOGRAM, point.count)


def _buckets(point: Any) -> Iterator[tuple[str, int | float]]:
    """Yield bound and cumulative count of each bucket."""
    if hasattr(point, "explicit_bounds"):
        bounds = [*(repr(float(bound)) for bound in point.explicit_bounds), "+Inf"]
        yield from zip(bounds, accumulate(point.bucket_counts), strict=True)
        return
    exponential = ExponentialPoint(0, 0, point.count, point.sum, point.scale, point.zero_count)
    exponential.positive_offset, exponential.positive = point.positive.offset, list(point.positive.bucket_counts)
    exponential.negative_offset, exponential.negative = point.negative.offset, list(point.negative.bucket_counts)
    for bound, count in classic_buckets(exponential):
        yield ("+Inf" if bound == float("inf") else repr(bound)), count


def _example_below(point: Any, bound: str) -> Example | None:
    """Return the newest exemplar of the bucket that ends at ``bound``; of explicit buckets only."""
    bounds = [*getattr(point, "explicit_bounds", ()), float("inf")]
    upper = float(bound)
    if upper not in bounds:
        return None
    at = bounds.index(upper)
    lower = bounds[at - 1] if at else -float("inf")
    inside = [one for one in point.exemplars if lower < one.value <= upper]
    return _example(max(inside, key=lambda one: one.time_unix_nano)) if inside else None


def _example(exemplar: Any) -> Example:
    labels = sorted_labels({text(key): text(value) for key, value in (exemplar.filtered_attributes or {}).items()})
    trace_id = f"{exemplar.trace_id:032x}" if exemplar.trace_id else ""
    span_id = f"{exemplar.span_id:016x}" if exemplar.span_id else ""
    return Example(exemplar.time_unix_nano, float(exemplar.value), trace_id, span_id, labels)
