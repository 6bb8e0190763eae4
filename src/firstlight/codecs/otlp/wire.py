"""Protobuf's wire format, as far as the outer layers of a request need it.

Source: protobuf.dev/programming-guides/encoding.  A field is a tag (number and wire type) and a value; here a field is
given as its tag and where its value lies, so that whoever reads can compare raw bytes before it decodes them.
"""

from collections.abc import Iterator

from firstlight.errors import DecodeError


class Unusual(Exception):
    """The bytes do not have the layout that is read here; protobuf's own parser must judge them."""


MORE = 0x80
"""Set in each byte of a number but its last."""

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

_FIXED_BYTES = {FIXED64: 8, FIXED32: 4}
_VARINT_BYTES_MAX = 10
_TAG_MAX = 2**32 - 1


def varint(buffer: bytes, position: int) -> tuple[int, int]:
    """Return ``(number, position behind it)``.

    Raises:
        DecodeError: it does not end within ten bytes or within the buffer.
    """
    number = 0
    try:
        if buffer[position] < MORE:
            return buffer[position], position + 1
        for index in range(_VARINT_BYTES_MAX):
            byte = buffer[position + index]
            number |= (byte & 0x7F) << (7 * index)
            if byte < MORE:
                return number, position + index + 1
    except IndexError:
        raise DecodeError("not protobuf as expected: it ends in the middle of a number") from None
    raise DecodeError("not protobuf as expected: a number is too long")


def fields(buffer: bytes, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield ``(tag, start, stop)`` of each field between ``position`` and ``end``.

    The tag is ``number << 3 | wire type``; ``start`` and ``stop`` enclose the value without its length.

    Raises:
        DecodeError: a field runs over ``end`` or has a wire type that nobody uses any more.
    """
    while position < end:
        tag, start = buffer[position], position + 1
        if tag >= MORE:
            tag, start = varint(buffer, position)
        kind = tag & 7
        if kind == LENGTH:
            size, start = varint(buffer, start)
            position = start + size
        elif kind == VARINT:
            position = varint(buffer, start)[1]
        elif kind in _FIXED_BYTES:
            position = start + _FIXED_BYTES[kind]
        else:
            raise DecodeError(f"not protobuf as expected: wire type {kind}")
        if position > end or not tag >> 3 > 0 or tag > _TAG_MAX:
            raise DecodeError("not protobuf as expected: a field runs over the end of its message")
        yield tag, start, position


def head_and_items(
    buffer: bytes, start: int, stop: int, head_tag: int, item_tag: int
) -> tuple[bytes, list[tuple[int, int]]]:
    """Return the raw bytes of one field of a message and where the items of another, repeated one lie.

    A message that comes in several parts is their concatenation, as protobuf has it.
    """
    head = b""
    items = []
    for tag, field_start, field_stop in fields(buffer, start, stop):
        if tag == item_tag:
            items.append((field_start, field_stop))
        elif tag == head_tag:
            head += buffer[field_start:field_stop]
    return head, items
