"""What a log frame carries: a delivery of batches.

Payload: three little-endian ``uint32`` (bytes of series, number of samples, bytes of rows), then

- series: msgpack ``[[id, Series], …]``, those that the file has not defined yet;
- samples: three raw little-endian columns, ``int64`` ids, ``int64`` times, ``float64`` values;
- rows: msgpack ``[[Resource, [Event…], [Span…], [ExponentialPoint…]], …]``.
"""

import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from firstlight.errors import StorageError
from firstlight.model import Batch, Event, ExponentialPoint, Resource, Series, Span

_LENGTHS = struct.Struct("<III")
_BYTES_PER_VALUE = 8

SeriesEntry = tuple[int, Series]
RowGroup = tuple[Resource, list[Event], list[Span], list[ExponentialPoint]]

_encode = msgspec.msgpack.Encoder().encode
_decode_series = msgspec.msgpack.Decoder(list[SeriesEntry]).decode
_decode_rows = msgspec.msgpack.Decoder(list[RowGroup]).decode


@dataclass(frozen=True, slots=True)
class Sections:
    """A payload taken apart but not decoded: the raw bytes of each section."""

    series: memoryview
    ids: memoryview
    times: memoryview
    values: memoryview
    rows: memoryview


def pack(batches: Sequence[Batch], defined: set[int]) -> tuple[list[bytes | memoryview], dict[int, Series]]:
    """Return the parts of a payload and the series that it defines.

    Args:
        batches: what to carry.
        defined: ids that the log file has defined already; they are left out.

    Raises:
        StorageError: a value cannot be written (the sender gave something that is not plain data).
    """
    fresh: dict[int, Series] = {}
    ids, times, values = array("q"), array("q"), array("d")
    groups: list[RowGroup] = []
    for batch in batches:
        # Nearly always nothing is new, and asking for that alone takes half as long as the difference.
        if not defined.issuperset(batch.series):
            fresh.update((series_id, batch.series[series_id]) for series_id in batch.series.keys() - defined)
        ids += batch.samples.series_ids
        times += batch.samples.times_ns
        values += batch.samples.values
        if batch.events or batch.spans or batch.exponential:
            groups.append((batch.resource, batch.events, batch.spans, batch.exponential))
    try:
        series_bytes = _encode(list(fresh.items())) if fresh else b""
        row_bytes = _encode(groups) if groups else b""
    except (TypeError, OverflowError, ValueError) as error:
        raise StorageError(f"cannot store this record: {error}") from error
    if sys.byteorder == "big":
        for column in (ids, times, values):
            column.byteswap()
    lengths = _LENGTHS.pack(len(series_bytes), len(values), len(row_bytes))
    columns = [memoryview(column).cast("B") for column in (ids, times, values)] if values else []
    return [lengths, series_bytes, *columns, row_bytes], fresh


def unpack(payload: memoryview) -> Sections:
    """Take a payload apart without copying.

    Raises:
        StorageError: its lengths do not add up.
    """
    series_bytes, count, row_bytes = _LENGTHS.unpack_from(payload)
    edges = [_LENGTHS.size, series_bytes, *[count * _BYTES_PER_VALUE] * 3, row_bytes]
    if sum(edges) != len(payload):
        raise StorageError("a log frame does not have the length that it says")
    views = []
    start = edges[0]
    for size in edges[1:]:
        views.append(payload[start : start + size])
        start += size
    return Sections(*views)


def series_of(sections: Sections) -> list[SeriesEntry]:
    """Decode the series that a frame defines."""
    return series_in(sections.series)


def series_in(section: bytes | memoryview) -> list[SeriesEntry]:
    """Decode a series section."""
    return _decode_series(section) if section else []


def rows_of(rows: bytes | memoryview) -> list[RowGroup]:
    """Decode a rows section: events, spans and exponential histogram points, grouped by sender."""
    return _decode_rows(rows) if rows else []
