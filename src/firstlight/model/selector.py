"""Series as people write them: ``http_requests_total{code=~"5..", service="shop"}``."""

import json
import re
from collections.abc import Iterator
from typing import cast

from firstlight.errors import QueryError
from firstlight.model.matcher import Matcher, MatchOp

_WORD = r"[^\s{}\"'`,=!~]+"
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`"
_WHOLE = re.compile(rf"\s*(?P<name>{_WORD})?\s*(?:\{{(?P<inside>(?:{_QUOTED}|[^\"'`{{}}])*)\}})?\s*", re.DOTALL)
_ITEM = re.compile(
    rf"\s*(?P<label>{_WORD}|{_QUOTED})\s*(?:(?P<op>=~|!~|!=|=)\s*(?P<value>{_QUOTED}))?\s*(?:,|$)", re.DOTALL
)


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """Return the matchers that ``text`` stands for, as Prometheus' selectors are written.

    Quotes are double, single, or backticks (without escapes); a quoted text alone inside the braces is the metric's
    name (https://prometheus.io/docs/prometheus/latest/querying/basics/#instant-vector-selectors).

    Raises:
        QueryError: it is no selector, or it selects everything.
    """
    found = _WHOLE.fullmatch(text)
    if found is None:
        raise _wrong(text)
    name = found["name"]
    matchers = [Matcher("__name__", "=", name)] if name else []
    matchers += _inside(found["inside"] or "", text)
    if not matchers:
        raise QueryError(f"{text!r} selects nothing in particular; name a metric or a label")
    return tuple(matchers)


def _inside(items: str, text: str) -> Iterator[Matcher]:
    at = 0
    while items[at:].strip():
        found = _ITEM.match(items, at)
        if found is None:
            raise _wrong(text)
        label, op, value = found["label"], found["op"], found["value"]
        is_quoted = label[0] in "\"'`"
        if op is None:
            if not is_quoted:
                raise _wrong(text)
            yield Matcher("__name__", "=", _unquoted(label, text))
        else:
            name = _unquoted(label, text) if is_quoted else label
            yield Matcher(name, cast(MatchOp, op), _unquoted(value, text))
        at = found.end()


def _unquoted(quoted: str, text: str) -> str:
    inner = quoted[1:-1]
    if quoted[0] == "`" or "\\" not in inner:
        return inner
    if quoted[0] == "'":
        inner = inner.replace("\\'", "'").replace('"', '\\"')
    try:
        return str(json.loads(f'"{inner}"', strict=False))
    except ValueError:
        raise _wrong(text) from None


def _wrong(text: str) -> QueryError:
    return QueryError(f'{text!r} is no selector; write it as name{{label="value", other=~"a|b"}}')
