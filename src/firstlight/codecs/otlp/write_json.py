"""Batches to OTLP JSON.  Standard library and msgspec only: it runs inside other people's processes."""

from binascii import b2a_base64
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any, TypeVar

import msgspec

from firstlight.codecs.otlp.metric_groups import by_sender
from firstlight.codecs.otlp.regroup import Distribution, Exponential, Number, Point, Summarised
from firstlight.codecs.otlp.senders import join_scope, resource_attributes
from firstlight.codecs.otlp.series_cache import Labels, Stream
from firstlight.codecs.otlp.values import DEPTH_MAX, is_stale, number_text
from firstlight.model import Batch, Event, Exemplar, ExponentialPoint, Kind, Resource, Span, level_name

Json = dict[str, Any]
Row = TypeVar("Row", Event, Span)

CUMULATIVE = 2
SPAN_KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
STATUS_CODES = {"unset": 0, "ok": 1, "error": 2}

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_STALE_FLAGS = 1
_LEVEL_NAMES = {number: level_name(number) for number in range(1, 25)}
_encode = msgspec.json.Encoder().encode


def encode_json(batch: Batch) -> dict[str, bytes]:
    """Return the OTLP JSON requests that carry ``batch``: ``traces``, ``metrics`` and ``logs``, where not empty."""
    requests: dict[str, Json] = {}
    if batch.spans:
        requests["traces"] = {"resourceSpans": [_by_scope(batch, batch.spans, "scopeSpans", "spans", _span)]}
    if batch.samples or batch.exponential:
        requests["metrics"] = {"resourceMetrics": _metrics(batch)}
    if batch.events:
        requests["logs"] = {"resourceLogs": [_by_scope(batch, batch.events, "scopeLogs", "logRecords", _record)]}
    return {signal: _bytes(request) for signal, request in requests.items()}


def _bytes(request: Json) -> bytes:
    try:
        return _encode(request)
    except UnicodeEncodeError:
        return _encode(_without_surrogates(request))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return [_without_surrogates(item) for item in value] if isinstance(value, list) else value


def _resource(resource: Resource) -> Json:
    return {"attributes": key_values(resource_attributes(resource))}


def _by_scope(batch: Batch, rows: Iterable[Row], outer: str, inner: str, convert: Callable[[Row], Json]) -> Json:
    scopes: dict[tuple[str, str], list[Json]] = {}
    for row in rows:
        scopes.setdefault((row.subsystem, row.component), []).append(convert(row))
    entries = [{"scope": {"name": join_scope(*scope)}, inner: items} for scope, items in scopes.items()]
    return {"resource": _resource(batch.resource), outer: entries}


def _record(event: Event) -> Json:
    time_text = str(event.time_ns)
    record: Json = {
        "timeUnixNano": time_text,
        "observedTimeUnixNano": time_text,
        "severityNumber": event.level,
        "severityText": _LEVEL_NAMES.get(event.level) or level_name(event.level),
    }
    if event.name:
        record["eventName"] = event.name
    if event.body:
        record["body"] = {"stringValue": event.body}
    if attributes := event.described():
        record["attributes"] = key_values(attributes)
    if event.trace_id:
        record["traceId"] = event.trace_id
    if event.span_id:
        record["spanId"] = event.span_id
    return record


def _span(span: Span) -> Json:
    entry: Json = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": SPAN_KINDS.get(span.kind, 1),
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
    }
    if span.parent_id:
        entry["parentSpanId"] = span.parent_id
    if span.attributes:
        entry["attributes"] = key_values(span.attributes)
    if span.status != "unset" or span.status_message:
        entry["status"] = {"code": STATUS_CODES.get(span.status, 0), "message": span.status_message}
    if span.events:
        entry["events"] = [
            {"timeUnixNano": str(moment.time_ns), "name": moment.name, "attributes": key_values(moment.attributes)}
            for moment in span.events
        ]
    if span.links:
        entry["links"] = [
            {"traceId": link.trace_id, "spanId": link.span_id, "attributes": key_values(link.attributes)}
            for link in span.links
        ]
    return entry


def key_values(attributes: Mapping[str, Any], depth: int = 0) -> list[Json]:
    """Return plain attributes as OTLP JSON key-value pairs."""
    return [
        {"key": key, "value": {"stringValue": value} if type(value) is str else _any_value(value, depth)}
        for key, value in attributes.items()
    ]


def _any_value(value: Any, depth: int) -> Json:
    if value is None or depth >= DEPTH_MAX:
        return {}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(int(value))} if _INT64_MIN <= value <= _INT64_MAX else {"stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": _double(value)}
    if isinstance(value, Mapping):
        named = {str(key): item for key, item in value.items()}
        return {"kvlistValue": {"values": key_values(named, depth + 1)}}
    if isinstance(value, list | tuple):
        return {"arrayValue": {"values": [_any_value(item, depth + 1) for item in value]}}
    return (
        {"bytesValue": b2a_base64(value, newline=False).decode()}
        if isinstance(value, bytes)
        else {"stringValue": str(value)}
    )


def _double(value: float) -> float | str:
    if isfinite(value):
        return value
    return {"+Inf": "Infinity", "-Inf": "-Infinity"}.get(number_text(value), "NaN")


def _metrics(batch: Batch) -> list[Json]:
    label_pairs: dict[Labels, list[Json]] = {}

    def pairs_of(labels: Labels) -> list[Json]:
        pairs = label_pairs.get(labels)
        if pairs is None:
            pairs = label_pairs[labels] = [{"key": key, "value": {"stringValue": value}} for key, value in labels]
        return pairs

    return [
        {
            "resource": _resource(resource),
            "scopeMetrics": [
                {"scope": {"name": scope}, "metrics": [_metric(stream, points, pairs_of) for stream, points in metrics]}
                for scope, metrics in scopes.items()
            ],
        }
        for resource, scopes in by_sender(batch)
    ]


def _metric(stream: Stream, points: list[Point], pairs_of: Callable[[Labels], list[Json]]) -> Json:
    metric: Json = {"name": stream.name}
    if stream.unit:
        metric["unit"] = stream.unit
    if stream.description:
        metric["description"] = stream.description
    kind, convert = _DATA[type(points[0])]
    data: Json = {"dataPoints": [_labelled(convert(point), point.labels, pairs_of) for point in points]}
    if kind == "gauge" and stream.kind == Kind.COUNTER:
        kind = "sum"
        data["isMonotonic"] = True
    if kind not in ("gauge", "summary"):
        data["aggregationTemporality"] = CUMULATIVE
    metric[kind] = data
    return metric


def _labelled(point: Json, labels: Labels, pairs_of: Callable[[Labels], list[Json]]) -> Json:
    if labels:
        point["attributes"] = pairs_of(labels)
    return point


def _with_exemplars(entry: Json, exemplars: list[Exemplar]) -> Json:
    if exemplars:
        entry["exemplars"] = [_exemplar(one) for one in exemplars]
    return entry


def _exemplar(one: Exemplar) -> Json:
    entry: Json = {"timeUnixNano": str(one.time_ns), "asDouble": _double(one.value)}
    if one.span_id:
        entry["spanId"] = one.span_id
    if one.trace_id:
        entry["traceId"] = one.trace_id
    if one.labels:
        entry["filteredAttributes"] = key_values(dict(one.labels))
    return entry


def _number(point: Number) -> Json:
    value = point.value
    if isfinite(value):
        return _with_exemplars({"timeUnixNano": str(point.time_ns), "asDouble": value}, point.exemplars)
    if is_stale(value):
        return {"timeUnixNano": str(point.time_ns), "flags": _STALE_FLAGS}
    return {"timeUnixNano": str(point.time_ns), "asDouble": _double(value)}


def _distribution(point: Distribution) -> Json:
    entry: Json = {"timeUnixNano": str(point.time_ns), "explicitBounds": point.bounds}
    if is_stale(point.count):
        entry["flags"] = _STALE_FLAGS
        return entry
    entry["count"] = str(int(point.count))
    entry["bucketCounts"] = [str(count) for count in point.counts]
    return _with_exemplars(entry | _optional(sum=point.sum, min=point.min, max=point.max), point.exemplars)


def _optional(**values: float | None) -> Json:
    return {key: _double(value) for key, value in values.items() if value is not None}


def _summarised(point: Summarised) -> Json:
    stale = is_stale(point.count)
    quantiles = [
        {"quantile": _double(quantile), "value": 0.0 if stale else _double(value)}
        for quantile, value in point.quantiles
    ]
    entry: Json = {"timeUnixNano": str(point.time_ns), "quantileValues": quantiles}
    if stale:
        return entry | {"flags": _STALE_FLAGS}
    return entry | {"count": str(int(point.count)), "sum": _double(point.sum)}


def _exponential(exponential: Exponential) -> Json:
    point: ExponentialPoint = exponential.point
    entry = {
        "timeUnixNano": str(point.time_ns),
        "count": str(point.count),
        "scale": point.scale,
        "zeroCount": str(point.zero_count),
        "zeroThreshold": point.zero_threshold,
        "positive": {"offset": point.positive_offset, "bucketCounts": [str(count) for count in point.positive]},
        "negative": {"offset": point.negative_offset, "bucketCounts": [str(count) for count in point.negative]},
    } | _optional(sum=point.sum, min=point.min, max=point.max)
    return _with_exemplars(entry, exponential.exemplars)


_DATA: dict[type, tuple[str, Callable[[Any], Json]]] = {
    Number: ("gauge", _number),
    Distribution: ("histogram", _distribution),
    Summarised: ("summary", _summarised),
    Exponential: ("exponentialHistogram", _exponential),
}
