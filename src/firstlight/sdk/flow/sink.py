"""The second stage: hands queued batches to the exporter, again and again until it takes them.

Between two tries of the same batch it waits 1 s, then 2, 4 … up to 30, each shortened at random by up to half so that
many senders do not come back at the same moment, but at least as long as the receiver asked for.
"""

from collections.abc import Callable
from random import uniform
from threading import Condition, Event, Lock, Thread, current_thread
from time import monotonic, thread_time_ns
from typing import Any, Protocol, runtime_checkable

from firstlight.errors import FirstlightError, NotReachable, Unavailable
from firstlight.model import Batch
from firstlight.ports import Exporter
from firstlight.sdk.flow.ledger import Ledger, Rows
from firstlight.sdk.flow.outbox import Outbox
from firstlight.sdk.flow.threads import started
from firstlight.sdk.flow.troubles import Troubles

IDLE_S = 1.0
RETRY_FIRST_S = 1.0
RETRY_MOST_S = 30.0


@runtime_checkable
class HoldsBack(Protocol):
    """An exporter that keeps batches for later, on disk or until an interval is over."""

    def catch_up(self, timeout_s: float, *, urgent: bool = False) -> bool:
        """Deliver what is due, or everything if it is ``urgent``, in about ``timeout_s``.

        Called about once a second while no batch comes, and by a flush.  Returns whether nothing is left.
        """


class Sink:
    """Delivers on a thread of its own, which starts with :meth:`start`.

    Args:
        outbox: where batches come from.
        exporter: makes the exporter; called once, when there is something to deliver.
        ledger: counts.
        troubles: hears of failures.
        tend: called between deliveries, for what else the thread may do; returns after how many seconds to ask again.

    Attributes:
        thread: the one that delivers, once it is started.
        spent_ns: processor time that deliveries have taken.
    """

    def __init__(
        self,
        outbox: Outbox,
        exporter: Callable[[Ledger], Exporter],
        ledger: Ledger,
        troubles: Troubles,
        tend: Callable[[], float] = lambda: IDLE_S,
    ) -> None:
        self.outbox = outbox
        self._make = exporter
        self._exporter: Any = None
        self._ledger = ledger
        self._troubles = troubles
        self._tend = tend
        self._catch_up_s = 0.0
        self._wake = Event()
        self._settling = Lock()
        self._under_way: Rows | None = None
        self._asking = Condition()
        self._asked = self._answered = 0
        self._asked_until_s = 0.0
        self._nothing_left = True
        self._is_ending = False
        self._deadline_s: float | None = None
        self._gave_up = False
        self.thread: Thread | None = None
        self.spent_ns = 0

    def start(self) -> None:
        """Start the thread, once."""
        if self.thread is None:
            self.thread = started(self._run, "firstlight-sink", self._troubles)

    def flush(self, timeout_s: float) -> bool:
        """Deliver all that is queued or held back; return whether that was done in time."""
        end_s = monotonic() + timeout_s
        self.outbox.hurry(on=True)
        self._wake.set()
        try:
            if self.thread is None:
                self._deliver_all()
            return self.outbox.wait_empty(timeout_s) and self._have_caught_up(end_s - monotonic())
        finally:
            self.outbox.hurry(on=False)

    def close(self, timeout_s: float) -> bool:
        """Deliver what can be delivered in time, drop and count the rest as ``undelivered``, close the exporter.

        What the exporter holds back on disk is not dropped.  Returns whether everything was delivered.
        """
        deadline_s = self._deadline_s = monotonic() + timeout_s
        done = self.flush(timeout_s)
        if not done:
            self.outbox.drop_all("undelivered")
        self._is_ending = True
        self.outbox.close()
        if self.thread is None:
            self._close_exporter()
        else:
            self.thread.join(max(0.1, deadline_s - monotonic()))
            # It may be stuck in somebody's exporter; then what is under way there is lost to us.
            self._settle("undelivered")
        return done and not self._gave_up

    def _run(self) -> None:
        while not self._is_ending or not self.outbox.is_empty():
            batch = self.outbox.take(0.0 if self._is_ending else self._tend())
            began_ns = thread_time_ns()
            if batch is not None:
                self._deliver(batch)
            elif not self._is_ending and (self._asked > self._answered or monotonic() >= self._catch_up_s):
                self._catch_up()
                self._catch_up_s = monotonic() + IDLE_S
            self.spent_ns += thread_time_ns() - began_ns
        self._close_exporter()

    def _deliver_all(self) -> None:
        while (batch := self.outbox.take(0.0)) is not None:
            self._deliver(batch)

    def _deliver(self, batch: Batch) -> None:
        delay_s = RETRY_FIRST_S
        try:
            self._under_way = Rows.of(batch)
            while (retry_after_s := self._try(batch)) is not None:
                self._wake.clear()
                if self._is_over():
                    self._gave_up = True
                    self._settle("undelivered")
                    break
                wait_s = uniform(delay_s / 2, delay_s)  # noqa: S311 - it spreads load, it hides nothing
                self._wake.wait(min(max(wait_s, retry_after_s), RETRY_MOST_S, self._left_s()))
                delay_s = min(2 * delay_s, RETRY_MOST_S)
        finally:
            self.outbox.done()

    def _try(self, batch: Batch) -> float | None:
        """Try once; return None when it is settled, else after how many seconds to try again."""
        try:
            if self._exporter is None:
                self._exporter = self._make(self._ledger)
            self._exporter.export(batch)
        except Unavailable as error:
            self._ledger.export_error()
            self._troubles.say("unavailable", f"cannot deliver telemetry now, it is kept while there is room: {error}")
            if isinstance(error, NotReachable) and self._deadline_s is not None:
                self._deadline_s = 0.0
            return _pause_s(error)
        except FirstlightError as error:
            self._ledger.export_error()
            self._settle("refused")
            self._troubles.say("refused", f"telemetry was refused: {error}")
        except BaseException as error:  # noqa: BLE001
            # An exporter is anybody's code; whatever it raises, even to end the program, must not end this thread.
            self._ledger.export_error()
            self._settle("export_failed")
            self._failed("the exporter failed", error)
        else:
            self._settle()
        return None

    def _settle(self, dropped_for: str = "") -> None:
        """Count the batch under way, once: a delivery that ends after it was given up counts no more."""
        with self._settling:
            rows, self._under_way = self._under_way, None
        if rows is not None and dropped_for:
            self._ledger.dropped(dropped_for, rows)
        elif rows is not None:
            self._ledger.exported(rows)

    def _have_caught_up(self, timeout_s: float) -> bool:
        """Have the thread let the exporter deliver all it holds back; return whether nothing is left of it."""
        with self._asking:
            self._asked += 1
            asked, self._asked_until_s = self._asked, monotonic() + timeout_s
            if self.thread is not None:
                self.outbox.wake()
                return self._asking.wait_for(lambda: self._answered >= asked, timeout_s) and self._nothing_left
        self._catch_up()
        return self._nothing_left

    def _catch_up(self) -> None:
        asked, exporter = self._asked, self._exporter
        urgent, nothing_left = asked > self._answered, True
        timeout_s = max(0.0, self._asked_until_s - monotonic()) if urgent else IDLE_S
        try:
            if isinstance(exporter, HoldsBack):
                nothing_left = exporter.catch_up(timeout_s, urgent=urgent)
        except BaseException as error:  # noqa: BLE001
            nothing_left = False
            self._ledger.export_error()
            self._failed("the exporter failed to catch up", error)
        with self._asking:
            self._answered, self._nothing_left = asked, nothing_left
            self._asking.notify_all()

    def _failed(self, what: str, error: BaseException) -> None:
        self._troubles.internal(what, error)
        # On the host's own thread an interrupt is the host's.
        if not isinstance(error, Exception) and current_thread() is not self.thread:
            raise error

    def _is_over(self) -> bool:
        return self._deadline_s is not None and monotonic() >= self._deadline_s

    def _left_s(self) -> float:
        return RETRY_MOST_S if self._deadline_s is None else max(0.0, self._deadline_s - monotonic())

    def _close_exporter(self) -> None:
        if self._exporter is None:
            return
        try:
            self._exporter.close()
        except BaseException as error:  # noqa: BLE001
            # As above: closing somebody's exporter must not keep the host from ending.
            self._failed("closing the exporter failed", error)


def _pause_s(error: Unavailable) -> float:
    """Return after how long the receiver wants to be asked again, whatever an exporter wrote there."""
    try:
        return max(0.0, float(error.retry_after_s))
    except (TypeError, ValueError):
        return RETRY_FIRST_S
