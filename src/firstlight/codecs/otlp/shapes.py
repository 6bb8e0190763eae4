"""OTLP's messages as OTLP JSON spells them, named as protobuf names them, so that one mapping reads both encodings.

Source: opentelemetry-proto 1.x and the JSON rules of the OTLP specification: hex ids, 64-bit integers as text or
number, enumerations as numbers (names are taken too), unknown fields ignored, null the same as absent.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

_DIGITS = frozenset(map(str, range(25)))
"""Numbers spelled as text; no enumeration of OTLP goes beyond 24."""


ABSENT = msgspec.Raw(b"null")
"""Attributes that repeat from request to request are kept as they came, to be looked up before they are decoded."""


class Message(msgspec.Struct, rename="camel", gc=False):
    """Base of all of them."""


class AnyValue(Message):
    """One of the six; none of them is null.  ``bytes_value`` stays base64 text."""

    string_value: str | None = None
    int_value: int | None = None
    double_value: float | None = None
    bool_value: bool | None = None
    array_value: "ArrayValue | None" = None
    kvlist_value: "KeyValueList | None" = None
    bytes_value: str | None = None


class ArrayValue(Message):
    """A list of values."""

    values: list[AnyValue | None] | None = None


class KeyValue(Message):
    """One attribute."""

    key: str | None = None
    value: AnyValue | None = None


class KeyValueList(Message):
    """A map of values."""

    values: list[KeyValue] | None = None


class OtlpResource(Message):
    """Who speaks."""

    attributes: list[KeyValue] | None = None


class Scope(Message):
    """Which part of the sender speaks."""

    name: str | None = None


class LogRecord(Message):
    """One log line or event."""

    time_unix_nano: int | None = 0
    observed_time_unix_nano: int | None = 0
    severity_number: int | str | None = 0
    severity_text: str | None = ""
    event_name: str | None = ""
    body: AnyValue | None = None
    attributes: list[msgspec.Raw] | None = None
    trace_id: str | None = ""
    span_id: str | None = ""


class ScopeLogs(Message):
    """Log records of one scope."""

    scope: Scope | None = None
    log_records: list[LogRecord] | None = None


class ResourceLogs(Message):
    """Log records of one resource."""

    resource: OtlpResource | None = None
    scope_logs: list[ScopeLogs] | None = None


class LogsRequest(Message):
    """``ExportLogsServiceRequest``."""

    resource_logs: list[ResourceLogs] | None = None


class SpanMoment(Message):
    """``Span.Event``."""

    time_unix_nano: int | None = 0
    name: str | None = ""
    attributes: list[KeyValue] | None = None


class SpanPointer(Message):
    """``Span.Link``."""

    trace_id: str | None = ""
    span_id: str | None = ""
    attributes: list[KeyValue] | None = None


class Status(Message):
    """How a span ended."""

    code: int | str | None = 0
    message: str | None = ""


class OtlpSpan(Message):
    """One span."""

    trace_id: str | None = ""
    span_id: str | None = ""
    parent_span_id: str | None = ""
    name: str | None = ""
    kind: int | str | None = 0
    start_time_unix_nano: int | None = 0
    end_time_unix_nano: int | None = 0
    attributes: list[msgspec.Raw] | None = None
    events: list[SpanMoment] | None = None
    links: list[SpanPointer] | None = None
    status: Status | None = None


class ScopeSpans(Message):
    """Spans of one scope."""

    scope: Scope | None = None
    spans: list[OtlpSpan] | None = None


class ResourceSpans(Message):
    """Spans of one resource."""

    resource: OtlpResource | None = None
    scope_spans: list[ScopeSpans] | None = None


class TracesRequest(Message):
    """``ExportTraceServiceRequest``."""

    resource_spans: list[ResourceSpans] | None = None


class NumberPoint(Message):
    """``NumberDataPoint``: a point of a gauge or a sum."""

    attributes: msgspec.Raw = ABSENT
    start_time_unix_nano: int | None = 0
    time_unix_nano: int | None = 0
    as_double: float | None = None
    as_int: int | None = None
    flags: int | None = 0


class HistogramPoint(Message):
    """``HistogramDataPoint``: explicit buckets, not cumulative, upper bounds inclusive."""

    attributes: msgspec.Raw = ABSENT
    start_time_unix_nano: int | None = 0
    time_unix_nano: int | None = 0
    count: int | None = 0
    sum: float | None = None
    bucket_counts: list[int] | None = None
    explicit_bounds: list[float] | None = None
    flags: int | None = 0
    min: float | None = None
    max: float | None = None


class Buckets(Message):
    """One side of an exponential histogram."""

    offset: int | None = 0
    bucket_counts: list[int] | None = None


class ExponentialDataPoint(Message):
    """``ExponentialHistogramDataPoint``."""

    attributes: msgspec.Raw = ABSENT
    start_time_unix_nano: int | None = 0
    time_unix_nano: int | None = 0
    count: int | None = 0
    sum: float | None = None
    scale: int | None = 0
    zero_count: int | None = 0
    positive: Buckets | None = None
    negative: Buckets | None = None
    flags: int | None = 0
    min: float | None = None
    max: float | None = None
    zero_threshold: float | None = 0.0


class Quantile(Message):
    """One quantile of a summary."""

    quantile: float | None = 0.0
    value: float | None = 0.0


class SummaryPoint(Message):
    """``SummaryDataPoint``."""

    attributes: msgspec.Raw = ABSENT
    start_time_unix_nano: int | None = 0
    time_unix_nano: int | None = 0
    count: int | None = 0
    sum: float | None = 0.0
    quantile_values: list[Quantile] | None = None
    flags: int | None = 0


class Gauge(Message):
    """Values that are set."""

    data_points: list[NumberPoint] | None = None


class Sum(Message):
    """Values that are added up."""

    data_points: list[NumberPoint] | None = None
    aggregation_temporality: int | str | None = 0
    is_monotonic: bool | None = False


class Histogram(Message):
    """Explicit buckets."""

    data_points: list[HistogramPoint] | None = None
    aggregation_temporality: int | str | None = 0


class ExponentialHistogram(Message):
    """Base-2 buckets."""

    data_points: list[ExponentialDataPoint] | None = None
    aggregation_temporality: int | str | None = 0


class Summary(Message):
    """Quantiles that the sender worked out."""

    data_points: list[SummaryPoint] | None = None


class Metric(Message):
    """One metric: exactly one of the five kinds of data."""

    name: str | None = ""
    description: str | None = ""
    unit: str | None = ""
    gauge: Gauge | None = None
    sum: Sum | None = None
    histogram: Histogram | None = None
    exponential_histogram: ExponentialHistogram | None = None
    summary: Summary | None = None


class ScopeMetrics(Message):
    """Metrics of one scope."""

    scope: Scope | None = None
    metrics: list[Metric] | None = None


class ResourceMetrics(Message):
    """Metrics of one resource."""

    resource: OtlpResource | None = None
    scope_metrics: list[ScopeMetrics] | None = None


class MetricsRequest(Message):
    """``ExportMetricsServiceRequest``."""

    resource_metrics: list[ResourceMetrics] | None = None


def given(message: Any, names: Sequence[str]) -> str:
    """Return the first of ``names`` that ``message`` (a shape of ours or a protobuf message) has, or ``""``."""
    if isinstance(message, Message):
        return next((name for name in names if getattr(message, name) is not None), "")
    return next((name for name in names if message.HasField(name)), "")


def enum_number(value: int | str | None, names: dict[str, int]) -> int:
    """Return the number of an enumeration's value that may be spelled as number, digits or name; 0 when unknown."""
    if isinstance(value, str):
        return int(value) if value in _DIGITS else names.get(value, 0)
    return value or 0
