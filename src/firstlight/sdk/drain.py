"""The first stage: every tick takes the front's records over, folds the instruments and queues both as batches."""

from collections.abc import Callable
from threading import Event, Lock, Thread
from time import monotonic
from typing import NamedTuple

from firstlight.model import Batch, Resource
from firstlight.sdk import gates
from firstlight.sdk.convert import Converter
from firstlight.sdk.front import Front
from firstlight.sdk.governor import Governor
from firstlight.sdk.ledger import Ledger, Rows
from firstlight.sdk.outbox import BATCH_ROWS, Outbox
from firstlight.sdk.redaction import Redaction
from firstlight.sdk.registry import Registry
from firstlight.sdk.report import Reporter
from firstlight.sdk.sieve import Sieve
from firstlight.sdk.threads import started
from firstlight.sdk.troubles import Troubles
from firstlight.sdk.volume import Volume

TICK_S = 0.05
CLOSED_TICK_S = 1.0
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
        report_interval_s: seconds between two reports of all instruments.
        volume: what else bounds the amount.
    """

    high_water: int
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
        self._gated = False
        self._tick_s = TICK_S
        self._stop = Event()
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
            self.thread = started(self._run, "firstlight-drain", self._stages.troubles)

    def slow_down(self) -> None:
        """Tick as often as bounds the memory of instruments, now that nothing is delivered."""
        self._tick_s = CLOSED_TICK_S

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop.set()
        if self.thread is not None:
            self.thread.join()

    def tick(self, *, urgent: bool = False) -> None:
        """Do one round now; an urgent one reports the instruments too."""
        with self.lock:
            try:
                self._round(urgent)
            except Exception as error:  # noqa: BLE001
                # The next tick must come whatever this one met.
                self._stages.troubles.internal("draining failed", error)

    def _run(self) -> None:
        while not self._stop.wait(self._tick_s):
            self.tick()

    def _round(self, urgent: bool) -> None:
        self._stages.registry.fold()
        waiting = self._bounded()
        target = self._target(urgent or waiting > self._pace.high_water)
        if target is None:
            return
        self._move(target)
        now_s = monotonic()
        if urgent or now_s >= self._next_report_s:
            self._next_report_s = now_s + self._pace.report_interval_s
            self._report(target)

    def _move(self, target: Target) -> None:
        stages = self._stages
        self.governor.begin()
        stages.sieve.factor = self.governor.look(self._pace.volume)
        stages.ledger.overhead_ratio = self.governor.overhead_ratio
        records = stages.front.take()
        kept = stages.sieve.sift(records)
        for start in range(0, len(kept), BATCH_ROWS):
            batch = Batch(target.resource)
            told = stages.converter.add(kept[start : start + BATCH_ROWS], batch)
            stages.redaction.apply(batch, told)
            self._put(target.outbox, batch)
            self._bounded()
        self.governor.end(len(records))
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
        if self._pace.volume.when_full == "sample":
            if waiting > mark and not self._gated:
                self._gated = True
                front.gate(gates.sampled(front.records.append, self._stages.ledger))
            if waiting > 2 * mark:
                front.trim(2 * mark, self._stages.ledger)
        return waiting
