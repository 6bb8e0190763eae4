"""OTLP attributes to plain JSON values, within limits."""

from binascii import b2a_base64
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from firstlight.codecs.otlp.shapes import AnyValue, KeyValue
from firstlight.codecs.otlp.values import ATTRIBUTES_MAX, DEPTH_MAX, TEXT_MAX_CHARS, number_text

KNOWN_MAX = 20_000
"""Attributes remembered: at most 8 MB."""

RAW_MAX_BYTES = 128
"""A longer attribute is unlikely to come again."""

SCALARS = (str, int, float, bool)

_json_pair_decoder = msgspec.json.Decoder(KeyValue, strict=False)
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
    return cut(raw if isinstance(raw, str) else b2a_base64(raw, newline=False).decode())


def cut(text: str) -> str:
    """Return ``text``, its end replaced by ``…`` when it is over the limit."""
    return text if len(text) <= TEXT_MAX_CHARS else text[: TEXT_MAX_CHARS - 1] + "…"


def attributes(pairs: Iterable[KeyValue | msgspec.Raw] | None, depth: int = 0) -> dict[str, Any]:
    """Return ``pairs`` as a dict of plain JSON values; the last of a repeated key wins, the first 128 keys are kept."""
    kept: dict[str, Any] = {}
    for pair in pairs or ():
        key, value = _json_pair(bytes(pair)) if isinstance(pair, msgspec.Raw) else (pair.key or "", pair.value)
        if len(kept) < ATTRIBUTES_MAX or key in kept:
            kept[cut(key)] = value if isinstance(value, SCALARS) else plain(value, depth)
    return kept


def _json_pair(raw: bytes) -> tuple[str, Any]:
    return _known_json_pair(raw) if len(raw) <= RAW_MAX_BYTES else _read_json_pair(raw)


@lru_cache(KNOWN_MAX)
def _known_json_pair(raw: bytes) -> tuple[str, Any]:
    return _read_json_pair(raw)


def _read_json_pair(raw: bytes) -> tuple[str, Any]:
    """Return key and value; a list or a map stays as it came, because rows must not share what can be changed."""
    pair = _json_pair_decoder.decode(raw)
    value = plain(pair.value)
    return pair.key or "", value if isinstance(value, SCALARS) else pair.value


def label_text(value: Any) -> str:
    """Return a plain value as a label's text: text as it is, ``true``/``false``, the rest as JSON; null is empty."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float):
        return number_text(value)
    return msgspec.json.encode(value).decode()
