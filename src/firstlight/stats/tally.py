"""Count, sum, extremes and the newest of some values; two tallies make one."""

from collections.abc import Callable, Iterable
from math import inf


class Tally:
    """What is left of values that are not kept themselves.

    Attributes:
        count: how many.
        total: their sum.
        least: the smallest; infinity when there are none.
        greatest: the largest; minus infinity when there are none.
        last: the one that was added last.
    """

    __slots__ = ("count", "greatest", "last", "least", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.least = inf
        self.greatest = -inf
        self.last = 0.0

    def add(self, value: float) -> None:
        """Take one value in."""
        self.count += 1
        self.total += value
        self.least = min(self.least, value)
        self.greatest = max(self.greatest, value)
        self.last = value

    def follow(self, later: "Tally") -> None:
        """Take in everything that ``later`` has, which came after what is here."""
        if later.count:
            self.count += later.count
            self.total += later.total
            self.least = min(self.least, later.least)
            self.greatest = max(self.greatest, later.greatest)
            self.last = later.last


READINGS: dict[str, Callable[[Tally], float]] = {
    "MEAN": lambda tally: tally.total / tally.count,
    "SUM": lambda tally: tally.total,
    "MIN": lambda tally: tally.least,
    "MAX": lambda tally: tally.greatest,
    "COUNT": lambda tally: tally.count,
    "LAST": lambda tally: tally.last,
}
"""What can be read off a tally that is not empty, by name."""


def together(tallies: Iterable[Tally]) -> Tally:
    """Return one tally of all, which are given in their order of time."""
    whole = Tally()
    for tally in tallies:
        whole.follow(tally)
    return whole
