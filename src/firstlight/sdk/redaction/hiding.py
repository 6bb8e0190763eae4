"""What redaction hides by policy, and the walk through single values that does it."""

import hmac
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from functools import partial
from operator import is_
from typing import Any

from firstlight.errors import UsageError
from firstlight.model import Span
from firstlight.sdk.flow.plain import TELLING_CHARS, TELLING_INT
from firstlight.sdk.redaction.patterns import Family, Pattern
from firstlight.sdk.redaction.sensitive_names import SensitiveNames

MAX_DEPTH = 8
PSEUDONYM_BYTES = 8
NAMED = "field"
"""Kind of a value that was hidden because of its field's name."""
FAILED = "failed"
"""Kind of a text that was hidden because a finder failed on it."""
DEEP = "deep"
"""Kind of a value that was hidden because it lies deeper than anybody looks."""
_SHOWN = re.compile(r"\[(?:redacted:[a-z0-9_]+|[a-z0-9_]+:[0-9a-f]{16})\]?")

Finder = Callable[[str], str]
"""Takes a text, returns it without what it knows to be secret."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is hidden and how.

    Attributes:
        enabled: whether anything is.
        cards: hide numbers of payment cards.
        emails: hide addresses.
        ibans: hide account numbers.
        names: further names of fields whose whole value is hidden, in any case.
        allowed: names of fields that are left as they are, whatever they hold.
        patterns: further forms by kind; the last group that takes part is the secret, without groups all of it.
            Each is searched in every text, so it costs what it takes.
        finders: further functions by kind.  Where one raises, the whole text is hidden.
        pseudonym_key: secret of the pseudonyms; the same value has the same pseudonym under the same key.
        pseudonyms: kinds that are replaced by a pseudonym, such as ``email``; the others by ``[redacted:<kind>]``.
    """

    enabled: bool = True
    cards: bool = True
    emails: bool = False
    ibans: bool = False
    names: Set[str] = frozenset()
    allowed: Set[str] = frozenset()
    patterns: Mapping[str, str | re.Pattern[str]] = field(default_factory=dict)
    finders: Mapping[str, Finder] = field(default_factory=dict)
    pseudonym_key: bytes = field(default=b"", repr=False)
    pseudonyms: Set[str] = frozenset()


class Walk:
    """Goes through values and hides what the given patterns and names say.

    Args:
        policy: what else to hide, and how it is shown.
        counts: where hidden values are counted by kind.
        families: forms to look for.
        names: verdicts on names of fields.
    """

    def __init__(
        self, policy: Policy, counts: dict[str, int], families: tuple[Family, ...], names: SensitiveNames
    ) -> None:
        self._policy = policy
        self._counts = counts
        self._families = families
        self._names = names

    def span(self, span: Span) -> None:
        """Hide what is secret in a span, its moments and links."""
        span.name = self.text(span.name)
        span.status_message = self.text(span.status_message)
        span.attributes = self.fields(span.attributes)
        for moment in span.events:
            moment.name = self.text(moment.name)
            moment.attributes = self.fields(moment.attributes)
        for link in span.links:
            link.attributes = self.fields(link.attributes)

    def fields(self, fields: dict[str, Any], depth: int = MAX_DEPTH) -> dict[str, Any]:
        """Return ``fields`` without secrets; the very same dict when there are none."""
        changed = {}
        for name, value in fields.items():
            shown = self._field(name, value, depth)
            if shown is not value:
                changed[name] = shown
        return {**fields, **changed} if changed else fields

    def text(self, text: str) -> str:
        """Return ``text`` without secrets."""
        if len(text) < TELLING_CHARS:
            return text
        raw = text.encode("utf-8", "replace")
        for family in self._families:
            if family.hinted(raw):
                for pattern in family.patterns:
                    text = pattern.regex.sub(partial(self._replaced, pattern), text)
        for kind, finder in self._policy.finders.items():
            text = self._found(kind, finder, text)
        return text

    def _field(self, name: str, value: Any, depth: int) -> Any:
        if name in self._policy.allowed or value is None or type(value) is bool:
            return value
        if self._names.is_sensitive(name):
            return self._shown(NAMED, str(value)) if value != "" else value
        return self._value(value, depth)

    def _value(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return self.text(value)
        if kind is int:
            return self._number(value) if value >= TELLING_INT else value
        if kind is dict or kind is list:
            return self._inside(value, depth - 1) if depth else self._shown(DEEP, "")
        return value

    def _inside(self, value: Any, depth: int) -> Any:
        if type(value) is dict:
            return self.fields(value, depth)
        shown = [self._value(item, depth) for item in value]
        return value if all(map(is_, shown, value)) else shown

    def _number(self, number: int) -> int | str:
        text = str(number)
        shown = self.text(text)
        return number if shown == text else shown

    def _replaced(self, pattern: Pattern, match: re.Match[str]) -> str:
        group = pattern.secret_group(match)
        whole, secret, offset = match[0], match[group], match.start()
        if _SHOWN.match(secret) or (pattern.check is not None and not pattern.check(secret)):
            return whole
        before, after = whole[: match.start(group) - offset], whole[match.end(group) - offset :]
        return before + self._shown(pattern.kind, secret) + after

    def _found(self, kind: str, finder: Finder, text: str) -> str:
        try:
            shown = finder(text)
        except Exception:  # noqa: BLE001
            # A finder is the host's code and may fail in any way; what it might have found must not leave.
            return self._shown(FAILED, text)
        if shown != text:
            self._counts[kind] = self._counts.get(kind, 0) + 1
        return shown

    def _shown(self, kind: str, secret: str) -> str:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if kind in self._policy.pseudonyms:
            return pseudonym(self._policy.pseudonym_key, kind, secret)
        return f"[redacted:{kind}]"


def pseudonym(key: bytes, kind: str, secret: str) -> str:
    """Return what stands for ``secret``: HMAC-SHA256 (RFC 2104), truncated to 64 bits."""
    digest = hmac.digest(key, f"{kind}\0{secret}".encode("utf-8", "replace"), "sha256")
    return f"[{kind}:{digest[:PSEUDONYM_BYTES].hex()}]"


def own_families(policy: Policy) -> tuple[Family, ...]:
    """Return the policy's own patterns, compiled, without a hint.

    Raises:
        UsageError: one is no regular expression.
    """
    made = []
    for kind, regex in policy.patterns.items():
        try:
            made.append(Family(b"", None, (Pattern(kind, re.compile(regex)),)))
        except re.error as error:
            raise UsageError(f"redaction pattern {kind!r} is no regular expression: {error}") from error
    return tuple(made)
