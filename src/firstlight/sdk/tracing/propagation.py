"""The trace and the baggage of a request, from its headers and into those of the next one.

Formats: W3C Trace Context (level 2) and W3C Baggage.  What comes from the network is taken strictly or left out; it
never raises.
"""

import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from firstlight.sdk.tracing.baggage import BAGGAGE, baggage, parse_baggage, write_baggage
from firstlight.sdk.tracing.context import CURRENT
from firstlight.sdk.tracing.remote import RemoteSpan

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
MAX_STATE_MEMBERS = 32
"""Of W3C Trace Context, section 3.3.1.1."""

Headers = Mapping[Any, Any] | Iterable[tuple[Any, Any]]
"""By name, or as pairs; names in any case, text or bytes."""

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_FORBIDDEN_VERSION = "ff"
_KNOWN_VERSION = "00"
_SAMPLED = 0x01
# Level 2 lets a key begin with a digit and have one "@" wherever it likes.
_STATE_KEY = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}")
_STATE_VALUE = re.compile(r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_WHITESPACE = " \t"


def extract(headers: Headers) -> RemoteSpan | None:
    """Return the caller's span that ``headers`` name, or None where they name none that can be trusted."""
    found = _wanted(headers, (TRACEPARENT, TRACESTATE))
    return remote_span(found[TRACEPARENT], found[TRACESTATE])


def extract_baggage(headers: Headers) -> BAGGAGE:
    """Return the baggage in ``headers``; see :mod:`firstlight.sdk.tracing.baggage`."""
    return parse_baggage(_wanted(headers, ("baggage",))["baggage"])


def inject(headers: MutableMapping[str, str]) -> None:
    """Write the innermost open span and the baggage into the headers of a request to somebody else.

    Without a span and baggage it does nothing; what the headers have of ours is replaced.
    """
    span = CURRENT.get()
    if span is not None:
        trace_id, span_id = span.ids()
        remote = _root(span)
        sampled = span.site.keeps_trace(span)
        headers[TRACEPARENT] = f"{_KNOWN_VERSION}-{trace_id}-{span_id}-{_SAMPLED if sampled else 0:02x}"
        if remote is not None and remote.state:
            headers[TRACESTATE] = remote.state
    carried = write_baggage(baggage())
    if carried:
        headers["baggage"] = carried


def remote_span(traceparent: str, tracestate: str = "") -> RemoteSpan | None:
    """Return the span that both headers describe, None when ``traceparent`` is no valid one.

    A version newer than ours is read as far as we know it; an invalid ``tracestate`` is left out.
    """
    match = _TRACEPARENT.fullmatch(traceparent.strip(_WHITESPACE))
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == _FORBIDDEN_VERSION or (version == _KNOWN_VERSION and more is not None):
        return None
    if not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return RemoteSpan(trace_id, span_id, sampled=bool(int(flags, 16) & _SAMPLED), state=clean_state(tracestate))


def clean_state(tracestate: str) -> str:
    """Return ``tracestate`` without blanks and empty members; empty when any member is invalid or doubled."""
    members = [member for part in tracestate.split(",") if (member := part.strip(_WHITESPACE))]
    keys = {member.partition("=")[0] for member in members}
    if len(members) > MAX_STATE_MEMBERS or len(keys) < len(members) or not all(map(_is_state_member, members)):
        return ""
    return ",".join(members)


def _is_state_member(member: str) -> bool:
    key, equals, value = member.partition("=")
    return bool(equals) and bool(_STATE_KEY.fullmatch(key)) and bool(_STATE_VALUE.fullmatch(value))


def _wanted(headers: Headers, names: tuple[str, ...]) -> dict[str, str]:
    """Return the values of ``names``; a header that comes several times is one, joined by commas (RFC 9110)."""
    found: dict[str, list[str]] = {name: [] for name in names}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        values = found.get(_text(name).lower())
        if values is not None:
            values.append(_text(value))
    return {name: ",".join(values) for name, values in found.items()}


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _root(span: Any) -> RemoteSpan | None:
    """Return the caller's span at the end of ``span``'s parents, if the trace came from elsewhere."""
    while span is not None and not isinstance(span, RemoteSpan):
        span = span.parent
    return span
