"""The stage that hides secrets, between the conversion of records and their delivery."""

from collections.abc import Callable, Sequence
from typing import Protocol

from firstlight.model import Batch, Event, Span
from firstlight.sdk.flow.ledger import Ledger, Rows
from firstlight.sdk.flow.plain import Telling
from firstlight.sdk.flow.troubles import Troubles


class Redacts(Protocol):
    """Hides what must not leave the process."""

    def is_clean(self, told: Telling) -> bool:
        """Return whether there is certainly nothing to hide in events of which this is told."""

    def batch(self, events: Sequence[Event], spans: Sequence[Span]) -> None:
        """Hide it in these rows."""

    def counts(self) -> dict[str, int]:
        """Return how many values were hidden so far, by kind."""


class Redaction:
    """Hides nothing until it is told how.

    Args:
        ledger: counts what was hidden, and what was dropped because nobody could look through it.
        troubles: hears of failures.
    """

    def __init__(self, ledger: Ledger, troubles: Troubles) -> None:
        self._ledger = ledger
        self._troubles = troubles
        self.use(None)

    def use(self, make: Callable[[], Redacts] | None) -> None:
        """Go by what ``make`` returns, which is asked for when there is something to look at."""
        self._make = make
        self._redactor: Redacts | None = None

    def restart(self) -> None:
        """Count from zero, as a forked child does."""
        self._redactor = None

    def apply(self, batch: Batch, told: Telling | None = None) -> None:
        """Hide what is secret in the events and spans of ``batch``; if it has columns, ``told`` is of their events."""
        if self._make is None:
            return
        try:
            if self._redactor is None:
                self._redactor = self._make()
            if told is not None and not batch.spans and self._redactor.is_clean(told):
                return
            self._redactor.batch(batch.events, batch.spans)
            self._ledger.redacted = self._redactor.counts()
        except Exception as error:  # noqa: BLE001
            # Rows that nobody could look through must not leave; whatever stopped it, the next ones may be fine.
            self._ledger.dropped("redaction_failed", Rows(batch.count_events(), len(batch.spans)))
            batch.events = []
            batch.spans.clear()
            self._troubles.internal("redaction failed", error)
