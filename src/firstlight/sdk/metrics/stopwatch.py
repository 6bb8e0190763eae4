"""Times a piece of code for an instrument that takes seconds."""

from collections.abc import Callable
from time import perf_counter
from types import TracebackType
from typing import Self


class Stopwatch:
    """Observes the seconds between entering and leaving, by a clock that never goes back; each entering starts anew.

    Args:
        observe: takes the seconds.
    """

    __slots__ = ("_observe", "_started_s")

    _started_s: float

    def __init__(self, observe: Callable[[float], object]) -> None:
        self._observe = observe

    def __enter__(self) -> Self:
        self._started_s = perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._observe(perf_counter() - self._started_s)
