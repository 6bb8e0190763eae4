"""Quoted text as Go writes it, which is how PromQL writes it."""

import re

_SIMPLE = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}
_ESCAPE = re.compile(r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))")
_NEEDS_ESCAPE = re.compile(r'[\\"\x00-\x1f\x7f-\x9f\ud800-\udfff]')
_WRITTEN = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_SURROGATE = 0xDC00
_ASCII = 128


def unquoted(text: str) -> str:
    r"""Return what the quoted ``text`` stands for; bytes that are no UTF-8 become halves of pairs (surrogateescape).

    Raises:
        ValueError: an escape that there is none of.
    """
    if text[0] == "`":
        return text[1:-1]
    body = text[1:-1]
    if "\\" not in body:
        return body
    out, at = bytearray(), 0
    while (slash := body.find("\\", at)) >= 0:
        out += body[at:slash].encode()
        escape = _ESCAPE.match(body, slash)
        if escape is None or (escape[1] in {"'", '"'} and escape[1] != text[0]):
            raise ValueError("invalid syntax")
        out += _escaped(escape)
        at = escape.end()
    out += body[at:].encode()
    return out.decode("utf-8", "surrogateescape")


def _escaped(escape: re.Match[str]) -> bytes:
    simple, byte, short, long, octal = escape.groups()
    if simple:
        return bytes([_SIMPLE.get(simple, ord(simple))])
    if short or long:
        return chr(int(short or long, 16)).encode()
    return bytes([int(byte, 16) if byte else int(octal, 8)])


def quoted(text: str) -> str:
    """Return ``text`` in double quotes."""
    return f'"{_NEEDS_ESCAPE.sub(_written, text)}"'


def _written(found: re.Match[str]) -> str:
    letter = found[0]
    if letter in '\\"':
        return "\\" + letter
    if letter in _WRITTEN:
        return _WRITTEN[letter]
    code = ord(letter)
    if code >= _SURROGATE:
        return f"\\x{code - _SURROGATE:02x}"
    return f"\\x{code:02x}" if code < _ASCII else f"\\u{code:04x}"


def is_text(text: str) -> bool:
    """Return whether ``text`` is UTF-8 throughout."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
