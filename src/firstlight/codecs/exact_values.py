"""Doubles in JSON, bit for bit: what JSON has no number for is a text, a NaN with its payload if it has one."""

import re
import struct
from math import isfinite, isnan

from firstlight.codecs.prometheus_text import format_value

_NAN_BITS = 0x7FF8000000000000
_WITH_BITS = re.compile(r"NaN\((0x[0-9a-f]{16})\)")
_double = struct.Struct("<d")
_bits = struct.Struct("<Q")


def spelled(value: float) -> float | str:
    """Return ``value`` as JSON may have it: ``+Inf``, ``-Inf``, ``NaN``, or ``NaN(0x7ff0000000000002)`` with bits."""
    if isfinite(value):
        return value
    bits: int = _bits.unpack(_double.pack(value))[0]
    return f"NaN({bits:#018x})" if isnan(value) and bits != _NAN_BITS else format_value(value)


def read(value: float | str) -> float:
    """Return what such a value stands for.

    Raises:
        ValueError: it stands for none.
    """
    found = _WITH_BITS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return float(value)
    number: float = _double.unpack(_bits.pack(int(found[1], 16)))[0]
    if not isnan(number):
        raise ValueError(f"{value!r} is no NaN")
    return number
