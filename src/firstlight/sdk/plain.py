"""Makes whatever the host hands over plain, bounded JSON values."""

from collections.abc import Mapping
from typing import Any

MAX_TEXT_CHARS = 8192
MAX_FIELDS = 128
MAX_ITEMS = 256
MAX_DEPTH = 4
_INT_BITS = 63


def plain_fields(fields: Mapping[Any, Any]) -> dict[str, Any]:
    """Return ``fields`` with text keys and plain values, at most ``MAX_FIELDS`` of them."""
    found = fields.items() if len(fields) <= MAX_FIELDS else list(fields.items())[:MAX_FIELDS]
    return {
        key if type(key) is str and key.isascii() else text(key): value
        if (kind := type(value)) is float or kind is bool or (kind is str and len(value) <= MAX_TEXT_CHARS and value.isascii())
        else plain(value)
        for key, value in found
    }


def plain(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Return ``value`` as None, bool, int, float, str, or lists and dicts of them; anything else as its text."""
    if value is None or isinstance(value, (bool, float)):
        return value if type(value) in (bool, float, type(None)) else float(value)
    if isinstance(value, int):
        return int(value) if value.bit_length() <= _INT_BITS else str(value)
    if isinstance(value, str):
        return text(value)
    return _plain_container(value, depth)


def text(value: Any) -> str:
    """Return ``value`` as text that UTF-8 can carry, at most ``MAX_TEXT_CHARS`` long."""
    try:
        words = value if isinstance(value, str) else str(value)
        words = str.__str__(words)[:MAX_TEXT_CHARS]
    except Exception:
        # The text is made by the host's own __str__, which may fail in any way.
        return f"<unprintable {type(value).__name__}>"
    return words if words.isascii() else words.encode("utf-8", "replace").decode()


def _plain_container(value: Any, depth: int) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value[: MAX_TEXT_CHARS // 2]).hex()
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        if depth == 0:
            return text(value)
        if isinstance(value, Mapping):
            return {text(key): plain(value[key], depth - 1) for key in list(value)[:MAX_ITEMS]}
        return [plain(item, depth - 1) for item in list(value)[:MAX_ITEMS]]
    scalar = getattr(value, "item", None)
    if callable(scalar) and getattr(value, "shape", None) == ():
        return plain(scalar(), depth)
    return text(value)
