"""How long what stays in a lake, and how large it may become."""

from collections.abc import Mapping

import msgspec

from firstlight.model import parse_selector

_US_PER_DAY = 86_400_000_000


class SeriesRule(msgspec.Struct, frozen=True):
    """How long the samples of some series stay.

    Attributes:
        match: which, as a selector: ``name{label="value"}``.
        days: whole days that a sample stays at least; 0 forever.
    """

    match: str
    days: float


class Policy(msgspec.Struct, frozen=True):
    """What may go.

    Attributes:
        days: how long the rows of each table stay; 0, or a table that is not named: forever.
        series: other times for the samples of some series.  Of the rules that match a series the one with the most
            matchers counts, of equals the longest.
        disk_budget_bytes: size that the lake's directory shall keep to; 0 for any size.
    """

    days: Mapping[str, float] = {}
    series: tuple[SeriesRule, ...] = ()
    disk_budget_bytes: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether everything stays."""
        return not (any(self.days.values()) or self.series or self.disk_budget_bytes)

    def ranked(self) -> list[SeriesRule]:
        """Return the rules for series, those first that count most."""
        return sorted(self.series, key=lambda rule: (len(parse_selector(rule.match)), rule.days or float("inf")))[::-1]


def begin_us(now_us: int, days: float) -> int | None:
    """Return the time before which rows may go, the beginning of a day (UTC); None when all stay.

    Segments are of one day each, so rows go by whole days: a row stays ``days`` and at most one day more.
    """
    if not days:
        return None
    return int((now_us - days * _US_PER_DAY) // _US_PER_DAY) * _US_PER_DAY
