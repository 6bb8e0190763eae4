"""Examples: single values that were measured inside a span, so that a chart leads to a trace.

Only an instrument that asks for exemplars pays for them: its recording method looks up the current span and appends
``(value, span)`` where there is one.  The fold keeps the newest value of each place (a bucket, a counter).
"""

from collections.abc import Callable
from itertools import count
from math import isnan
from typing import Any, NamedTuple

from firstlight.ports import Clock
from firstlight.sdk.tracing.context import CURRENT

MAX_PLACES = 200
"""Places of one line; more than the buckets of any usual histogram."""

_serials = count(1)


class Noted(NamedTuple):
    """One value with its span.

    Attributes:
        serial: ascends over all notes of the process.
        time_ns: when it was taken over, at most a tick (100 ms) after it was measured.
        value: what was measured.
        span: where; anything whose ``ids()`` are a trace id and a span id.
    """

    serial: int
    time_ns: int
    value: float
    span: Any


class Notes:
    """The newest value of each place of one line.

    Args:
        now: a clock.
    """

    __slots__ = ("_kept", "_now")

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._kept: dict[int, Noted] = {}

    def sift(self, taken: list[Any], place_of: Callable[[float], int]) -> list[Any]:
        """Return the bare values of ``taken``, having noted those that came with a span."""
        bare = taken.copy()
        newest: dict[int, tuple[Any, Any]] = {}
        for at, item in enumerate(taken):
            if type(item) is tuple:
                bare[at] = value = item[0]
                try:
                    newest[place_of(value)] = item
                except (TypeError, ValueError, OverflowError):
                    # It is no number; whoever folds the bare values counts it.
                    continue
        for place, (value, span) in newest.items():
            self._note(place, value, span)
        return bare

    def since(self, serial: int) -> list[tuple[int, Noted]]:
        """Return place and note of what was noted after ``serial``."""
        return [(place, noted) for place, noted in self._kept.items() if noted.serial > serial]

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    def _note(self, place: int, value: Any, span: Any) -> None:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            return
        if not isnan(number) and (place in self._kept or len(self._kept) < MAX_PLACES):
            self._kept[place] = Noted(next(_serials), self._now(), number, span)


def valued_in_span(append: Callable[[Any], None]) -> Callable[[float], None]:
    """Return a function that appends a value, with the current span if there is one."""
    current = CURRENT.get

    def take(value: float) -> None:
        span = current()
        append(value if span is None else (value, span))

    return take


def counted_in_span(count_one: Callable[[], object], append: Callable[[Any], None]) -> Callable[[], object]:
    """Return a function that counts one, outside of spans by ``count_one``."""
    current = CURRENT.get

    def take() -> None:
        span = current()
        if span is None:
            count_one()
        else:
            append((1, span))

    return take
