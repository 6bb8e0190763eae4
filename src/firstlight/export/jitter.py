"""Waiting a little less than agreed, so that many senders do not come back at the same moment."""

from random import uniform


def shortened(wait_s: float, most_ratio: float = 0.5) -> float:
    """Return ``wait_s`` less up to that share of it, at random."""
    return uniform(wait_s * (1 - most_ratio), wait_s)  # noqa: S311 - it spreads load, it hides nothing
