"""Gathers batches and hands them on at intervals, for receivers that are paid or slowed by the request."""

import os
from time import monotonic

from firstlight.errors import FirstlightError, Overloaded, Unavailable, UsageError
from firstlight.export.jitter import shortened
from firstlight.export.moved import OnMoved, counts_of, nobody
from firstlight.model import Batch
from firstlight.ports import Exporter

DEFAULT_INTERVAL_S = 60.0
MAX_ROWS = 20_000
JITTER_RATIO = 0.1
"""Share of an interval by which the first one is shortened at random, so that many processes spread their requests."""
RETRY_S = 1.0
RETRY_MOST_S = 30.0


class PeriodicExporter:
    """Hands batches to another exporter every ``interval_s``, sooner when many rows wait.

    The batches of one interval travel as one for each sender.

    Args:
        exporter: delivers; this one closes it.
        interval_s: seconds between two deliveries.
        max_rows: rows that do not wait for the interval; at most twice as many are kept.
        on_moved: told what became of rows after ``export`` has returned.

    Raises:
        UsageError: the interval or the number of rows is not above zero.
    """

    def __init__(
        self,
        exporter: Exporter,
        interval_s: float = DEFAULT_INTERVAL_S,
        *,
        max_rows: int = MAX_ROWS,
        on_moved: OnMoved | None = None,
    ) -> None:
        if interval_s <= 0 or max_rows <= 0:
            raise UsageError(f"an interval and a number of rows are above zero, not {interval_s} and {max_rows}")
        self._exporter = exporter
        self._interval_s = interval_s
        self._max_rows = max_rows
        self._on_moved = nobody if on_moved is None else on_moved
        self._due_s = monotonic() + shortened(interval_s, JITTER_RATIO)
        self._retry_s = 0.0
        self._held: list[Batch] = []
        self._rows = 0
        self._pid = os.getpid()

    def export(self, batch: Batch) -> None:
        """Keep ``batch`` until the interval is over.

        Raises:
            Overloaded: nothing could be delivered for so long that there is no room.
        """
        if self._pid != os.getpid():
            # In a forked child: what was kept is the parent's to deliver.
            self._pid, self._held, self._rows = os.getpid(), [], 0
        if self._rows >= 2 * self._max_rows:
            self.catch_up(0.0)
        if self._rows >= 2 * self._max_rows:
            raise Overloaded(f"{self._rows} rows wait for their receiver; no more are kept", 1.0)
        if not len(batch):
            return
        self._add(batch)
        self._on_moved("held", counts_of(batch))
        self.catch_up(0.0)

    def catch_up(self, timeout_s: float, *, urgent: bool = False) -> bool:
        """Deliver what is kept if it is due or ``urgent``; return whether nothing is left."""
        now_s = monotonic()
        end_s = now_s + timeout_s
        is_due = now_s >= self._due_s or self._rows >= self._max_rows
        if urgent or (is_due and now_s >= self._retry_s):
            while self._held and self._settled(self._held[0]):
                self._rows -= len(self._held.pop(0))
                if monotonic() > end_s and not urgent:
                    break
            if not self._held:
                self._due_s = max(self._due_s + self._interval_s, now_s)
        return not self._held

    def close(self) -> None:
        """Deliver what is kept, if the receiver takes it now, and close the other exporter."""
        self.catch_up(0.0, urgent=True)
        for batch in self._held:
            self._on_moved("undelivered", counts_of(batch))
        self._held = []
        self._exporter.close()

    def _add(self, batch: Batch) -> None:
        self._rows += len(batch)
        for held in self._held:
            # One that was tried stays as it is: it may have been taken in part.
            if held.resource is batch.resource and not (self._retry_s and held is self._held[0]):
                _append(held, batch)
                return
        kept = Batch(batch.resource)
        _append(kept, batch)
        self._held.append(kept)

    def _settled(self, batch: Batch) -> bool:
        what = "delivered"
        try:
            self._exporter.export(batch)
        except Unavailable as error:
            self._retry_s = monotonic() + min(max(error.retry_after_s, shortened(RETRY_S)), RETRY_MOST_S)
            return False
        except FirstlightError:
            what = "refused"
        except Exception:  # noqa: BLE001
            # An exporter is anybody's code, and the batches behind this one must still go out.
            what = "export_failed"
        self._retry_s = 0.0
        self._on_moved(what, counts_of(batch))
        return True


def _append(kept: Batch, batch: Batch) -> None:
    kept.events += batch.events
    kept.spans += batch.spans
    kept.exponential += batch.exponential
    kept.exemplars += batch.exemplars
    kept.samples.series_ids += batch.samples.series_ids
    kept.samples.times_ns += batch.samples.times_ns
    kept.samples.values += batch.samples.values
    kept.series.update(batch.series)
