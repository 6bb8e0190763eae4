"""Series as people name them: ``http_requests_total{method="GET",code=~"5.."}``."""

import re

from firstlight.errors import UsageError
from firstlight.model import Matcher
from firstlight.model.matcher import MatchOp

_NAME = re.compile(r"\s*([^\s{}\"',=!~]*)\s*")
_PAIR = re.compile(r"""\s*([^\s{}"',=!~]+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*(,|(?=\}))""")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t"}


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """Return the matchers that ``text`` stands for: a name, matchers of labels in braces, or both.

    Names are as their source spells them (dots and dashes too); values stand in single or double quotes.

    Raises:
        UsageError: it is no selector.
    """
    found = _NAME.match(text)
    name, at = (found[1], found.end()) if found else ("", 0)
    matchers = [Matcher("__name__", "=", name)] if name else []
    rest = text[at:].rstrip()
    if rest:
        matchers += _pairs(text, rest)
    if not matchers:
        raise _wrong(text)
    return tuple(matchers)


def _pairs(text: str, rest: str) -> list[Matcher]:
    if not (rest.startswith("{") and rest.endswith("}")):
        raise _wrong(text)
    matchers, at = [], 1
    while rest[at:].strip() != "}":
        found = _PAIR.match(rest, at)
        if found is None:
            raise _wrong(text)
        op: MatchOp = found[2]  # type: ignore[assignment]
        value = _ESCAPED.sub(lambda escaped: _ESCAPES.get(escaped[1], escaped[1]), found[3][1:-1])
        matchers.append(Matcher(found[1], op, value))
        at = found.end()
    return matchers


def _wrong(text: str) -> UsageError:
    return UsageError(f'{text!r} names no series; write name, name{{label="value"}} or {{label=~"expression"}}')
