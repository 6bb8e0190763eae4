"""Messages of remote write field by field (https://protobuf.dev/programming-guides/encoding)."""

import struct
from collections.abc import Iterator
from typing import Any

from firstlight.codecs.otlp.outcome import TIME_MAX_NS, Refused
from firstlight.codecs.otlp.wire import FIXED64, LENGTH, MORE, VARINT, fields, varint

_NS_PER_MS = 1_000_000
_SIGN = 1 << 63
_double = struct.Struct("<d").unpack


def parts(message: bytes, tag: int) -> Iterator[bytes]:
    """Yield the content of each field with ``tag``."""
    return (message[start:stop] for found, start, stop in fields(message, 0, len(message)) if found == tag)


def values_of(message: bytes) -> dict[int, Any]:
    """Return the last value of each tag: numbers, doubles and bytes.

    Raises:
        DecodeError: it is no message.
    """
    found: dict[int, Any] = {}
    for tag, start, stop in fields(message, 0, len(message)):
        kind = tag & 7
        if kind == VARINT:
            found[tag] = varint(message, start)[0]
        elif kind == FIXED64:
            (found[tag],) = _double(message[start:stop])
        elif kind == LENGTH:
            found[tag] = message[start:stop]
    return found


def field(tag: int, content: bytes) -> bytes:
    """Return a field as it stands in a message; the tag has one byte."""
    size, length = len(content), bytearray()
    while size >= MORE:
        length.append(size & 0x7F | MORE)
        size >>= 7
    return bytes((tag, *length, size)) + content


def signed(number: int) -> int:
    """Return what a ``sint32`` or ``sint64`` stands for."""
    return number >> 1 ^ -(number & 1)


def time_ns_of(time_ms: int) -> int:
    """Return milliseconds since the epoch, as protobuf has an ``int64``, in nanoseconds.

    Raises:
        Refused: they lie before 1970 or after 2262.
    """
    if time_ms * _NS_PER_MS > TIME_MAX_NS:
        raise Refused("a time lies before 1970" if time_ms >= _SIGN else f"the time {time_ms} ms lies after 2262")
    return time_ms * _NS_PER_MS
