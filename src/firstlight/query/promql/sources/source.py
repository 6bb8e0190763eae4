"""Where PromQL's samples come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from firstlight.model import Matcher
from firstlight.query.promql.limits import Limits

Labels = tuple[tuple[str, str], ...]
"""A label set, ascending by name, ``__name__`` among them, none with an empty value."""


@dataclass(frozen=True, slots=True)
class Selected:
    """Samples of some series, series after series.

    Attributes:
        labels: of each series; no label set twice.
        lengths: ``(N,)`` int64, how many samples each has.
        times_ns: ``(n,)`` int64, ascending within a series, each time once.
        values: ``(n,)`` float64, bit for bit, stale markers included.
        histograms: ``(n,)`` objects, a Histogram or None; None when no series has any.  A stale marker is a float.
    """

    labels: list[Labels]
    lengths: Any
    times_ns: Any
    values: Any
    histograms: Any = None


class Source(Protocol):
    """Holds series and finds them."""

    def select(self, matchers: Sequence[Matcher], start_ns: int, end_ns: int, limits: Limits) -> Selected:
        """Return the samples with ``start_ns < time <= end_ns`` of the series that meet all ``matchers``.

        A series that has none may be left out.  What is read is charged to ``limits`` before memory is taken for it.

        Raises:
            QueryError: a limit is reached, or a matcher is wrong.
        """
        ...


def are_there(histograms: Any) -> Any:
    """Return where an array of objects has a histogram and not None; bool, of the same shape."""
    return histograms != None  # noqa: E711 - numpy compares each
