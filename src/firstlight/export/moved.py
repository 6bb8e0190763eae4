"""How exporters that keep rows for later tell what became of them, so that counts stay exact."""

from collections.abc import Callable

from firstlight.model import Batch

Counts = tuple[int, int, int]
"""Events, spans and samples."""

OnMoved = Callable[[str, Counts], None]
"""Takes what became of rows and how many events, spans and samples there are.

``held``: ``export`` returned, but they are only kept for later; ``delivered``: now they are the receiver's;
``adopted``: they were another process's and are ours from now on; else why they are lost: ``spool_full``,
``refused``, ``export_failed``, ``undelivered``.
"""


def counts_of(batch: Batch) -> Counts:
    """Return how many rows of each kind ``batch`` has."""
    return batch.count_events(), len(batch.spans), len(batch.samples) + len(batch.exponential)


def total(one: Counts, other: Counts) -> Counts:
    """Return the sums."""
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def nobody(_what: str, _counts: Counts) -> None:
    """Hear nothing."""
