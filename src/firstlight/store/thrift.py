"""Thrift's compact protocol, as much of it as Parquet's page headers and footers use.

Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from collections.abc import Iterable, Sequence
from mmap import mmap

Source = bytes | mmap
Struct = dict[int, "int | bytes | Struct"]
"""Values by field number; of a list only that it was there."""

I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12
_TRUE, _FALSE, _BYTE, _I16 = 1, 2, 3, 4
_SHORT_LIST = 15
_LOW_BITS, _MORE = 0x7F, 0x80


def read_varint(data: Source, at: int) -> tuple[int, int]:
    """Return an unsigned number and where it ends.

    Raises:
        IndexError: the data end before it does.
    """
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & _LOW_BITS) << shift
        if byte < _MORE:
            return value, at
        shift += 7


def read_struct(data: Source, at: int) -> tuple[Struct, int]:
    """Return a struct without lists and where it ends.

    Raises:
        ValueError: there is something else at ``at``.
        IndexError: the data end before it does.
    """
    found: Struct = {}
    number = 0
    while True:
        head = data[at]
        at += 1
        if not head:
            return found, at
        step = head >> 4
        if step:
            number += step
        else:
            number, at = _read_int(data, at)
        found[number], at = _read_value(data, at, head & 15)


def _read_value(data: Source, at: int, kind: int) -> "tuple[int | bytes | Struct, int]":
    if kind in {_I16, I32, I64}:
        return _read_int(data, at)
    if kind in {_TRUE, _FALSE}:
        return int(kind == _TRUE), at
    if kind == BINARY:
        size, at = read_varint(data, at)
        return data[at : at + size], at + size
    if kind == STRUCT:
        return read_struct(data, at)
    if kind == _BYTE:
        return data[at], at + 1
    raise ValueError(f"thrift type {kind} is not expected here")


def _read_int(data: Source, at: int) -> tuple[int, int]:
    value, at = read_varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def write_varint(value: int) -> bytes:
    """Return an unsigned number."""
    out = bytearray()
    while value >= _MORE:
        out.append(value & _LOW_BITS | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def write_int(value: int) -> bytes:
    """Return a signed number."""
    return write_varint(value << 1 if value >= 0 else (-value << 1) - 1)


def write_binary(value: bytes) -> bytes:
    """Return bytes with their length before them."""
    return write_varint(len(value)) + value


def write_list(kind: int, items: Sequence[bytes]) -> bytes:
    """Return a list of encoded items of one kind."""
    size = len(items)
    head = bytes([size << 4 | kind]) if size < _SHORT_LIST else bytes([_SHORT_LIST << 4 | kind]) + write_varint(size)
    return head + b"".join(items)


def write_struct(fields: Iterable[tuple[int, int, int | bytes]], after: int = 0) -> bytes:
    """Return a struct.

    Args:
        fields: ``(number, kind, value)`` in ascending order; lists and structs come encoded, texts do not.
        after: number of the last field of a beginning that the caller has already.
    """
    out = bytearray()
    last = after
    for number, kind, value in fields:
        out.append((number - last) << 4 | kind)
        last = number
        if isinstance(value, int):
            out += write_int(value)
        else:
            out += write_binary(value) if kind == BINARY else value
    out.append(0)
    return bytes(out)
