"""The hash by which ``limit_ratio`` chooses series: xxHash64, as Prometheus has it.

https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
"""

import struct

from firstlight.query.promql.sources.source import Labels

_P1, _P2, _P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_P4, _P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
_ALL = 2**64 - 1
_STRIPE_BYTES = 32
_SHORT = 0x80


def _rotated(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _ALL


def _round(state: int, lane: int) -> int:
    return _rotated((state + lane * _P2) & _ALL, 31) * _P1 & _ALL


def _stripes(data: bytes, end: int) -> int:
    states = [(_P1 + _P2) & _ALL, _P2, 0, -_P1 & _ALL]
    for at in range(0, end, _STRIPE_BYTES):
        lanes = struct.unpack_from("<4Q", data, at)
        states = [_round(state, lane) for state, lane in zip(states, lanes, strict=True)]
    found = sum(_rotated(state, bits) for state, bits in zip(states, (1, 7, 12, 18), strict=True)) & _ALL
    for state in states:
        found = ((found ^ _round(0, state)) * _P1 + _P4) & _ALL
    return found


def xxhash64(data: bytes) -> int:
    """Return the hash of ``data`` with seed 0."""
    at = len(data) // _STRIPE_BYTES * _STRIPE_BYTES
    found = _stripes(data, at) if at else _P5
    found = (found + len(data)) & _ALL
    while at + 8 <= len(data):
        lane = int.from_bytes(data[at : at + 8], "little")
        found = (_rotated(found ^ _round(0, lane), 27) * _P1 + _P4) & _ALL
        at += 8
    if at + 4 <= len(data):
        found = (_rotated(found ^ (int.from_bytes(data[at : at + 4], "little") * _P1 & _ALL), 23) * _P2 + _P3) & _ALL
        at += 4
    for byte in data[at:]:
        found = _rotated(found ^ (byte * _P5 & _ALL), 11) * _P1 & _ALL
    found = (found ^ (found >> 33)) * _P2 & _ALL
    found = (found ^ (found >> 29)) * _P3 & _ALL
    return found ^ (found >> 32)


def hash_ratio(labels: Labels) -> float:
    """Return the hash of a label set as a share of all hashes, 0 to 1."""
    return xxhash64(b"".join(_sized(text) for pair in labels for text in pair)) / float(_ALL)


def _sized(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    size, left = bytearray(), len(data)
    while left >= _SHORT:
        size.append(left & (_SHORT - 1) | _SHORT)
        left >>= 7
    size.append(left)
    return bytes(size) + data
