"""Batches to points of line protocol.

Events are points of the measurement named like them (``events`` when they have no name), spans of ``spans``, metrics of
their own name.  What InfluxDB cannot keep is bent: null, NaN and infinities are left out, lists and objects are JSON
text, whole numbers beyond 64 bits doubles, control characters in names spaces.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

import msgspec

from firstlight.codecs.exponential import classic_buckets
from firstlight.codecs.influx import NAMES_KEPT, Point, Unsigned, Value
from firstlight.codecs.prometheus_text import format_value
from firstlight.model import Batch, Event, ExponentialPoint, Resource, Series, Span, level_name

NAMELESS = "events"
SPANS = "spans"
_RESERVED = "time"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INT_MIN, _INT_MAX, _UINT_MAX = -(2**63), 2**63 - 1, 2**64 - 1

_json_text = msgspec.json.Encoder().encode


def points(batch: Batch) -> Iterator[Point]:
    """Yield all of ``batch``, in its order: events, spans, samples, exponential histograms as classic buckets."""
    resource = batch.resource
    for event in batch.events:
        yield _event(event, resource)
    for span in batch.spans:
        yield _span(span, resource)
    yield from _samples(batch)
    for exponential in batch.exponential:
        yield from _exponential(exponential, batch.series[exponential.series_id])


def _event(event: Event, resource: Resource) -> Point:
    tags = {
        "component": event.component,
        "level": level_name(event.level),
        "service": resource.service,
        "subsystem": event.subsystem,
    }
    own: dict[str, Any] = {
        "message": event.body,
        "process_id": resource.pid,
        "session_id": resource.session_id,
        "span_id": event.span_id,
        "thread_id": event.thread_id,
        "trace_id": event.trace_id,
    }
    return Point(_name(event.name or NAMELESS), _tags(tags), _fields(event.attributes, own), event.time_ns)


def _span(span: Span, resource: Resource) -> Point:
    tags = {
        "component": span.component,
        "kind": span.kind,
        "operation": span.name,
        "service": resource.service,
        "status": span.status,
        "subsystem": span.subsystem,
    }
    own = {
        "duration_ns": span.end_ns - span.start_ns,
        "parent_id": span.parent_id,
        "session_id": resource.session_id,
        "span_id": span.span_id,
        "status_message": span.status_message,
        "trace_id": span.trace_id,
    }
    return Point(SPANS, _tags(tags), _fields(span.attributes, own), span.start_ns)


def _samples(batch: Batch) -> Iterator[Point]:
    known: dict[int, tuple[str, dict[str, str], str]] = {}
    samples = batch.samples
    for series_id, time_ns, value in zip(samples.series_ids, samples.times_ns, samples.values, strict=True):
        if isfinite(value):
            found = known.get(series_id)
            if found is None:
                series = batch.series[series_id]
                found = known[series_id] = (_name(series.name), _series_tags(series), series.field)
            name, tags, field = found
            yield Point(name, tags, {field: value}, time_ns)


def _exponential(point: ExponentialPoint, series: Series) -> Iterator[Point]:
    name, tags = _name(series.name), _series_tags(series)
    for bound, count in classic_buckets(point):
        yield Point(
            name, dict(sorted({**tags, "le": format_value(bound)}.items())), {"bucket": float(count)}, point.time_ns
        )
    parts = {"count": float(point.count), "max": point.max, "min": point.min, "sum": point.sum}
    fields: dict[str, Value] = {key: part for key, part in parts.items() if part is not None and isfinite(part)}
    yield Point(name, tags, fields, point.time_ns)


def _series_tags(series: Series) -> dict[str, str]:
    return _tags({**dict(series.labels), "service": series.service, "session_id": series.session_id})


def _tags(pairs: Mapping[str, str]) -> dict[str, str]:
    """Return them sorted, as InfluxDB likes them best, without empty values."""
    return {_name(key): _name(value) for key, value in sorted(pairs.items()) if key and value}


def _fields(attributes: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for key, value in (*own.items(), *attributes.items()):
        bent = _bent(value)
        if bent is not None:
            fields[_name(key)] = bent
    return fields


def _bent(value: Any) -> Value | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if _INT_MIN <= value <= _INT_MAX else _beyond(value)
    if isinstance(value, float):
        return value if isfinite(value) else None
    return _json_text(value).decode()


def _beyond(value: int) -> Value:
    return Unsigned(value) if 0 < value <= _UINT_MAX else float(value)


@lru_cache(NAMES_KEPT)
def _name(text: str) -> str:
    clean = _CONTROL.sub(" ", text) or "_"
    if clean.endswith("\\"):
        clean += " "
    return f"{clean}_" if clean == _RESERVED else clean
