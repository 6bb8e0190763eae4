"""Batches to OTLP protobuf through OpenTelemetry's own message classes, which our own writer is held against."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from firstlight.codecs.otlp.metric_groups import by_sender
from firstlight.codecs.otlp.regroup import Distribution, Exponential, Number, Point, Summarised
from firstlight.codecs.otlp.senders import join_scope, resource_attributes
from firstlight.codecs.otlp.series_cache import Labels, Stream
from firstlight.codecs.otlp.values import DEPTH_MAX, is_stale
from firstlight.codecs.otlp.write_json import CUMULATIVE, SPAN_KINDS, STATUS_CODES
from firstlight.model import Batch, Event, Kind, Resource, Span, level_name

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

Fields = dict[str, Any]
Row = TypeVar("Row", Event, Span)

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_STALE_FLAGS = 1


def encode_protobuf(batch: Batch) -> dict[str, bytes]:
    """Return the OTLP protobuf requests that carry ``batch``: ``traces``, ``metrics``, ``logs``, where not empty."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    requests: dict[str, bytes] = {}
    if batch.spans:
        traces = _by_scope(batch, batch.spans, "scope_spans", "spans", _span)
        requests["traces"] = ExportTraceServiceRequest(resource_spans=[traces]).SerializeToString()
    if batch.samples or batch.exponential:
        requests["metrics"] = ExportMetricsServiceRequest(resource_metrics=_metrics(batch)).SerializeToString()
    if batch.events:
        logs = _by_scope(batch, batch.events, "scope_logs", "log_records", _record)
        requests["logs"] = ExportLogsServiceRequest(resource_logs=[logs]).SerializeToString()
    return requests


def _by_scope(batch: Batch, rows: Iterable[Row], outer: str, inner: str, convert: Callable[[Row], Fields]) -> Any:
    scopes: dict[tuple[str, str], list[Fields]] = {}
    for row in rows:
        scopes.setdefault((row.subsystem, row.component), []).append(convert(row))
    entries = [{"scope": {"name": _text(join_scope(*scope))}, inner: items} for scope, items in scopes.items()]
    return {"resource": _resource(batch.resource), outer: entries}


def _resource(resource: Resource) -> Fields:
    return {"attributes": _key_values(resource_attributes(resource))}


def _record(event: Event) -> Fields:
    record: Fields = {
        "time_unix_nano": event.time_ns,
        "observed_time_unix_nano": event.time_ns,
        "severity_number": int(event.level),
        "severity_text": level_name(event.level),
        "event_name": _text(event.name),
        "attributes": _key_values(event.described()),
        "trace_id": bytes.fromhex(event.trace_id),
        "span_id": bytes.fromhex(event.span_id),
    }
    if event.body:
        record["body"] = _any_value(event.body, 0)
    return record


def _span(span: Span) -> Fields:
    return {
        "trace_id": bytes.fromhex(span.trace_id),
        "span_id": bytes.fromhex(span.span_id),
        "parent_span_id": bytes.fromhex(span.parent_id),
        "name": _text(span.name),
        "kind": SPAN_KINDS.get(span.kind, 1),
        "start_time_unix_nano": span.start_ns,
        "end_time_unix_nano": span.end_ns,
        "attributes": _key_values(span.attributes),
        "status": {"code": STATUS_CODES.get(span.status, 0), "message": _text(span.status_message)},
        "events": [
            {
                "time_unix_nano": moment.time_ns,
                "name": _text(moment.name),
                "attributes": _key_values(moment.attributes),
            }
            for moment in span.events
        ],
        "links": [
            {
                "trace_id": bytes.fromhex(link.trace_id),
                "span_id": bytes.fromhex(link.span_id),
                "attributes": _key_values(link.attributes),
            }
            for link in span.links
        ],
    }


def _text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _key_values(attributes: Mapping[str, Any], depth: int = 0) -> "list[KeyValue]":
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

    return [KeyValue(key=_text(str(key)), value=_any_value(value, depth)) for key, value in attributes.items()]


def _any_value(value: Any, depth: int) -> "AnyValue":
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList

    if value is None or depth >= DEPTH_MAX:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int) and _INT64_MIN <= value <= _INT64_MAX:
        return AnyValue(int_value=int(value))
    if isinstance(value, float):
        return AnyValue(double_value=float(value))
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, Mapping):
        return AnyValue(kvlist_value=KeyValueList(values=_key_values(value, depth + 1)))
    if isinstance(value, list | tuple):
        return AnyValue(array_value=ArrayValue(values=[_any_value(item, depth + 1) for item in value]))
    return AnyValue(string_value=_text(str(value)))


def _metrics(batch: Batch) -> Any:
    return [
        {
            "resource": _resource(resource),
            "scope_metrics": [
                {"scope": {"name": scope}, "metrics": [_metric(stream, points) for stream, points in metrics]}
                for scope, metrics in scopes.items()
            ],
        }
        for resource, scopes in by_sender(batch)
    ]


def _metric(stream: Stream, points: list[Point]) -> Fields:
    kind, convert = _DATA[type(points[0])]
    data: Fields = {"data_points": [convert(point) | {"attributes": _labels(point.labels)} for point in points]}
    if kind == "gauge" and stream.kind == Kind.COUNTER:
        kind = "sum"
        data["is_monotonic"] = True
    if kind not in ("gauge", "summary"):
        data["aggregation_temporality"] = CUMULATIVE
    return {"name": stream.name, "unit": stream.unit, "description": stream.description, kind: data}


def _labels(labels: Labels) -> list[Fields]:
    return [{"key": key, "value": {"string_value": value}} for key, value in labels]


def _number(point: Number) -> Fields:
    if is_stale(point.value):
        return {"time_unix_nano": point.time_ns, "flags": _STALE_FLAGS}
    return {"time_unix_nano": point.time_ns, "as_double": point.value}


def _distribution(point: Distribution) -> Fields:
    entry: Fields = {"time_unix_nano": point.time_ns, "explicit_bounds": point.bounds}
    if is_stale(point.count):
        return entry | {"flags": _STALE_FLAGS}
    entry |= {"count": int(point.count), "bucket_counts": point.counts}
    return entry | _optional(sum=point.sum, min=point.min, max=point.max)


def _optional(**values: float | None) -> Fields:
    return {key: value for key, value in values.items() if value is not None}


def _summarised(point: Summarised) -> Fields:
    stale = is_stale(point.count)
    quantiles = [{"quantile": quantile, "value": 0.0 if stale else value} for quantile, value in point.quantiles]
    entry: Fields = {"time_unix_nano": point.time_ns, "quantile_values": quantiles}
    return entry | ({"flags": _STALE_FLAGS} if stale else {"count": int(point.count), "sum": point.sum})


def _exponential(exponential: Exponential) -> Fields:
    point = exponential.point
    return {
        "time_unix_nano": point.time_ns,
        "count": point.count,
        "scale": point.scale,
        "zero_count": point.zero_count,
        "zero_threshold": point.zero_threshold,
        "positive": {"offset": point.positive_offset, "bucket_counts": point.positive},
        "negative": {"offset": point.negative_offset, "bucket_counts": point.negative},
    } | _optional(sum=point.sum, min=point.min, max=point.max)


_DATA: dict[type, tuple[str, Callable[[Any], Fields]]] = {
    Number: ("gauge", _number),
    Distribution: ("histogram", _distribution),
    Summarised: ("summary", _summarised),
    Exponential: ("exponential_histogram", _exponential),
}
