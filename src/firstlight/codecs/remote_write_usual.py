"""The samples of known series in a remote write request, and where all that is not that lies.

Where a series has one sample with a value, as nearly all of them have, the bytes before its last 18 are its labels:
that is one slice and one look-up, and numbers are read for all at once.  The compiled loop, where it is there, reads
other layouts of samples too, which are left to the caller here; both come to the same.
"""

from typing import Any, NamedTuple

import numpy as np

from firstlight.codecs.otlp.wire import MORE, fields
from firstlight.errors import DecodeError
from firstlight.native import loops

_SERIES, _METADATA = 0x0A, 0x1A
_SAMPLE_HEAD = b"\x12\x10\x09"
_SAMPLE_BYTES = 18
"""Tag and length, tag and value, tag and a time between 2004 and 2109."""
_TIME_BYTES = 6
_TIME_TAG, _TIME_TAG_AT, _TIME_AT = 0x10, 11, 12
_VALUE_AT = 3
_SHIFTS = 7 * np.arange(_TIME_BYTES)
_TWO_BYTES = 1 << 14
"""What a length of two bytes cannot say."""
_NS_PER_MS = 1_000_000

Place = tuple[int, int]


class Usual(NamedTuple):
    """What could be read, and the rest.

    Attributes:
        ids: of the series of each sample, raw 64-bit integers.
        times_ns: likewise.
        values: raw doubles, bit for bit.
        series: ids of the series that samples are of, each at least once.
        odd: where the series lie that have to be read field by field.
        metadata: where metadata lies.
    """

    ids: bytes
    times_ns: bytes
    values: bytes
    series: list[int]
    odd: list[Place]
    metadata: list[Place]


def read_usual(body: bytes, ids: dict[bytes, int]) -> Usual:
    """Return the samples of the series whose labels are in ``ids``, by their bytes.

    Raises:
        DecodeError: it is no such request.
    """
    try:
        return Usual(*loops.compiled.written(body, ids)) if loops.compiled else _read(body, ids)
    except IndexError:
        raise DecodeError("not remote write: it ends in the middle of a field") from None
    except ValueError as error:
        raise DecodeError(f"not remote write: {error}") from None


def _read(body: bytes, known: dict[bytes, int]) -> Usual:
    find, odd, metadata = known.get, list[Place](), list[Place]()
    found, ends = list[int](), list[int]()
    position, end = 0, len(body)
    while position < end:
        tag, size, start = body[position], body[position + 1], position + 2
        if size >= MORE:
            size += (body[start] << 7) - MORE
            start += 1
        if tag != _SERIES or size >= _TWO_BYTES:
            tag, start, position = next(fields(body, position, end))
            if tag in _NOTED:
                (odd if tag == _SERIES else metadata).append((start, position))
            continue
        position = start + size
        edge = position - _SAMPLE_BYTES
        if edge > start and body[edge : edge + 3] == _SAMPLE_HEAD and body[edge + _TIME_TAG_AT] == _TIME_TAG:
            series_id = find(body[start:edge])
            if series_id is not None:
                found.append(series_id)
                ends.append(position)
                continue
        odd.append((start, position))
    if position != end:
        raise DecodeError("not remote write: a field runs over the end")
    return _with_numbers(body, found, ends, odd, metadata)


_NOTED = frozenset({_SERIES, _METADATA})


def _with_numbers(body: bytes, found: list[int], ends: list[int], odd: list[Place], metadata: list[Place]) -> Usual:
    if not found:
        return Usual(b"", b"", b"", found, odd, metadata)
    octets = np.frombuffer(body, np.uint8)
    rows = octets[np.array(ends)[:, None] + np.arange(-_SAMPLE_BYTES, 0)]
    groups = rows[:, _TIME_AT:]
    if not (_is_one_number(groups)).all():
        raise DecodeError("not remote write: a time is no number")
    times_ns = ((groups & 0x7F).astype(np.int64) << _SHIFTS).sum(axis=1) * _NS_PER_MS
    values = np.ascontiguousarray(rows[:, _VALUE_AT:_TIME_TAG_AT]).view("<f8").astype(np.float64)
    return Usual(np.array(found, np.int64).tobytes(), times_ns.tobytes(), values.tobytes(), found, odd, metadata)


def _is_one_number(groups: Any) -> Any:
    return (groups[:, :-1] >= MORE).all(axis=1) & (groups[:, -1] < MORE)
