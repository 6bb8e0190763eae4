"""What a request asks for: parameters of its address and of its form, as Prometheus reads them."""

import math
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request
from litestar.enums import HttpMethod

from firstlight.errors import QuerySyntaxError
from firstlight.hub.prometheus.failures import BadData
from firstlight.model import Matcher
from firstlight.query.promql.language.durations import NS_PER_MS, NS_PER_S, duration_ns
from firstlight.query.promql.language.expressions import full_match
from firstlight.query.promql.language.parser import selector_of
from firstlight.query.promql.language.quoting import is_text

METHODS = [HttpMethod.GET, HttpMethod.POST]
"""Long questions come as forms."""

MAX_FORM_BYTES = 2**21
OLDEST_NS, NEWEST_NS = -(2**63), 2**63 - 1
"""What stands for times beyond what 64 bits of nanoseconds hold (1677 to 2262)."""

_FORM_TYPE = "application/x-www-form-urlencoded"
_WRONG = re.compile(r";|%(?![0-9a-fA-F]{2})")
_MS_PER_S = 1000
_S_PER_DAY = 86_400
_MOST_INT = 2**63 - 1
_NUMBER = re.compile(r"[+-]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d+")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:[.,](\d+))?([Zz]|[+-]\d\d:\d\d)")
# How Prometheus' clients write the oldest and newest of its times.
_EDGES = {"-292273086-05-16T16:47:06Z": OLDEST_NS, "292277025-08-18T07:12:54.999999999Z": NEWEST_NS}


class Parameters:
    """Parameters by name.  Those of the form come before those of the address.

    Args:
        pairs: names and values in their order.
    """

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def text(self, name: str) -> str:
        """Return the first value of ``name``; empty when there is none."""
        return next((value for key, value in self._pairs if key == name), "")

    def texts(self, name: str) -> list[str]:
        """Return all values of ``name``."""
        return [value for key, value in self._pairs if key == name]

    def time_ns(self, name: str, default_ns: int) -> int:
        """Return a time that may be left out."""
        try:
            return time_ns(text) if (text := self.text(name)) else default_ns
        except ValueError as error:
            raise BadData(f"invalid time value for '{name}': {error}", name) from None

    def needed_time_ns(self, name: str) -> int:
        """Return a time."""
        try:
            return time_ns(self.text(name))
        except ValueError as error:
            raise BadData(str(error), name) from None

    def span_ns(self, name: str) -> int:
        """Return a duration."""
        try:
            return span_ns(self.text(name))
        except ValueError as error:
            raise BadData(str(error), name) from None

    def limit(self, name: str = "limit") -> int:
        """Return how many are wanted at most; 0 for any number."""
        text = self.text(name)
        found = whole(text, name) if text else 0
        if found < 0:
            raise BadData(f"{name} must be non-negative", name)
        return found

    def selectors(self, *, named: bool = False) -> list[tuple[Matcher, ...]]:
        """Return the matchers of each ``match[]``.

        Args:
            named: whether errors name the parameter; Prometheus does so in some places only.
        """
        found = []
        for text in self.texts("match[]"):
            try:
                matchers = selector_of(text).matchers
            except QuerySyntaxError as error:
                raise BadData(str(error), "match[]" if named else "") from None
            if all(meets_nothing(matcher) for matcher in matchers):
                raise BadData("match[] must contain at least one non-empty matcher", "match[]")
            found.append(matchers)
        return found


async def parameters(request: Request[Any, Any, Any]) -> Parameters:
    """Return the parameters of ``request``, whose body is read when it is a form."""
    pairs = _pairs(request.scope["query_string"])
    if request.method == "POST" and request.headers.get("content-type", "").partition(";")[0].strip() == _FORM_TYPE:
        pairs = [*_pairs(await request.body()), *pairs]
    return Parameters(pairs)


def _pairs(text: bytes) -> list[tuple[str, str]]:
    # A semicolon separates nothing, and a percent sign must begin an escape; what is wrong is
    # left out, as in Prometheus.
    pieces = "&".join(piece for piece in text.decode("latin-1").split("&") if not _WRONG.search(piece))
    pairs = parse_qsl(pieces, keep_blank_values=True, encoding="utf-8", errors="surrogateescape")
    if any(not is_text(value) for pair in pairs for value in pair):
        raise BadData("a parameter is not UTF-8")
    return pairs


def time_ns(text: str) -> int:
    """Return a time, RFC 3339 or seconds since 1970, in nanoseconds, whole milliseconds.

    Raises:
        ValueError: it is none.
    """
    if text in _EDGES:
        return _EDGES[text]
    if _NUMBER.fullmatch(text):
        seconds = float(text)
        if math.isfinite(seconds) and OLDEST_NS < seconds * NS_PER_S < NEWEST_NS:
            rest, full = math.modf(seconds)
            return (int(full) * _MS_PER_S + _rounded(rest * _MS_PER_S)) * NS_PER_MS
    elif found := _TIME.fullmatch(text):
        return _moment_ns(*found.groups(default=""))
    raise ValueError(f'cannot parse "{text}" to a valid timestamp')


def _rounded(number: float) -> int:
    """Return the nearest whole number, of two the one farther from 0, as Go has it."""
    return int(math.copysign(math.floor(abs(number) + 0.5), number))


def _moment_ns(moment: str, fraction: str, zone: str) -> int:
    whole_s = datetime.fromisoformat(moment.upper() + zone.upper()) - datetime(1970, 1, 1, tzinfo=UTC)
    ms = (whole_s.days * _S_PER_DAY + whole_s.seconds) * _MS_PER_S + int(fraction[:3].ljust(3, "0"))
    return min(max(ms * NS_PER_MS, OLDEST_NS), NEWEST_NS)


def span_ns(text: str) -> int:
    """Return a duration, ``1h30m`` or seconds, in nanoseconds.

    Raises:
        ValueError: it is none.
    """
    wrong = f'cannot parse "{text}" to a valid duration'
    try:
        seconds = float(text) if _NUMBER.fullmatch(text) else None
        if seconds is None:
            return duration_ns(text)
    except ValueError:
        raise ValueError(wrong) from None
    if not abs(seconds) * NS_PER_S < NEWEST_NS:
        raise ValueError(f"{wrong}. It overflows int64")
    return int(seconds * NS_PER_S)


def whole(text: str, name: str = "") -> int:
    """Return a whole number.

    Raises:
        BadData: it is none.
    """
    problem = "invalid syntax"
    if _WHOLE.fullmatch(text):
        if abs(int(text)) <= _MOST_INT:
            return int(text)
        problem = "value out of range"
    raise BadData(f'strconv.Atoi: parsing "{text}": {problem}', name)


def meets_nothing(matcher: Matcher) -> bool:
    """Return whether series without the label meet ``matcher``."""
    if matcher.op in {"=", "!="}:
        return (matcher.value == "") == (matcher.op == "=")
    return full_match(matcher.value, "") == (matcher.op == "=~")
