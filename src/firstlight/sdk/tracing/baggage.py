"""Baggage: a few named values that travel with a request through all services it touches.

Format: W3C Baggage.  Baggage crosses borders between companies; nothing secret belongs in it.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import NamedTuple
from urllib.parse import quote, unquote

MAX_BYTES = 8192
"""Of the whole header; W3C Baggage, section 3.3.2."""
MAX_MEMBERS = 180

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_OCTETS = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_PROPERTY = re.compile(r"[\x20\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e\t]*")
_UNESCAPED = "!#$&'()*+-./:<=>?@[]^_`{|}~"
_WHITESPACE = " \t"


class Member(NamedTuple):
    """One value of the baggage.

    Attributes:
        value: any text.
        properties: what else the header said of it, handed on as it came, such as ``ttl=30``.
    """

    value: str
    properties: str = ""


BAGGAGE = Mapping[str, Member]

_NOTHING: BAGGAGE = {}
_carried: ContextVar[BAGGAGE] = ContextVar("firstlight_baggage", default=_NOTHING)


def baggage() -> BAGGAGE:
    """Return what is carried here; asyncio tasks and copied contexts carry their own."""
    return _carried.get()


def get_baggage(name: str) -> str | None:
    """Return one value that is carried here."""
    member = _carried.get().get(name)
    return None if member is None else member.value


def set_baggage(name: str, value: str | None) -> None:
    """Carry ``value`` from here on; None takes it away.

    Raises:
        ValueError: the name is no token of RFC 9110.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a value of the baggage; use letters, digits, '-', '_' and '.'")
    others = {other: member for other, member in _carried.get().items() if other != name}
    _carried.set(others if value is None else {**others, name: Member(value)})


def carry(members: BAGGAGE) -> BAGGAGE:
    """Carry ``members`` and nothing else from here on; return what was carried before."""
    before = _carried.get()
    _carried.set(members)
    return before


def parse_baggage(header: str) -> BAGGAGE:
    """Return what ``header`` carries; malformed members and those beyond the limits are left out."""
    if not header:
        return _NOTHING
    found: dict[str, Member] = {}
    room_bytes = MAX_BYTES
    for part in header.split(",", MAX_MEMBERS)[:MAX_MEMBERS]:
        room_bytes -= len(part) + 1
        if room_bytes < -1:
            break
        name, member = _member(part)
        if member is not None:
            found[name] = member
    return found


def write_baggage(members: BAGGAGE) -> str:
    """Return the header that carries ``members``; those that do not fit into its limits are left out."""
    written: list[str] = []
    room_bytes = MAX_BYTES + 1
    for name, member in members.items():
        text = f"{name}={quote(member.value, safe=_UNESCAPED)}" + (f";{member.properties}" if member.properties else "")
        if len(written) < MAX_MEMBERS and len(text) + 1 <= room_bytes:
            written.append(text)
            room_bytes -= len(text) + 1
    return ",".join(written)


def _member(part: str) -> tuple[str, Member | None]:
    pair, _, properties = part.partition(";")
    name, equals, value = (piece.strip(_WHITESPACE) for piece in pair.partition("="))
    properties = properties.strip(_WHITESPACE)
    if not equals or not _NAME.fullmatch(name) or not _OCTETS.fullmatch(value):
        return name, None
    kept = properties if all(map(_PROPERTY.fullmatch, properties.split(";"))) else ""
    return name, Member(unquote(value), kept)
