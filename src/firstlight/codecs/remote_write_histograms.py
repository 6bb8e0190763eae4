"""Native histograms of remote write 1.0.

Source: ``Histogram`` of github.com/prometheus/prometheus/blob/main/prompb/types.proto.

Buckets come as runs: how many are left out before each and how long it is.  A lake has a place for those left out, too.
"""

import struct
from collections.abc import Sequence
from itertools import accumulate, chain, islice, pairwise
from math import isfinite
from typing import Any

from firstlight.codecs.otlp.outcome import Refused
from firstlight.codecs.otlp.wire import LENGTH, VARINT, fields, varint
from firstlight.codecs.remote_write_wire import parts, signed, time_ns_of, values_of
from firstlight.errors import DecodeError
from firstlight.model import CUSTOM_SCALE, ExponentialPoint

BUCKETS_MAX = 65_536
"""From the first to the last bucket of one side."""

_COUNT_INT, _COUNT, _SUM, _SCHEMA = 0x08, 0x11, 0x19, 0x20
_ZERO_THRESHOLD, _ZERO_COUNT_INT, _ZERO_COUNT = 0x29, 0x30, 0x39
_NEGATIVE, _POSITIVE = (0x42, 9, 10), (0x5A, 12, 13)
"""Tag of the runs, numbers of the fields of deltas and of counts."""
_HINT, _TIME, _BOUNDS = 0x70, 0x78, 16
_GAP, _RUN = 0x08, 0x10

_SCALES = range(-4, 9)
_HINTS = range(4)
_GAUGE = 3
_EXACT = 2.0**53
_DOUBLE_BYTES = 8


def read_histogram(series_id: int, message: bytes) -> ExponentialPoint:
    """Return the point that ``message`` is.  Counts that are whole are whole here, whatever they came as.

    Raises:
        Refused: it contradicts itself, has an unknown schema or too many buckets.
        DecodeError: it is no histogram.
    """
    found = values_of(message)
    scale = signed(found.get(_SCHEMA, 0))
    custom = scale == CUSTOM_SCALE
    if scale not in _SCALES and not custom:
        raise Refused(f"a histogram has the schema {scale}, which is unknown")
    positive_offset, positive = _side(message, _POSITIVE, custom)
    negative_offset, negative = _side(message, _NEGATIVE, custom)
    heads = found.get(_COUNT, found.get(_COUNT_INT, 0)), found.get(_ZERO_COUNT, found.get(_ZERO_COUNT_INT, 0))
    (count, zero_count), (positive, negative) = _whole(heads, positive, negative)
    point = ExponentialPoint(
        series_id,
        time_ns_of(found.get(_TIME, 0)),
        count,
        found.get(_SUM, 0.0),
        scale,
        zero_count,
        found.get(_ZERO_THRESHOLD, 0.0),
        positive_offset,
        positive,
        negative_offset,
        negative,
        bounds=_doubles(message, _BOUNDS) if custom else (),
        hint=found.get(_HINT, 0) if found.get(_HINT, 0) in _HINTS else 0,
    )
    _check(point)
    return point


def _side(message: bytes, side: tuple[int, int, int], custom: bool) -> tuple[int, list[Any]]:
    """Return index of the first bucket, as OTLP counts, and the count of each from there on."""
    tag, deltas, counts = side
    filled: list[Any] = _doubles(message, counts) or list(accumulate(_numbers(message, deltas)))
    runs = [values_of(run) for run in parts(message, tag)]
    spans = [(signed(run.get(_GAP, 0)), run.get(_RUN, 0)) for run in runs]
    if sum(length for _, length in spans) != len(filled) or any(gap < 0 for gap, _ in spans[1:]):
        raise Refused("the buckets of a histogram are not as many as its spans say")
    if sum(gap + length for gap, length in spans) - (spans[0][0] if spans else 0) > BUCKETS_MAX:
        raise Refused(f"a histogram has more than {BUCKETS_MAX} buckets from its first to its last")
    rest, dense = iter(filled), list[Any]()
    for number, (gap, length) in enumerate(spans):
        dense += [0] * (gap if number else 0)
        dense += islice(rest, length)
    first = spans[0][0] if dense else 0
    return (first if custom or not dense else first - 1), dense


def _whole(heads: Sequence[Any], *sides: list[Any]) -> tuple[Sequence[Any], Sequence[list[Any]]]:
    """Return counts as integers where that says the same, else ``count`` as a float at least."""
    if all(map(_is_whole, chain(heads, *sides))):
        return [int(count) for count in heads], [[int(count) for count in side] for side in sides]
    return [float(count) for count in heads], sides


def _is_whole(count: int | float) -> bool:
    return isinstance(count, int) or (count.is_integer() and abs(count) < _EXACT)


def _check(point: ExponentialPoint) -> None:
    """Refuse what no histogram can be."""
    counts = (point.count, point.zero_count, *point.positive, *point.negative)
    if any(count < 0 for count in counts) and point.hint != _GAUGE:
        raise Refused("a histogram has a bucket with less than nothing")
    if point.scale != CUSTOM_SCALE:
        return
    if not all(map(isfinite, point.bounds)) or any(low >= high for low, high in pairwise(point.bounds)):
        raise Refused("the bounds of a histogram do not ascend")
    if point.negative or point.zero_count or point.positive_offset < 0:
        raise Refused("a histogram with custom bounds has buckets that such ones have not")
    if point.positive_offset + len(point.positive) > len(point.bounds) + 1:
        raise Refused("a histogram has more buckets than bounds")


def _numbers(message: bytes, number: int) -> list[int]:
    """Return the ``sint64`` of a repeated field, packed or not."""
    found: list[int] = []
    for tag, start, stop in fields(message, 0, len(message)):
        if tag == number << 3 | VARINT:
            found.append(signed(varint(message, start)[0]))
        elif tag == number << 3 | LENGTH:
            position = start
            while position < stop:
                value, position = varint(message, position)
                found.append(signed(value))
    return found


def _doubles(message: bytes, number: int) -> list[float]:
    """Return the doubles of a repeated field, packed or not."""
    packed = b"".join(
        message[start:stop] for tag, start, stop in fields(message, 0, len(message)) if tag >> 3 == number
    )
    if len(packed) % _DOUBLE_BYTES:
        raise DecodeError("not remote write: a list of numbers has no whole number of them")
    return list(struct.unpack(f"<{len(packed) // _DOUBLE_BYTES}d", packed))
