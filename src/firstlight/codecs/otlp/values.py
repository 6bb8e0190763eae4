"""OTLP attributes to plain JSON values, within limits."""

import struct
from base64 import b64encode
from collections.abc import Iterable
from math import isfinite, isnan
from typing import Any

import msgspec

from firstlight.codecs.otlp.shapes import AnyValue, KeyValue

ATTRIBUTES_MAX = 128
"""Attributes kept per record; the AttributeCountLimit that OpenTelemetry SDKs apply by default."""

TEXT_MAX_CHARS = 65_536
"""Characters kept of one attribute's text: room for any stack trace, none for a file smuggled in as an attribute."""

DEPTH_MAX = 32
"""Levels of nesting kept; deeper values become null.  No known sender nests more than 5."""

_to_bits = struct.Struct("<d").pack
_STALE_BYTES = struct.pack("<Q", 0x7FF0000000000002)
STALE: float = struct.unpack("<d", _STALE_BYTES)[0]
"""Prometheus' stale marker; OTLP says it with the flag NO_RECORDED_VALUE.  Stored as exactly these bits."""

_ONE_OF = ("string_value", "int_value", "double_value", "bool_value", "array_value", "kvlist_value", "bytes_value")


def plain(value: AnyValue | None, depth: int = 0) -> Any:
    """Return ``value`` (ours or protobuf's) as a plain JSON value; bytes become base64 text."""
    if value is None or depth > DEPTH_MAX:
        return None
    which = _which(value) if type(value) is AnyValue else value.WhichOneof("value")  # type: ignore[attr-defined]
    if which == "string_value":
        return cut(value.string_value or "")
    if which is None:
        return None
    if which == "array_value":
        return [plain(item, depth + 1) for item in value.array_value.values or ()]  # type: ignore[union-attr]
    if which == "kvlist_value":
        return attributes(value.kvlist_value.values, depth + 1)  # type: ignore[union-attr]
    if which == "bytes_value":
        return _base64(value.bytes_value or "")
    return getattr(value, which)


def _which(value: AnyValue) -> str | None:
    return next((name for name in _ONE_OF if getattr(value, name) is not None), None)


def _base64(raw: str | bytes) -> str:
    return cut(raw if isinstance(raw, str) else b64encode(raw).decode("ascii"))


def cut(text: str) -> str:
    """Return ``text``, its end replaced by ``…`` when it is over the limit."""
    return text if len(text) <= TEXT_MAX_CHARS else text[: TEXT_MAX_CHARS - 1] + "…"


def attributes(pairs: Iterable[KeyValue] | None, depth: int = 0) -> dict[str, Any]:
    """Return ``pairs`` as a dict of plain JSON values; the last of a repeated key wins, the first 128 keys are kept."""
    kept: dict[str, Any] = {}
    for pair in pairs or ():
        key = pair.key or ""
        if len(kept) < ATTRIBUTES_MAX or key in kept:
            kept[cut(key)] = plain(pair.value, depth)
    return kept


def label_text(value: Any) -> str:
    """Return a plain value as a label's text: text as it is, ``true``/``false``, the rest as JSON; null is empty."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float):
        return number_text(value)
    return msgspec.json.encode(value).decode()


def number_text(value: float) -> str:
    """Return the shortest text that reads back as ``value``, infinities and NaN as Prometheus spells them."""
    if isfinite(value):
        return repr(value)
    return "NaN" if isnan(value) else "+Inf" if value > 0 else "-Inf"


def is_stale(value: float) -> bool:
    """Return whether ``value`` is the stale marker, bit for bit."""
    return isnan(value) and _to_bits(value) == _STALE_BYTES
