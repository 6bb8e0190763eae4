"""A batch as bytes, and back: msgpack, the samples as little-endian columns.  A fifth of its size as objects."""

import sys
from array import array
from typing import Any

import msgspec

from firstlight.errors import DecodeError, UsageError
from firstlight.model import Batch, Event, Exemplar, ExponentialPoint, Resource, Series, Span


class Packed(msgspec.Struct, array_like=True, gc=False):
    """What a record holds of a :class:`~firstlight.model.Batch`."""

    resource: Resource
    events: list[Event]
    spans: list[Span]
    series: list[tuple[int, Series]]
    series_ids: bytes
    times_ns: bytes
    values: bytes
    exponential: list[ExponentialPoint]
    exemplars: list[Exemplar] = []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Packed).decode


def pack(batch: Batch) -> bytes:
    """Return ``batch`` as bytes.

    Raises:
        UsageError: it holds something that is no plain data.
    """
    samples = batch.samples
    packed = Packed(
        batch.resource,
        batch.events,
        batch.spans,
        list(batch.series.items()),
        _bytes_of(samples.series_ids),
        _bytes_of(samples.times_ns),
        _bytes_of(samples.values),
        batch.exponential,
        batch.exemplars,
    )
    try:
        return _encode(packed)
    except UnicodeEncodeError:
        return _encode(_without_surrogates(msgspec.to_builtins(packed, builtin_types=(bytes,))))
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"this batch cannot be packed: {error}; give plain values") from error


def unpack(payload: bytes) -> Batch:
    """Return the batch that ``payload`` holds.

    Raises:
        DecodeError: it holds none.
    """
    try:
        packed = _decode(payload)
    except msgspec.DecodeError as error:
        raise DecodeError(f"no batch can be read from these bytes: {error}") from error
    batch = Batch(packed.resource)
    batch.events, batch.spans = packed.events, packed.spans
    batch.exponential, batch.exemplars = packed.exponential, packed.exemplars
    batch.series = dict(packed.series)
    _fill(batch.samples.series_ids, packed.series_ids)
    _fill(batch.samples.times_ns, packed.times_ns)
    _fill(batch.samples.values, packed.values)
    return batch


def _bytes_of(column: "array[Any]") -> bytes:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()


def _fill(column: "array[Any]", content: bytes) -> None:
    column.frombytes(content)
    if sys.byteorder == "big":
        column.byteswap()


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return [_without_surrogates(item) for item in value] if isinstance(value, list | tuple) else value
