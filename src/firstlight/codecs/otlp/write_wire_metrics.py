"""Metrics to OTLP protobuf; see :mod:`firstlight.codecs.otlp.write_wire`."""

import struct
from collections.abc import Callable, Iterable
from typing import Any

from firstlight.codecs.otlp.metric_groups import by_sender
from firstlight.codecs.otlp.regroup import Distribution, Exponential, Number, Point, Summarised
from firstlight.codecs.otlp.series_cache import Labels, Stream
from firstlight.codecs.otlp.values import is_stale
from firstlight.codecs.otlp.write_json import CUMULATIVE
from firstlight.codecs.otlp.write_wire import pairs, resource_field, scope_field, sized, text, varint
from firstlight.model import Batch, Exemplar, Kind

_UINT64 = 2**64 - 1
_fixed64 = struct.Struct("<BQ").pack
_time = struct.Struct("<Bq").pack
_double = struct.Struct("<Bd").pack
_two_doubles = struct.Struct("<BdBd").pack
_join = b"".join


def metrics_request(batch: Batch) -> bytes:
    """Return the ``ExportMetricsServiceRequest`` of the samples and exponential points of ``batch``."""
    label_fields: dict[tuple[int, Labels], bytes] = {}

    def labels_of(tag: int, labels: Labels) -> bytes:
        found = label_fields.get((tag, labels))
        if found is None:
            found = label_fields[tag, labels] = pairs(tag, dict(labels))
        return found

    resources = []
    for resource, scopes in by_sender(batch):
        inner = [
            sized(0x12, scope_field(scope) + _join(_metric(stream, points, labels_of) for stream, points in metrics))
            for scope, metrics in scopes.items()
        ]
        resources.append(sized(0x0A, resource_field(resource) + _join(inner)))
    return _join(resources)


def _metric(stream: Stream, points: list[Point], labels_of: Callable[[int, Labels], bytes]) -> bytes:
    tag, labels_tag, convert = _DATA[type(points[0])]
    data = [sized(0x0A, convert(point, labels_of(labels_tag, point.labels))) for point in points]
    is_counter = tag == _GAUGE and stream.kind == Kind.COUNTER
    tag = _SUM if is_counter else tag
    if tag not in (_GAUGE, _SUMMARY):
        data.append(b"\x10" + varint(CUMULATIVE))
    if is_counter:
        data.append(b"\x18\x01")
    parts = [sized(0x0A, text(stream.name))]
    if stream.description:
        parts.append(sized(0x12, text(stream.description)))
    if stream.unit:
        parts.append(sized(0x1A, text(stream.unit)))
    return sized(0x12, _join((*parts, sized(tag, _join(data)))))


def _number(point: Number, labels: bytes) -> bytes:
    # Here and below in the order of the fields' numbers, as every serialiser has it.
    if is_stale(point.value):
        return _join((_time(0x19, point.time_ns), labels, b"\x40\x01"))
    value = _time(0x19, point.time_ns) + _double(0x21, point.value)
    return _join((value, _exemplars(0x2A, point.exemplars), labels)) if point.exemplars else value + labels


def _distribution(point: Distribution, labels: bytes) -> bytes:
    head, bounds = _time(0x19, point.time_ns), _packed(0x3A, "d", point.bounds)
    if is_stale(point.count):
        return _join((head, bounds, labels, b"\x50\x01"))
    parts = [head, _fixed64(0x21, int(point.count)), *_optional(((0x29, point.sum),))]
    parts += (_packed(0x32, "Q", point.counts), bounds, _exemplars(0x42, point.exemplars), labels)
    return _join((*parts, *_optional(((0x59, point.min), (0x61, point.max)))))


def _summarised(point: Summarised, labels: bytes) -> bytes:
    stale = is_stale(point.count)
    quantiles = [
        sized(0x32, _two_doubles(0x09, quantile, 0x11, 0.0 if stale else value)) for quantile, value in point.quantiles
    ]
    head = _time(0x19, point.time_ns)
    if stale:
        return _join((head, *quantiles, labels, b"\x40\x01"))
    return _join((head, _fixed64(0x21, int(point.count)), _double(0x29, point.sum), *quantiles, labels))


def _exponential(exponential: Exponential, labels: bytes) -> bytes:
    point = exponential.point
    parts = [
        labels,
        _time(0x19, point.time_ns),
        _fixed64(0x21, point.count),
        _double(0x29, point.sum),
        b"\x30" + _zigzag(point.scale),
        _fixed64(0x39, point.zero_count),
        sized(0x42, _buckets(point.positive_offset, point.positive)),
        sized(0x4A, _buckets(point.negative_offset, point.negative)),
        _exemplars(0x5A, exponential.exemplars),
        *_optional(((0x61, point.min), (0x69, point.max))),
        _double(0x71, point.zero_threshold),
    ]
    return _join(parts)


def _exemplars(tag: int, exemplars: list[Exemplar]) -> bytes:
    return _join(sized(tag, _exemplar(one)) for one in exemplars)


def _exemplar(one: Exemplar) -> bytes:
    parts = [_time(0x11, one.time_ns), _double(0x19, one.value)]
    if one.span_id:
        parts.append(sized(0x22, bytes.fromhex(one.span_id)))
    if one.trace_id:
        parts.append(sized(0x2A, bytes.fromhex(one.trace_id)))
    return _join((*parts, pairs(0x3A, dict(one.labels))))


def _buckets(offset: int, counts: Iterable[int | float]) -> bytes:
    packed = _join(varint(int(count)) for count in counts)
    return b"\x08" + _zigzag(offset) + (sized(0x12, packed) if packed else b"")


def _zigzag(number: int) -> bytes:
    return varint((number << 1 ^ number >> 63) & _UINT64)


def _packed(tag: int, code: str, values: list[Any]) -> bytes:
    return sized(tag, struct.pack(f"<{len(values)}{code}", *values)) if values else b""


def _optional(fields: tuple[tuple[int, float | None], ...]) -> list[bytes]:
    return [_double(tag, value) for tag, value in fields if value is not None]


_GAUGE, _SUM, _HISTOGRAM, _EXPONENTIAL, _SUMMARY = 0x2A, 0x3A, 0x4A, 0x52, 0x5A
_DATA: dict[type, tuple[int, int, Callable[[Any, bytes], bytes]]] = {
    Number: (_GAUGE, 0x3A, _number),
    Distribution: (_HISTOGRAM, 0x4A, _distribution),
    Summarised: (_SUMMARY, 0x3A, _summarised),
    Exponential: (_EXPONENTIAL, 0x0A, _exponential),
}
