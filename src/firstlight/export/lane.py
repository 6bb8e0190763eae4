"""One of several exporters that get the same batches: a queue and a thread of its own."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import inf
from threading import Condition, Thread
from time import monotonic
from typing import Any

from firstlight.errors import FirstlightError, Unavailable
from firstlight.export.jitter import shortened
from firstlight.export.moved import Counts, counts_of, total
from firstlight.model import Batch
from firstlight.ports import Exporter

RETRY_FIRST_S = 1.0
RETRY_MOST_S = 30.0
IDLE_S = 1.0
OnDropped = Callable[[str, str, Counts], None]
"""Takes the exporter's name, the reason and how many rows were lost."""


@dataclass
class LaneCounts:
    """What became of the rows given to one exporter; they add up to what it was given once nothing waits.

    Attributes:
        exported: delivered events, spans and samples.
        dropped: lost ones, by reason: ``queue_full``, ``refused``, ``export_failed``, ``undelivered``.
        errors: tries that failed.
    """

    exported: Counts = (0, 0, 0)
    dropped: dict[str, Counts] = field(default_factory=dict)
    errors: int = 0


class Lane:
    """Delivers batches in order; one that cannot be delivered now is tried again, the oldest that have no room go.

    Args:
        name: of the exporter, for the counts and the thread.
        exporter: delivers.
        queue_rows: most rows that wait.
        on_dropped: told of each loss.
    """

    def __init__(self, name: str, exporter: Exporter, queue_rows: int, on_dropped: OnDropped) -> None:
        self.name = name
        self._exporter = exporter
        self._queue_rows = queue_rows
        self._on_dropped = on_dropped
        self._hurries = 0
        self._is_closing = False
        self.restart()

    def restart(self) -> None:
        """Begin anew with nothing, as a forked child does."""
        self._changed = Condition()
        self._waiting: deque[Batch] = deque()
        self._rows = 0
        self._under_way: Counts | None = None
        self._is_at_work = self._holds_back = False
        self._thread: Thread | None = None
        self._counts = LaneCounts()

    def put(self, batch: Batch) -> None:
        """Queue ``batch``; never waits."""
        with self._changed:
            if self._thread is None:
                self._thread = self._started()
            self._waiting.append(batch)
            self._rows += len(batch)
            while self._rows > self._queue_rows and len(self._waiting) > 1:
                self._drop_oldest("queue_full")
            self._changed.notify_all()

    def counts(self) -> LaneCounts:
        """Return what became of the rows so far."""
        with self._changed:
            counts = self._counts
            return LaneCounts(counts.exported, dict(counts.dropped), counts.errors)

    def hurry(self, end_s: float) -> None:
        """Cut the pause before the next try short; without a thread, deliver here and now, until ``end_s``."""
        if self._thread is None:
            self._deliver_here(end_s)
        with self._changed:
            self._hurries += 1
            self._changed.notify_all()

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until nothing is left; return whether that is so."""
        with self._changed:
            return self._changed.wait_for(self._is_empty, timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Drop what waits, close the exporter when it is done with its batch; return whether that was in time."""
        end_s = monotonic() + timeout_s
        with self._changed:
            self._is_closing = True
            while self._waiting:
                self._drop_oldest("undelivered")
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(max(0.1, end_s - monotonic()))
            if self._thread.is_alive():
                # It is stuck in a delivery, beside which its exporter may not be closed.
                with self._changed:
                    self._settle("undelivered")
                return False
        self._exporter.close()
        return True

    def _started(self) -> Thread | None:
        thread = Thread(target=self._run, name=f"firstlight-{self.name}", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # The interpreter ends; what waits is delivered by whoever flushes.
            return None
        return thread

    def _deliver_here(self, end_s: float) -> None:
        while monotonic() < end_s:
            with self._changed:
                batch = self._taken()
            if batch is None:
                break
            self._deliver(batch, end_s)
        self._let_catch_up(urgent=True)

    def _is_empty(self) -> bool:
        return not self._waiting and not self._is_at_work and not self._holds_back

    def _run(self) -> None:
        seen = self._hurries
        while True:
            with self._changed:
                self._changed.wait_for(partial(self._has_work, seen), IDLE_S)
                batch = self._taken()
                if batch is None and self._is_closing:
                    return
                hurries = self._hurries
            if batch is not None:
                self._deliver(batch)
            self._let_catch_up(urgent=hurries != seen)
            seen = hurries

    def _has_work(self, seen: int) -> bool:
        return bool(self._waiting) or self._is_hurried(seen)

    def _is_hurried(self, seen: int) -> bool:
        return self._is_closing or self._hurries != seen

    def _taken(self) -> Batch | None:
        if not self._waiting:
            return None
        batch = self._waiting.popleft()
        self._rows -= len(batch)
        self._under_way = counts_of(batch)
        self._is_at_work = True
        return batch

    def _deliver(self, batch: Batch, end_s: float = inf) -> None:
        delay_s = RETRY_FIRST_S
        while (retry_after_s := self._try(batch)) is not None:
            wait_s = max(shortened(delay_s), retry_after_s)
            delay_s = min(2 * delay_s, RETRY_MOST_S)
            with self._changed:
                left_s = max(0.0, min(wait_s, RETRY_MOST_S, end_s - monotonic()))
                self._changed.wait_for(partial(self._is_hurried, self._hurries), left_s)
                if self._is_closing or monotonic() >= end_s:
                    self._settle("undelivered")
                    return

    def _try(self, batch: Batch) -> float | None:
        """Try once; return None when it is settled, else after how many seconds to try again."""
        reason = ""
        try:
            self._exporter.export(batch)
        except Unavailable as error:
            self._counts.errors += 1
            return error.retry_after_s
        except FirstlightError:
            reason = "refused"
        except BaseException:  # noqa: BLE001
            # An exporter is anybody's code; whatever it raises must not end this thread.
            reason = "export_failed"
        with self._changed:
            self._counts.errors += bool(reason)
            self._settle(reason)
        return None

    def _let_catch_up(self, *, urgent: bool) -> None:
        catch_up: Any = getattr(self._exporter, "catch_up", None)
        try:
            left = catch_up is not None and not catch_up(IDLE_S, urgent=urgent)
        except BaseException:  # noqa: BLE001 - as above
            left = True
            self._counts.errors += 1
        with self._changed:
            self._holds_back = left
            self._is_at_work = False
            self._changed.notify_all()

    def _drop_oldest(self, reason: str) -> None:
        batch = self._waiting.popleft()
        self._rows -= len(batch)
        self._lost(reason, counts_of(batch))

    def _settle(self, dropped_for: str) -> None:
        """Count the batch under way, once."""
        rows, self._under_way = self._under_way, None
        if rows is not None and dropped_for:
            self._lost(dropped_for, rows)
        elif rows is not None:
            self._counts.exported = total(self._counts.exported, rows)
        self._changed.notify_all()

    def _lost(self, reason: str, rows: Counts) -> None:
        self._counts.dropped[reason] = total(self._counts.dropped.get(reason, (0, 0, 0)), rows)
        self._on_dropped(self.name, reason, rows)
