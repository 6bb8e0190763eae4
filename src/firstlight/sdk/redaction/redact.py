"""Takes secrets out of what was recorded, before anything leaves the process.

A drained batch is looked at in chunks.  The values of a chunk that are long enough for a secret are encoded at once
(MessagePack, one call in C), and the hints of ``patterns`` are searched in those bytes; the names of
all fields are united into one set.  Only a chunk where something shows is walked value by value.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from firstlight.errors import UsageError
from firstlight.model import Event, Span
from firstlight.sdk.flow.plain import TELLING_CHARS, TELLING_INT, Telling
from firstlight.sdk.redaction.hiding import Policy, Walk, own_families
from firstlight.sdk.redaction.patterns import CARDS, EMAIL, FAMILIES, IBANS, Family
from firstlight.sdk.redaction.sensitive_names import SensitiveNames

__all__ = ["Policy", "Redactor"]

CHUNK_ROWS = 256


class Redactor:
    """Redacts batches by a policy; used by one thread at a time.

    Args:
        policy: see :class:`Policy`.

    Raises:
        UsageError: a pattern does not compile, or pseudonyms are wanted without a key.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        if self.policy.pseudonyms and not self.policy.pseudonym_key:
            raise UsageError("pseudonyms need a key: set the redaction policy's pseudonym_key")
        self._names = SensitiveNames(self.policy.names, self.policy.allowed)
        self._own = own_families(self.policy)
        self._always = bool(self._own or self.policy.finders)
        chosen = ((CARDS, self.policy.cards), (EMAIL, self.policy.emails), (IBANS, self.policy.ibans))
        self._families = FAMILIES + tuple(family for family, wanted in chosen if wanted)
        self._counts: dict[str, int] = {}

    def counts(self) -> dict[str, int]:
        """Return how many values were hidden so far, by kind."""
        return dict(self._counts)

    def is_clean(self, told: Telling) -> bool:
        """Return whether there is certainly nothing to hide in events of which this is told."""
        if not self.policy.enabled:
            return True
        return not (self._always or self._names.show(told.keys) or self._hinted((told.values, list(told.names))))

    def batch(self, events: Sequence[Event], spans: Sequence[Span]) -> None:
        """Hide what is secret in these rows.  A row gets a new dict where something changes; no dict is changed."""
        if not self.policy.enabled:
            return
        for start in range(0, len(events), CHUNK_ROWS):
            self._events(events[start : start + CHUNK_ROWS])
        for start in range(0, len(spans), CHUNK_ROWS):
            self._spans(spans[start : start + CHUNK_ROWS])

    def _events(self, events: Sequence[Event]) -> None:
        rows = [event.attributes for event in events]
        walk = self._walk(
            rows, ([event.body for event in events if event.body], list({event.name for event in events}))
        )
        if walk is None:
            return
        for event in events:
            event.attributes = walk.fields(event.attributes)
            event.body = walk.text(event.body)
            event.name = walk.text(event.name)

    def _spans(self, spans: Sequence[Span]) -> None:
        rows = [span.attributes for span in spans]
        rows += [moment.attributes for span in spans for moment in span.events]
        rows += [link.attributes for span in spans for link in span.links]
        words = [(span.name, span.status_message, [moment.name for moment in span.events]) for span in spans]
        walk = self._walk(rows, words)
        if walk is None:
            return
        for span in spans:
            walk.span(span)

    def _walk(self, rows: Sequence[dict[str, Any]], words: Any) -> Walk | None:
        """Return what goes through these rows and words, or None when there is nothing to hide in them."""
        values = _long_values(rows)
        families = self._hinted((values, words))
        if not (families or self._always or self._names.show(set().union(*rows)) or self._names.show_inside(values)):
            return None
        return Walk(self.policy, self._counts, families + self._own, self._names)

    def _hinted(self, values: Any) -> tuple[Family, ...]:
        """Return the families of which something may be in ``values``."""
        try:
            raw = msgspec.msgpack.encode(values)
        except (TypeError, ValueError, OverflowError, RecursionError):
            # The values are not plain, so only the walk can tell.
            return self._families
        # Spelt out because a call for each would cost more than the search itself.
        return tuple(
            [
                family
                for family in self._families
                if family.needle in raw and ((hint := family.hint) is None or hint(raw))
            ]
        )


def _long_values(rows: Sequence[dict[str, Any]]) -> list[Any]:
    """Return what may be secret by its form or hold something that is: long texts, big numbers, lists and dicts."""
    found: list[Any] = []
    add = found.append
    for row in rows:
        for value in row.values():
            # Most of what redaction costs is here: the type's identity is the cheapest test there is.
            kind = type(value)
            if kind is str:
                if len(value) >= TELLING_CHARS:
                    add(value)
            elif kind is int:
                if value >= TELLING_INT:
                    add(value)
            elif kind is not float and kind is not bool and value is not None:
                add(value)
    return found
