"""What one query may cost."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from firstlight.errors import QueryCanceled, QueryTimedOut, QueryTooLarge

MAX_SAMPLES = 50_000_000
"""Samples that one query may touch, as Prometheus has it."""


def _never() -> bool:
    return False


@dataclass(slots=True)
class Limits:
    """What one query may still cost.  Made anew for each query.

    Attributes:
        max_samples: samples that may be read, and values that may be held at once.
        deadline_s: when it must be done, by ``time.monotonic()``; None for never.
        is_canceled: says whether nobody waits any more.
        samples: read so far.
        began_s: when it was asked, likewise.
    """

    max_samples: int = MAX_SAMPLES
    deadline_s: float | None = None
    is_canceled: Callable[[], bool] = _never
    samples: int = 0
    began_s: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Look whether there is still time.

        Raises:
            QueryTimedOut: there is none.
            QueryCanceled: nobody waits.
        """
        if self.deadline_s is not None and time.monotonic() > self.deadline_s:
            raise QueryTimedOut("query timed out in expression evaluation")
        if self.is_canceled():
            raise QueryCanceled("query was canceled in expression evaluation")

    def charge(self, samples: int) -> None:
        """Count samples that are about to be read.

        Raises:
            QueryTooLarge: these are too many.
        """
        self.samples += samples
        self.room(self.samples)

    def room(self, cells: int) -> None:
        """Look whether an array of so many values may be made.

        Raises:
            QueryTooLarge: it may not.
        """
        if cells > self.max_samples:
            raise QueryTooLarge("query processing would load too many samples into memory in query execution")
        self.check()
