"""Between the doors and the lake: what is stored is counted, noted by sender and shown to whoever watches."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from firstlight.app.live import LiveFeed
from firstlight.app.progress import Progress
from firstlight.app.self_metrics import SelfMetrics
from firstlight.app.sources import Sources
from firstlight.errors import FirstlightError, StorageFull
from firstlight.model import Batch
from firstlight.ports import Clock, SignalStore

_SIGNALS = ("logs", "traces", "metrics")


@dataclass(slots=True)
class Intake:
    """What every door has in common.

    Attributes:
        problem: why a write failed, until one that began later succeeds; empty when none did.
        progress: which numbered deliveries are kept.
    """

    store: SignalStore
    metrics: SelfMetrics
    sources: Sources
    live: LiveFeed
    clock: Clock
    problem: str = field(default="", init=False)
    progress: Progress = field(default_factory=Progress, init=False)

    def door(self, transport: str) -> "Door":
        """Return the store as ``transport`` sees it."""
        return Door(self, transport)


class Door:
    """The lake, seen by one transport; a :class:`~firstlight.ports.SignalStore`."""

    def __init__(self, intake: Intake, transport: str) -> None:
        self._intake = intake
        self._transport = transport

    def append(self, batches: Sequence[Batch], batch_id: bytes = b"") -> None:
        """See :meth:`firstlight.ports.SignalStore.append`."""
        intake = self._intake
        problem = intake.problem
        try:
            intake.store.append(batches, batch_id)
        except FirstlightError as error:
            intake.problem = str(error)
            intake.metrics.ingest_errors.inc("storage_full" if isinstance(error, StorageFull) else "storage")
            raise
        if intake.problem == problem:  # else another write has failed since this one began
            intake.problem = ""
        intake.progress.stored(batch_id)
        self._count(batches)
        intake.sources.note(batches, intake.clock())
        intake.live.publish(batches)

    def was_recovered(self, batch_id: bytes) -> bool:
        """See :meth:`firstlight.ports.SignalStore.was_recovered`."""
        return self._intake.progress.is_stored(batch_id) or self._intake.store.was_recovered(batch_id)

    def _count(self, batches: Sequence[Batch]) -> None:
        rows = [0, 0, 0]
        for batch in batches:
            rows[0] += len(batch.events)
            rows[1] += len(batch.spans)
            rows[2] += len(batch.samples) + len(batch.exponential)
        for signal, count in zip(_SIGNALS, rows, strict=True):
            if count:
                self._intake.metrics.ingested_rows.inc(signal, self._transport, by=count)
