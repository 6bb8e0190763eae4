"""What a decoded request amounts to."""

from firstlight.model import Batch

REASONS_MAX = 5
"""Distinct reasons kept for the answer; more would not be read and the answer must stay small."""

TIME_MAX_NS = 2**63 - 1
"""Last moment that a signed 64-bit time can hold (year 2262)."""


class Refused(Exception):
    """One item of a request cannot be kept; its neighbours can."""


class Decoded:
    """The content of one request.

    Attributes:
        batches: one per resource that sent something, in order.
        received: items in the request: spans, log records or data points.
        rejected: how many of them are not in ``batches``.
        reasons: why, at most ``REASONS_MAX`` different ones.
    """

    __slots__ = ("batches", "reasons", "received", "rejected")

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.received = 0
        self.rejected = 0
        self.reasons: list[str] = []

    def keep(self, batch: Batch) -> None:
        """Add ``batch`` unless it is empty."""
        if len(batch):
            self.batches.append(batch)

    def refuse(self, reason: str, items: int = 1) -> None:
        """Count ``items`` that cannot be kept."""
        self.rejected += items
        if len(self.reasons) < REASONS_MAX and reason not in self.reasons:
            self.reasons.append(reason)


def time_or(time_ns: int | None, otherwise_ns: int) -> int:
    """Return ``time_ns``, or ``otherwise_ns`` when it is 0.

    Raises:
        Refused: it does not fit a signed 64-bit time.
    """
    if not time_ns:
        return otherwise_ns
    if not 0 < time_ns <= TIME_MAX_NS:
        raise Refused(f"time {time_ns} is outside 1970..2262")
    return time_ns
