"""Messages of remote write 1.0 with protobuf's own library: an independent writer, and the reader to compare with."""

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "prometheus"
_TYPES = {
    "double": _FIELD.TYPE_DOUBLE,
    "int64": _FIELD.TYPE_INT64,
    "uint64": _FIELD.TYPE_UINT64,
    "uint32": _FIELD.TYPE_UINT32,
    "sint32": _FIELD.TYPE_SINT32,
    "sint64": _FIELD.TYPE_SINT64,
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
}

# Texts are bytes here, so that tests can write what is no UTF-8; on the wire both are the same.
_MESSAGES = {
    "Label": "bytes name=1, bytes value=2",
    "Sample": "double value=1, int64 timestamp=2",
    "Exemplar": "*Label labels=1, double value=2, int64 timestamp=3",
    "BucketSpan": "sint32 offset=1, uint32 length=2",
    "Histogram": (
        "?uint64 count_int=1, ?double count_float=2, double sum=3, sint32 schema=4, double zero_threshold=5, "
        "?uint64 zero_count_int=6, ?double zero_count_float=7, *BucketSpan negative_spans=8, "
        "*sint64 negative_deltas=9, *double negative_counts=10, *BucketSpan positive_spans=11, "
        "*sint64 positive_deltas=12, *double positive_counts=13, uint32 reset_hint=14, int64 timestamp=15, "
        "*double custom_values=16"
    ),
    "TimeSeries": "*Label labels=1, *Sample samples=2, *Exemplar exemplars=3, *Histogram histograms=4",
    "MetricMetadata": "uint32 type=1, bytes metric_family_name=2, bytes help=4, bytes unit=5",
    "WriteRequest": "*TimeSeries timeseries=1, *MetricMetadata metadata=3",
}


@cache
def message(name: str) -> Any:
    """Return the class of a message of prompb/remote.proto and types.proto."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


@cache
def _pool() -> Any:
    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(name="remote.proto", package=_PACKAGE, syntax="proto3")
    for title, fields in _MESSAGES.items():
        _add(file.message_type.add(name=title), fields)
    pool.Add(file)
    return pool


def _add(target: Any, fields: str) -> None:
    for declared in fields.split(", "):
        kind, rest = declared.split(" ")
        name, number = rest.split("=")
        plain = kind.strip("*?")
        one = target.field.add(name=name, number=int(number))
        one.label = _FIELD.LABEL_REPEATED if kind.startswith("*") else _FIELD.LABEL_OPTIONAL
        if plain in _TYPES:
            one.type = _TYPES[plain]
        else:
            one.type, one.type_name = _FIELD.TYPE_MESSAGE, f".{_PACKAGE}.{plain}"
        if kind.startswith("?"):
            one.oneof_index = len(target.oneof_decl)
            target.oneof_decl.add(name=f"_{name}")
            one.proto3_optional = True


def request(*series: Any, metadata: Any = ()) -> Any:
    """Return a ``WriteRequest``."""
    return message("WriteRequest")(timeseries=series, metadata=metadata)


def labels_of(pairs: Any) -> list[Any]:
    """Return labels in the order in which they are given."""
    return [message("Label")(name=_bytes(name), value=_bytes(value)) for name, value in pairs]


def series(pairs: Any, *samples: tuple[int, float], **more: Any) -> Any:
    """Return a ``TimeSeries`` with samples of ``(time_ms, value)``."""
    pairs = pairs.items() if isinstance(pairs, dict) else pairs
    made = [message("Sample")(timestamp=time_ms, value=value) for time_ms, value in samples]
    return message("TimeSeries")(labels=labels_of(pairs), samples=made, **more)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
