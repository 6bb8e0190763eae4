"""The first stage: every tick folds the instruments and, when there are enough, queues the front's records as batches.

A tick is usually the delivering thread's own, when it has nothing to deliver: what it has just converted is still in
the processor's cache when it encodes it, and no thread has to wake another, which costs more than most of the work.
The thread of this module steps in when that one is busy, stuck or not there yet.
"""

from collections.abc import Callable
from threading import Lock, Thread
from time import monotonic
from typing import NamedTuple

from firstlight.model import Batch, Resource
from firstlight.sdk.flow import gates
from firstlight.sdk.flow.alarm import Alarm
from firstlight.sdk.flow.convert import Converter
from firstlight.sdk.flow.front import Front
from firstlight.sdk.flow.governor import Governor
from firstlight.sdk.flow.ledger import Ledger, Rows
from firstlight.sdk.flow.outbox import BATCH_ROWS, Outbox
from firstlight.sdk.flow.sieve import Sieve
from firstlight.sdk.flow.threads import started
from firstlight.sdk.flow.troubles import Troubles
from firstlight.sdk.metrics.registry import Registry
from firstlight.sdk.metrics.report import Reporter
from firstlight.sdk.redaction.stage import Redaction
from firstlight.sdk.volume import Volume

TICK_S = 0.25
UNALARMED_TICK_S = 0.1
BUSY_TICK_S = 0.025
"""From one tick to the next while many records come."""
CLOSED_TICK_S = 1.0
ALARM_ROWS = 2 * BATCH_ROWS
LEAST_S = 0.005
LINGER_S = 0.5
"""Longest that records wait in the front, because what the host handed over might change; the rest is the outbox's."""
WAIT_ROOM_S = 30.0


class Target(NamedTuple):
    """Where batches go and whose they are."""

    resource: Resource
    outbox: Outbox


class Stages(NamedTuple):
    """The parts that a drain drives."""

    front: Front
    sieve: Sieve
    registry: Registry
    converter: Converter
    redaction: Redaction
    reporter: Reporter
    ledger: Ledger
    troubles: Troubles


class Pace(NamedTuple):
    """How a drain goes about it.

    Attributes:
        high_water: records in the front above which something gives way.
        linger_s: seconds that records wait for company, at most ``LINGER_S`` of them in the front.
        report_interval_s: seconds between two reports of all instruments.
        volume: what else bounds the amount.
    """

    high_water: int
    linger_s: float
    report_interval_s: float
    volume: Volume


class Drain:
    """Drives the stages on a thread of its own, which starts with :meth:`start`.

    Args:
        stages: see :class:`Stages`.
        target: asked at each tick where to, and told whether it is urgent; None means not known yet, keep the records.
        pace: see :class:`Pace`.
        spent_ns: processor time that delivering took so far.
        own_threads: identities of the recorder's threads.

    Attributes:
        thread: the one that drives, once it is started.
        governor: watches the cost.
    """

    def __init__(
        self,
        stages: Stages,
        target: Callable[[bool], Target | None],
        pace: Pace,
        spent_ns: Callable[[], int],
        own_threads: Callable[[], set[int]],
    ) -> None:
        self._stages = stages
        self._target = target
        self._own_threads = own_threads
        self.governor = Governor(spent_ns)
        self.bound(pace)
        self._next_report_s = monotonic() + pace.report_interval_s
        self._move_s = self._due_s = 0.0
        self._gated = False
        self._closed = False
        self._tick_s = TICK_S
        self._stopped = False
        self._alarm = Alarm(stages.front.records, ALARM_ROWS, self._shut_above)
        self.thread: Thread | None = None
        self.lock = Lock()

    def bound(self, pace: Pace) -> None:
        """Go by ``pace`` from now on."""
        self._pace = pace
        self._stages.sieve.use(pace.volume)

    def open(self) -> None:
        """Let records into the front as ``when_full`` says."""
        front, mark, when_full = self._stages.front, self._pace.high_water, self._pace.volume.when_full
        self._gated = False
        if when_full == "wait":
            front.gate(gates.waiting(front.records, mark, self._own_threads))
        elif when_full == "drop_oldest":
            front.gate(gates.ring(front, mark, self._stages.ledger))
        else:
            front.gate(front.records.append)

    def start(self) -> None:
        """Start the thread, once."""
        if self.thread is None:
            self._alarm.start()
            self.thread = started(self._run, "firstlight-drain", self._stages.troubles)

    def slow_down(self) -> None:
        """Tick as often as bounds the memory of instruments, now that nothing is delivered."""
        self._alarm.stop()
        self._closed = True

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopped = True
        self._alarm.stop()
        self._alarm.ring()
        if self.thread is not None:
            self.thread.join()

    def abandon(self) -> None:
        """Leave it to the parent, whose thread is not here: a forked child begins with another drain."""
        self._alarm.stop()

    def tick(self, *, urgent: bool = False) -> None:
        """Queue all records now; an urgent tick reports the instruments too."""
        with self.lock:
            self._try_round(in_time=False, urgent=urgent)

    def tend(self) -> float:
        """Do a round if it is time for one; return after how many seconds to ask again.

        For the thread that delivers.  Where the host's threads wait for room it must not: it is the one that makes it.
        """
        if self._pace.volume.when_full == "wait":
            return TICK_S
        self._tick_if_due(0.0)
        return max(LEAST_S, self._due_s - monotonic())

    def _run(self) -> None:
        while not self._stopped:
            rang = self._alarm.wait(max(LEAST_S, self._due_s + self._spare_s() - monotonic()))
            if not self._stopped:
                self._tick_if_due(-CLOSED_TICK_S if rang else self._spare_s())

    def _spare_s(self) -> float:
        """Return how late the delivering thread may be."""
        return self._tick_s

    def _tick_if_due(self, spare_s: float) -> None:
        # Whoever holds the lock is at it.
        if monotonic() >= self._due_s + spare_s and self.lock.acquire(blocking=False):
            try:
                self._try_round(in_time=True)
            finally:
                self.lock.release()

    def _try_round(self, *, in_time: bool, urgent: bool = False) -> None:
        try:
            self._round(in_time=in_time, urgent=urgent)
        except Exception as error:  # noqa: BLE001
            # The next tick must come whatever this one met.
            self._stages.troubles.internal("draining failed", error)
        finally:
            self._due_s = monotonic() + self._tick_s

    def _round(self, *, in_time: bool, urgent: bool) -> None:
        self._stages.registry.fold()
        waiting, now_s = self._bounded(), monotonic()
        self._tick_s = self._next_tick_s(waiting)
        reports = urgent or now_s >= self._next_report_s
        enough = waiting >= min(ALARM_ROWS, self._pace.high_water // 2)
        if in_time and not (reports or enough or now_s >= self._move_s):
            return
        target = self._target(urgent or waiting > self._pace.high_water)
        if target is None:
            return
        self._move_s = now_s + min(LINGER_S, self._pace.linger_s)
        self._move(target)
        if reports:
            self._next_report_s = now_s + self._pace.report_interval_s
            self._report(target)

    def _next_tick_s(self, waiting: int) -> float:
        if self._closed:
            return CLOSED_TICK_S
        if waiting > ALARM_ROWS:
            return BUSY_TICK_S
        return TICK_S if self._alarm.works() else UNALARMED_TICK_S

    def _move(self, target: Target) -> None:
        stages = self._stages
        self.governor.begin()
        stages.sieve.factor = self.governor.look(self._pace.volume)
        stages.ledger.overhead_ratio = self.governor.overhead_ratio
        records = stages.front.take()
        taken = len(records)
        kept, records = stages.sieve.sift(records), []
        rows = target.outbox.batch_rows
        while kept:
            batch = Batch(target.resource)
            told = stages.converter.add(kept[:rows], batch)
            # Let go at once: what is packed further on takes a fifth.
            del kept[:rows]
            stages.redaction.apply(batch, told)
            self._put(target.outbox, batch)
            self._bounded()
        self.governor.end(taken)
        if self._gated and self._bounded() < self._pace.high_water // 2:
            self.open()

    def _put(self, outbox: Outbox, batch: Batch) -> None:
        if self._pace.volume.when_full == "wait":
            outbox.wait_for_room(len(batch), WAIT_ROOM_S)
        outbox.put(batch)

    def _report(self, target: Target) -> None:
        stages = self._stages
        stages.registry.fold()
        for batch in stages.reporter.report(target.resource, stages.front.now()):
            stages.ledger.recorded(Rows.of(batch))
            target.outbox.put(batch)

    def _bounded(self) -> int:
        """Keep the front within its bounds; return how many records wait there."""
        front, mark = self._stages.front, self._pace.high_water
        waiting = len(front.records)
        self._shut_above(waiting)
        if waiting > 2 * mark and self._pace.volume.when_full == "sample":
            front.trim(2 * mark, self._stages.ledger)
        return waiting

    def _shut_above(self, waiting: int) -> None:
        """Let only a sample into the front when too many wait there."""
        front, pace = self._stages.front, self._pace
        if waiting > pace.high_water and not self._gated and pace.volume.when_full == "sample":
            self._gated = True
            front.gate(gates.sampled(front.records.append, self._stages.ledger))


def rest_s(linger_s: float) -> float:
    """Return how long rows may linger in the outbox when they have lingered in the front."""
    return max(0.0, linger_s - LINGER_S)
