"""JSON Lines of spans and metrics: one object a line, UTF-8.

Times are exact here (``time_ns``, ``start_ns``, ``end_ns``) beside the readable ``timestamp``.  A value that JSON has
no number for is the text ``NaN``, ``+Inf`` or ``-Inf``.  Whole lines also have what a span's sender said of itself, a
metric's description, and the payload of a NaN.
"""

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from firstlight.codecs import exact_values, iso
from firstlight.codecs.prometheus_text import format_value
from firstlight.errors import DecodeError, FirstlightError
from firstlight.model import Batch, ExponentialPoint, Kind, Resource, Samples, Series, Span, SpanEvent, SpanLink

_NS_PER_MS = 1e6


class Moment(Struct, gc=False):
    """A moment inside a span."""

    time_ns: int
    name: str
    data: dict[str, Any] = {}


class Pointer(Struct, gc=False):
    """A link to another span."""

    trace_id: str
    span_id: str
    data: dict[str, Any] = {}


class SpanLine(Struct, gc=False):
    """The keys of a span's line, in their order."""

    timestamp: str
    duration_ms: float
    subsystem: str
    component: str
    operation: str
    kind: str
    status: str
    status_message: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    session_id: str
    data: dict[str, Any]
    service: str
    events: list[Moment] | UnsetType = UNSET
    links: list[Pointer] | UnsetType = UNSET
    host: str | UnsetType = UNSET
    process_id: int | UnsetType = UNSET
    resource: dict[str, Any] | UnsetType = UNSET


class Exponential(Struct, gc=False):
    """The buckets of a base-2 exponential histogram, as OTLP names them; the last two are not written when empty."""

    count: int | float
    sum: float | str | None
    scale: int
    zero_count: int | float
    zero_threshold: float
    positive_offset: int
    positive: Sequence[int | float]
    negative_offset: int
    negative: Sequence[int | float]
    min: float | str | None
    max: float | str | None
    bounds: Sequence[float] | UnsetType = UNSET
    hint: int | UnsetType = UNSET


class MetricLine(Struct, gc=False):
    """The keys of a sample's line, in their order; an exponential histogram has ``exponential`` and no ``value``."""

    timestamp: str
    name: str
    field: str
    labels: dict[str, str]
    time_ns: int
    kind: str
    unit: str
    scope: str
    session_id: str
    service: str
    value: float | str | UnsetType = UNSET
    exponential: Exponential | UnsetType = UNSET
    description: str | UnsetType = UNSET


_encode_lines = msgspec.json.Encoder().encode_lines
_decode_spans = msgspec.json.Decoder(SpanLine).decode_lines
_decode_metrics = msgspec.json.Decoder(MetricLine).decode_lines


def encode_spans(spans: Iterable[Span], resource: Resource, whole: bool = False) -> bytes:
    """Return one line for each of ``spans``; ``whole`` ones say all that is known of the sender.

    Raises:
        FirstlightError: an attribute has no JSON form, or a time no date.
    """
    when, make = iso.Milliseconds().text, _whole_span_line if whole else _span_line
    try:
        return _encode_lines([make(span, resource, when(span.start_ns // iso.NS_PER_MS)) for span in spans])
    except (TypeError, ValueError, OverflowError) as error:
        raise FirstlightError(f"a span cannot be written as JSON: {error}") from error


def encode_metrics(batch: Batch, whole: bool = False) -> bytes:
    """Return one line for each sample and each exponential point of ``batch``; ``whole`` ones lose nothing.

    Raises:
        FirstlightError: a time is no date.
    """
    try:
        lines = [*_sample_lines(batch.samples, batch.series, whole), *_exponential_lines(batch)]
        return _encode_lines(_described(lines, batch) if whole else lines)
    except ValueError as error:
        raise FirstlightError(f"a sample cannot be written as JSON: {error}") from error


def decode_spans(data: bytes) -> list[Batch]:
    """Return the spans of such lines, a batch for each line's sender.

    Raises:
        DecodeError: a line has another shape.
    """
    batches: dict[tuple[Any, ...], Batch] = {}
    for line in _read(_decode_spans, data, "spans"):
        resource = Resource(line.service, line.session_id, line.host or "", line.process_id or 0, line.resource or {})
        key = (*msgspec.structs.astuple(resource)[:4], repr(resource.attributes))
        batches.setdefault(key, Batch(resource)).spans.append(_span(line))
    return list(batches.values())


def decode_metrics(data: bytes) -> Batch:
    """Return the samples and exponential points of such lines.

    Raises:
        DecodeError: a line has another shape.
    """
    batch = Batch(Resource())
    known: dict[Series, int] = {}
    for line in _read(_decode_metrics, data, "metrics"):
        series = _series(line)
        series_id = known.get(series)
        if series_id is None:
            series_id = known[series] = series.id()
            batch.series[series_id] = series
        if isinstance(line.exponential, Exponential):
            batch.exponential.append(_point(line.exponential, series_id, line.time_ns))
        else:
            batch.samples.add(series_id, line.time_ns, _back(line.value))
    return batch


def _read(decode: Any, data: bytes, what: str) -> list[Any]:
    try:
        rows: list[Any] = decode(data)
    except ValueError as error:
        raise DecodeError(f"JSON Lines of {what}: {error}") from error
    return rows


def _span_line(span: Span, resource: Resource, timestamp: str) -> SpanLine:
    return SpanLine(
        timestamp,
        (span.end_ns - span.start_ns) / _NS_PER_MS,
        span.subsystem,
        span.component,
        span.name,
        span.kind,
        span.status,
        span.status_message,
        span.trace_id,
        span.span_id,
        span.parent_id,
        span.start_ns,
        span.end_ns,
        resource.session_id,
        span.attributes,
        resource.service,
        [Moment(at.time_ns, at.name, at.attributes) for at in span.events] or UNSET,
        [Pointer(to.trace_id, to.span_id, to.attributes) for to in span.links] or UNSET,
    )


def _whole_span_line(span: Span, resource: Resource, timestamp: str) -> SpanLine:
    line = _span_line(span, resource, timestamp)
    line.host, line.process_id, line.resource = resource.host, resource.pid, resource.attributes
    return line


def _span(line: SpanLine) -> Span:
    row = Span(line.start_ns, line.end_ns, line.operation, line.trace_id, line.span_id, line.parent_id, line.kind)
    row.status, row.status_message = line.status, line.status_message
    row.subsystem, row.component, row.attributes = line.subsystem, line.component, line.data
    row.events = [SpanEvent(at.time_ns, at.name, at.data) for at in line.events or ()]
    row.links = [SpanLink(to.trace_id, to.span_id, to.data) for to in line.links or ()]
    return row


def _sample_lines(samples: Samples, series: dict[int, Series], whole: bool) -> Iterable[MetricLine]:
    when, number = iso.Milliseconds().text, exact_values.spelled if whole else _number
    for series_id, time_ns, value in zip(samples.series_ids, samples.times_ns, samples.values, strict=True):
        line = _metric_line(series[series_id], time_ns, when(time_ns // iso.NS_PER_MS))
        line.value = number(value)
        yield line


def _exponential_lines(batch: Batch) -> Iterable[MetricLine]:
    when = iso.Milliseconds().text
    for point in batch.exponential:
        line = _metric_line(batch.series[point.series_id], point.time_ns, when(point.time_ns // iso.NS_PER_MS))
        line.exponential = _exponential(point)
        yield line


def _described(lines: list[MetricLine], batch: Batch) -> list[MetricLine]:
    owners = [*batch.samples.series_ids, *(point.series_id for point in batch.exponential)]
    for line, series_id in zip(lines, owners, strict=True):
        line.description = batch.series[series_id].description or UNSET
    return lines


def _metric_line(series: Series, time_ns: int, timestamp: str) -> MetricLine:
    return MetricLine(
        timestamp,
        series.name,
        series.field,
        dict(series.labels),
        time_ns,
        series.kind.value,
        series.unit,
        series.scope,
        series.session_id,
        series.service,
    )


def _series(line: MetricLine) -> Series:
    try:
        kind = Kind(line.kind)
    except ValueError as error:
        raise DecodeError(f"JSON Lines of metrics: {error}") from error
    labels = tuple(sorted(line.labels.items()))
    sender = (line.service, line.session_id, line.scope)
    return Series(line.name, labels, *sender, line.field, kind, line.unit, line.description or "")


def _exponential(point: ExponentialPoint) -> Exponential:
    low = None if point.min is None else _number(point.min)
    high = None if point.max is None else _number(point.max)
    return Exponential(
        point.count,
        _number(point.sum),
        point.scale,
        point.zero_count,
        point.zero_threshold,
        point.positive_offset,
        point.positive,
        point.negative_offset,
        point.negative,
        low,
        high,
        point.bounds or UNSET,
        point.hint or UNSET,
    )


def _point(found: Exponential, series_id: int, time_ns: int) -> ExponentialPoint:
    point = ExponentialPoint(series_id, time_ns, found.count, _back(found.sum), found.scale, found.zero_count)
    point.zero_threshold = found.zero_threshold
    point.positive_offset, point.positive = found.positive_offset, found.positive
    point.negative_offset, point.negative = found.negative_offset, found.negative
    point.min = None if found.min is None else _back(found.min)
    point.max = None if found.max is None else _back(found.max)
    point.bounds, point.hint = found.bounds or (), found.hint or 0
    return point


def _number(value: float) -> float | str:
    return value if isfinite(value) else format_value(value)


def _back(value: float | str | UnsetType | None) -> float:
    try:
        return exact_values.read(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise DecodeError(f"JSON Lines of metrics: {value!r} is no value") from error
