"""The first stage: every tick takes the front's records over, folds the instruments and queues both as batches."""

from collections.abc import Callable
from itertools import count
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any, NamedTuple

from firstlight.model import Batch, Level, Resource
from firstlight.sdk.convert import Converter
from firstlight.sdk.front import Front, Put
from firstlight.sdk.ledger import Ledger, Rows
from firstlight.sdk.outbox import BATCH_ROWS, Outbox
from firstlight.sdk.registry import Registry
from firstlight.sdk.report import Reporter
from firstlight.sdk.threads import started
from firstlight.sdk.troubles import Troubles

TICK_S = 0.05
CLOSED_TICK_S = 1.0
SAMPLE_ONE_IN = 16
"""What is kept above the high-water mark, of records below warning level."""


class Target(NamedTuple):
    """Where batches go and whose they are."""

    resource: Resource
    outbox: Outbox


class Stages(NamedTuple):
    """The parts that a drain drives."""

    front: Front
    registry: Registry
    converter: Converter
    reporter: Reporter
    ledger: Ledger
    troubles: Troubles


class Drain:
    """Drives the stages on a thread of its own, which starts with :meth:`start`.

    Args:
        stages: see :class:`Stages`.
        target: asked at each tick where to, and told whether it is urgent; None means not known yet, keep the records.
        high_water: records in the front above which most are sampled away; twice that many are never kept.
        report_interval_s: seconds between two reports of all instruments.
    """

    def __init__(
        self, stages: Stages, target: Callable[[bool], Target | None], high_water: int, report_interval_s: float
    ) -> None:
        self._stages = stages
        self._target = target
        self._high_water = high_water
        self._report_interval_s = report_interval_s
        self._next_report_s = monotonic() + report_interval_s
        self._sampling = False
        self._tick_s = TICK_S
        self._stop = Event()
        self._thread: Thread | None = None
        self.lock = Lock()

    def bound(self, high_water: int, report_interval_s: float) -> None:
        """Set both figures anew."""
        self._high_water = high_water
        self._report_interval_s = report_interval_s

    def start(self) -> None:
        """Start the thread, once."""
        if self._thread is None:
            self._thread = started(self._run, "firstlight-drain", self._stages.troubles)

    def slow_down(self) -> None:
        """Tick as often as bounds the memory of instruments, now that nothing is delivered."""
        self._tick_s = CLOSED_TICK_S

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

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
        target = self._target(urgent or waiting > self._high_water)
        if target is None:
            return
        self._move(target)
        now_s = monotonic()
        if urgent or now_s >= self._next_report_s:
            self._next_report_s = now_s + self._report_interval_s
            self._report(target)

    def _move(self, target: Target) -> None:
        records = self._stages.front.take()
        for start in range(0, len(records), BATCH_ROWS):
            batch = Batch(target.resource)
            self._stages.converter.add(records[start : start + BATCH_ROWS], batch)
            target.outbox.put(batch)
            self._bounded()
        if self._sampling and self._bounded() < self._high_water // 2:
            self._sampling = False
            self._stages.front.open()

    def _report(self, target: Target) -> None:
        stages = self._stages
        stages.registry.fold()
        for batch in stages.reporter.report(target.resource, stages.front.now()):
            stages.ledger.recorded(Rows.of(batch))
            target.outbox.put(batch)

    def _bounded(self) -> int:
        """Keep the front within its bounds; return how many records wait there."""
        front = self._stages.front
        waiting = len(front.records)
        if waiting > self._high_water and not self._sampling:
            self._sampling = True
            front.gate(_sampled(front.records.append, self._stages.ledger))
        if waiting > 2 * self._high_water:
            self._trim(waiting - 2 * self._high_water)
        return waiting

    def _trim(self, excess: int) -> None:
        records = self._stages.front.records
        lost = records[:excess]
        del records[:excess]
        rows = rows_of(lost)
        self._stages.ledger.recorded(rows)
        self._stages.ledger.dropped("front_full", rows)


def rows_of(records: list[Any]) -> Rows:
    """Count the raw ``records`` by signal."""
    events = sum(type(record) is tuple for record in records)
    return Rows(events=events, spans=len(records) - events)


def _sampled(keep: Put, ledger: Ledger) -> Put:
    turn = count().__next__
    lose_event, lose_span = ledger.sampled_events.hit, ledger.sampled_spans.hit

    def put(record: Any) -> None:
        is_event = type(record) is tuple
        if turn() % SAMPLE_ONE_IN == 0 or (is_event and record[1].level >= Level.WARN):
            keep(record)
        elif is_event:
            lose_event()
        else:
            lose_span()

    return put
