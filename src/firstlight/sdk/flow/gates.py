"""What records pass through on their way into the front: one gate for each ``when_full``.

Without a gate they go through the list's own ``append``.  ``sampled`` takes its place only above the high-water mark,
so it costs nothing before; the other two must look at every record.
"""

from collections.abc import Callable
from itertools import count
from threading import get_ident
from time import sleep
from typing import Any, Protocol

from firstlight.model import Event, Level
from firstlight.sdk.flow.ledger import Ledger, Rows

Put = Callable[[Any], object]

SAMPLE_ONE_IN = 16
"""What is kept above the high-water mark, of records below warning level."""

WAIT_S = 0.002
MAX_WAITS = 15_000
"""Half a minute: a drain that has stopped must not hold the host for ever."""


class Trimmed(Protocol):
    """A list of records that can lose its oldest ones."""

    records: list[Any]

    def trim(self, most: int, ledger: Ledger) -> None:
        """Drop and count the oldest records beyond ``most``."""


def is_event(record: Any) -> bool:
    """Return whether a record of the front is an event; the others are spans."""
    return type(record) is tuple or type(record) is Event


def rows_of(records: list[Any]) -> Rows:
    """Count the raw ``records`` by signal."""
    events = sum(map(is_event, records))
    return Rows(events=events, spans=len(records) - events)


def sampled(keep: Put, ledger: Ledger) -> Put:
    """Keep one record in ``SAMPLE_ONE_IN``, and every event from warning level up."""
    turn = count().__next__
    lose_event, lose_span = ledger.shed_events.hit, ledger.shed_spans.hit

    def put(record: Any) -> None:
        if turn() % SAMPLE_ONE_IN == 0 or (type(record) is tuple and record[1].level >= Level.WARN):
            keep(record)
        elif is_event(record):
            lose_event()
        else:
            lose_span()

    return put


def ring(front: Trimmed, most: int, ledger: Ledger) -> Put:
    """Keep every record; beyond ``most`` the oldest go."""
    records = front.records

    def put(record: Any) -> None:
        records.append(record)
        if len(records) > most:
            front.trim(most, ledger)

    return put


def waiting(records: list[Any], most: int, own_threads: Callable[[], set[int]]) -> Put:
    """Let the host's threads wait while more than ``most`` records are there; the recorder's own never do."""

    def put(record: Any) -> None:
        if len(records) > most and get_ident() not in own_threads():
            for _ in range(MAX_WAITS):
                sleep(WAIT_S)
                if len(records) <= most:
                    break
        records.append(record)

    return put
