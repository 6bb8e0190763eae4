"""What a receiver answers: ``Export…ServiceResponse`` and ``google.rpc.Status``, in either encoding.

Both are a number in field 1 and a text in field 2, so they are written without protobuf's library.
"""

from typing import Any

import msgspec

REJECTED_FIELDS = {"traces": "rejectedSpans", "metrics": "rejectedDataPoints", "logs": "rejectedLogRecords"}

_NUMBER_FIELD, _TEXT_FIELD, _PARTIAL_SUCCESS_FIELD = 0x08, 0x12, 0x0A
_SEVEN_BITS = 0x7F


def success(signal: str, rejected: int, message: str, *, as_json: bool) -> bytes:
    """Return the answer to a request of which ``rejected`` items were not kept, for the reason ``message``."""
    if as_json:
        partial = {REJECTED_FIELDS[signal]: str(rejected), "errorMessage": message}
        return msgspec.json.encode({"partialSuccess": partial} if rejected else {})
    return _field(_PARTIAL_SUCCESS_FIELD, _number_and_text(rejected, message)) if rejected else b""


def status(code: int, message: str, *, as_json: bool) -> bytes:
    """Return a ``google.rpc.Status``: ``code`` as in google/rpc/code.proto."""
    if as_json:
        content: dict[str, Any] = {"code": code, "message": message}
        return msgspec.json.encode(content)
    return _number_and_text(code, message)


def _number_and_text(number: int, text: str) -> bytes:
    return bytes([_NUMBER_FIELD]) + _varint(number) + _field(_TEXT_FIELD, text.encode())


def _field(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > _SEVEN_BITS:
        encoded.append(number & _SEVEN_BITS | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
