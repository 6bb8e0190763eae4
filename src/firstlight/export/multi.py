"""Hands every batch to several exporters.

Each has a queue and a thread of its own (:class:`~firstlight.export.lane.Lane`).  So one that is away or slow holds
none of the others up, nobody is handed a batch twice because somebody else failed, and what one loses is its own loss.
The batches are shared, not copied: the memory is that of the longest queue.
"""

import os
from collections.abc import Sequence
from time import monotonic

from firstlight.errors import UsageError
from firstlight.export.lane import Lane, LaneCounts, OnDropped
from firstlight.export.moved import Counts
from firstlight.model import Batch
from firstlight.ports import Exporter

QUEUE_ROWS = 50_000
CLOSE_S = 2.0


class MultiExporter:
    """Several exporters as one; ``export`` returns as soon as the batch is in every queue.

    Args:
        exporters: where batches go; this one closes them.
        names: what they are called in :meth:`counts`; their classes' names when not given.
        queue_rows: most rows that wait for each; the oldest give way.
        close_s: how long :meth:`close` tries to deliver what waits, for all together.
        on_dropped: told of each loss.

    Raises:
        UsageError: there are not as many names as exporters.
    """

    def __init__(
        self,
        exporters: Sequence[Exporter] = (),
        *,
        names: Sequence[str] = (),
        queue_rows: int = QUEUE_ROWS,
        close_s: float = CLOSE_S,
        on_dropped: OnDropped | None = None,
    ) -> None:
        called = list(names) or _numbered([type(exporter).__name__ for exporter in exporters])
        if len(called) != len(exporters):
            raise UsageError(f"{len(exporters)} exporters need as many names, not {len(called)}")
        on_dropped = _nobody if on_dropped is None else on_dropped
        self._lanes = [Lane(*pair, queue_rows, on_dropped) for pair in zip(called, exporters, strict=True)]
        self._close_s = close_s
        self._closed = False
        self._pid = os.getpid()

    def export(self, batch: Batch) -> None:
        """Queue ``batch`` for each; it must not be changed from now on."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            for lane in self._lanes:
                lane.restart()
        if len(batch):
            for lane in self._lanes:
                lane.put(batch)

    def catch_up(self, timeout_s: float, *, urgent: bool = False) -> bool:
        """Wait, if it is ``urgent``, until all have delivered; return whether they have."""
        if not urgent:
            return all(lane.wait_empty(0.0) for lane in self._lanes)
        end_s = monotonic() + timeout_s
        for lane in self._lanes:
            lane.hurry(end_s)
        return all(lane.wait_empty(max(0.0, end_s - monotonic())) for lane in self._lanes)

    def counts(self) -> dict[str, LaneCounts]:
        """Return what became of the rows, by exporter."""
        return {lane.name: lane.counts() for lane in self._lanes}

    def close(self) -> None:
        """Close all, even if one fails to.

        Raises:
            Exception: what the first one raised that failed to close.
        """
        if self._closed:
            return
        self._closed = True
        end_s = monotonic() + self._close_s
        self.catch_up(self._close_s, urgent=True)
        failures: list[Exception] = []
        for lane in self._lanes:
            try:
                lane.close(max(0.0, end_s - monotonic()))
            except Exception as error:  # noqa: BLE001 - whatever ails one, the others must be closed
                failures.append(error)
        if failures:
            raise failures[0]


def _numbered(names: list[str]) -> list[str]:
    """Tell those of the same name apart."""
    return [f"{name}-{place + 1}" if names.count(name) > 1 else name for place, name in enumerate(names)]


def _nobody(_name: str, _reason: str, _rows: Counts) -> None:
    """Hear nothing."""
