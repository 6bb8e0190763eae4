"""The second stage: hands queued batches to the exporter, again and again until it takes them."""

from collections.abc import Callable
from threading import Event, Lock, Thread
from time import monotonic, thread_time_ns

from firstlight.errors import FirstlightError, NotReachable, Unavailable
from firstlight.model import Batch
from firstlight.ports import Exporter
from firstlight.sdk.ledger import Ledger, Rows
from firstlight.sdk.outbox import Outbox
from firstlight.sdk.threads import started
from firstlight.sdk.troubles import Troubles

IDLE_S = 1.0
RETRY_FIRST_S = 1.0
RETRY_MOST_S = 30.0


class Sink:
    """Delivers on a thread of its own, which starts with :meth:`start`.

    Args:
        outbox: where batches come from.
        exporter: makes the exporter; called once, when there is something to deliver.
        ledger: counts.
        troubles: hears of failures.

    Attributes:
        thread: the one that delivers, once it is started.
        spent_ns: processor time it has taken.
    """

    def __init__(
        self, outbox: Outbox, exporter: Callable[[Ledger], Exporter], ledger: Ledger, troubles: Troubles
    ) -> None:
        self.outbox = outbox
        self._make = exporter
        self._exporter: Exporter | None = None
        self._ledger = ledger
        self._troubles = troubles
        self._wake = Event()
        self._busy = Lock()
        self._deadline_s: float | None = None
        self._gave_up = False
        self.thread: Thread | None = None
        self.spent_ns = 0

    def start(self) -> None:
        """Start the thread, once."""
        if self.thread is None:
            self.thread = started(self._run, "firstlight-sink", self._troubles)

    def flush(self, timeout_s: float) -> bool:
        """Deliver all that is queued; return whether that was done in time."""
        self.outbox.hurry(on=True)
        self._wake.set()
        try:
            if self.thread is None:
                self._deliver_all()
            return self.outbox.wait_empty(timeout_s)
        finally:
            self.outbox.hurry(on=False)

    def close(self, timeout_s: float) -> bool:
        """Deliver what can be delivered in time, drop and count the rest as ``undelivered``, close the exporter.

        Returns whether nothing was undelivered.
        """
        deadline_s = self._deadline_s = monotonic() + timeout_s
        done = self.flush(timeout_s)
        if not done:
            self.outbox.drop_all("undelivered")
        self.outbox.close()
        if self.thread is not None:
            self.thread.join(max(0.1, deadline_s - monotonic()))
        # An exporter that is stuck in a delivery is left alone: its close may not be called beside its export.
        if self._busy.acquire(blocking=False):
            try:
                self._close_exporter()
            finally:
                self._busy.release()
        return done and not self._gave_up

    def _run(self) -> None:
        while self._deadline_s is None or not self.outbox.is_empty():
            batch = self.outbox.take(IDLE_S)
            if batch is not None:
                self._deliver(batch)
                self.spent_ns = thread_time_ns()

    def _deliver_all(self) -> None:
        while (batch := self.outbox.take(0.0)) is not None:
            self._deliver(batch)

    def _deliver(self, batch: Batch) -> None:
        delay_s = RETRY_FIRST_S
        with self._busy:
            while (retry_after_s := self._try(batch)) is not None:
                self._wake.clear()
                if self._is_over():
                    self._gave_up = True
                    self._ledger.dropped("undelivered", Rows.of(batch))
                    break
                self._wake.wait(min(max(delay_s, retry_after_s), RETRY_MOST_S, self._left_s()))
                delay_s *= 2
        self.outbox.done()

    def _try(self, batch: Batch) -> float | None:
        """Try once; return None when it is settled, else after how many seconds to try again."""
        rows = Rows.of(batch)
        try:
            if self._exporter is None:
                self._exporter = self._make(self._ledger)
            self._exporter.export(batch)
        except Unavailable as error:
            self._ledger.export_error()
            self._troubles.say("unavailable", f"cannot deliver telemetry now, it is kept while there is room: {error}")
            if isinstance(error, NotReachable) and self._deadline_s is not None:
                self._deadline_s = 0.0
            return error.retry_after_s
        except FirstlightError as error:
            self._ledger.export_error()
            self._ledger.dropped("refused", rows)
            self._troubles.say("refused", f"telemetry was refused: {error}")
        except Exception as error:  # noqa: BLE001
            # An exporter is anybody's code; whatever it raises must not end this thread.
            self._ledger.export_error()
            self._ledger.dropped("export_failed", rows)
            self._troubles.say("export_failed", f"the exporter failed: {type(error).__name__}: {error}")
        else:
            self._ledger.exported(rows)
        return None

    def _is_over(self) -> bool:
        return self._deadline_s is not None and monotonic() >= self._deadline_s

    def _left_s(self) -> float:
        return RETRY_MOST_S if self._deadline_s is None else max(0.0, self._deadline_s - monotonic())

    def _close_exporter(self) -> None:
        if self._exporter is None:
            return
        try:
            self._exporter.close()
        except Exception as error:  # noqa: BLE001
            # As above: closing somebody's exporter must not keep the host from ending.
            self._troubles.say("export_failed", f"closing the exporter failed: {type(error).__name__}: {error}")
