"""Makes whatever the host hands over plain, bounded JSON values."""

from array import array
from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any, NamedTuple

MAX_TEXT_CHARS = 8192
MAX_FIELDS = 128
MAX_ITEMS = 256
MAX_DEPTH = 4
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
"""What an OTLP integer can be; bigger ones become text."""

TELLING_CHARS = 8
TELLING_INT = 10**13
"""The shortest text and the least number that may be secret by their form."""

SCALARS = frozenset({str, int, float, bool, type(None)})


def plain_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Return at most ``MAX_FIELDS`` of ``fields``, with text keys and plain values; the very same dict if it is so."""
    if len(fields) > MAX_FIELDS:
        fields = dict(list(fields.items())[:MAX_FIELDS])
    return fields if _is_plain(fields) else {text(key): plain(value) for key, value in fields.items()}


def _is_plain(fields: dict[Any, Any]) -> bool:
    for key, value in fields.items():
        kind = type(value)
        if kind is str:
            if len(value) > MAX_TEXT_CHARS or not value.isascii():
                return False
        elif kind is int:
            if not INT_MIN <= value <= INT_MAX:
                return False
        elif kind is not float and kind is not bool and value is not None:
            return False
        if type(key) is not str or not key.isascii():
            return False
    return True


class Telling(NamedTuple):
    """What of many events could be secret, or tells that something else is.

    Attributes:
        keys: of all fields.
        names: of all events.
        values: long texts, short ones that are not ASCII, and big integers.
    """

    keys: Set[str]
    names: Set[str]
    values: Sequence[str | int]


def telling(rows: Sequence[dict[Any, Any]], names: Set[Any]) -> Telling:
    """Return what redaction must look at in ``rows``, all values of which are plain scalars; keys and names may not be.

    Raises:
        ValueError: a value is anything else.
    """
    found: list[str | int] = []
    add = found.append
    short: set[str] = set()
    for row in rows:
        for value in row.values():
            # The most expensive lines of all recording: the type's identity is the cheapest test there is, and short
            # texts are mostly the same few.
            kind = type(value)
            if kind is str:
                if value not in short:
                    (add if len(value) >= TELLING_CHARS or not value.isascii() else short.add)(value)
            elif kind is int:
                if not -TELLING_INT < value < TELLING_INT:
                    add(value)
            elif kind is not float and kind is not bool and value is not None:
                raise ValueError
    if found and not all_plain(found):
        raise ValueError
    return Telling(set().union(*rows), names, found)


def all_plain(values: Collection[Any], kinds: Set[Any] = SCALARS) -> bool:
    """Return whether each of ``values`` is of one of ``kinds``, short enough and such that UTF-8 can carry it."""
    found = set(map(type, values))
    if not found <= kinds:
        return False
    try:
        if int in found:
            array("q", [value for value in values if type(value) is int])
        return str not in found or _all_sound([value for value in values if type(value) is str])
    except (OverflowError, UnicodeEncodeError):
        return False


def _all_sound(texts: list[str]) -> bool:
    together = "".join(texts)
    if not together.isascii():
        together.encode()
    return len(together) <= MAX_TEXT_CHARS or max(map(len, texts)) <= MAX_TEXT_CHARS


def plain(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Return ``value`` as None, bool, int, float, str, or lists and dicts of them; anything else as its text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return int(value) if INT_MIN <= value <= INT_MAX else str(value)
    if isinstance(value, str):
        return text(value)
    return _plain_container(value, depth)


def text(value: Any) -> str:
    """Return ``value`` as text that UTF-8 can carry, at most ``MAX_TEXT_CHARS`` long."""
    if type(value) is str and len(value) <= MAX_TEXT_CHARS and value.isascii():
        return value
    try:
        words = str.__str__(value if isinstance(value, str) else str(value))[:MAX_TEXT_CHARS]
    except Exception:  # noqa: BLE001
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
        # A NumPy scalar, without importing NumPy; those without a type of Python's own give something like themselves.
        found = scalar()
        return plain(found) if type(found) in {bool, int, float, str} else text(value)
    return text(value)
