"""The bounded queue between the drain and the exporter."""

from collections import deque
from contextlib import suppress
from threading import Condition
from time import monotonic
from typing import NamedTuple

from firstlight.codecs.packed import pack, unpack
from firstlight.errors import UsageError
from firstlight.model import Batch, Resource
from firstlight.sdk.flow.ledger import Ledger, Rows

BATCH_ROWS = 4096
"""Rows of one delivery: what the drain converts at a time, and what OpenTelemetry's batch processors hold."""

PLAIN_BATCHES = 3
"""Batches that wait as they are; of more, those that nothing is added to are packed: a fifth of the memory."""
MAX_BYTES = 12 * 2**20
"""Of packed batches: with what waits in the front, below the 64 MB that a recorder may take in a flood."""


class Outbox:
    """Batches that wait for delivery, oldest first.

    When it is full the oldest batch is dropped and counted as ``queue_full``; ``put`` never waits.

    Args:
        max_rows: most rows that wait.
        linger_s: how long rows wait for company before they are worth a delivery.
        ledger: counts the drops.
        max_bytes: most bytes that wait, of packed batches.
    """

    def __init__(self, max_rows: int, linger_s: float, ledger: Ledger, max_bytes: int = MAX_BYTES) -> None:
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._bytes = 0
        self._linger_s = linger_s
        self._ledger = ledger
        self._changed = Condition()
        self._batches: deque[Batch | _Packed] = deque()
        self._rows = 0
        self._ripe_at_s = 0.0
        self._hurry = False
        self._has_taken = False
        self._woken = False
        self._closed = False

    def put(self, batch: Batch) -> None:
        """Queue ``batch``, together with the last one if both are small."""
        rows = len(batch)
        if not rows:
            return
        with self._changed:
            if not self._batches:
                self._ripe_at_s = monotonic() + self._linger_s
            if not self._joined(batch, rows):
                self._pack_last()
                self._batches.append(batch)
            self._rows += rows
            while not self._has_room(0) and len(self._batches) > 1:
                self._drop_oldest("queue_full")
            self._changed.notify_all()

    @property
    def batch_rows(self) -> int:
        """Most rows of one delivery: fewer where few may wait, because whole batches give way."""
        return max(1, min(BATCH_ROWS, self._max_rows // 4))

    def bound(self, max_rows: int, linger_s: float) -> None:
        """Set both figures anew."""
        with self._changed:
            self._max_rows = max_rows
            self._linger_s = linger_s
            self._ripe_at_s = min(self._ripe_at_s, monotonic() + linger_s)
            while self._rows > self._max_rows and len(self._batches) > 1:
                self._drop_oldest("queue_full")
            self._changed.notify_all()

    def wait_for_room(self, rows: int, timeout_s: float) -> bool:
        """Wait until ``rows`` more have room; return whether they have."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed or self._has_room(rows), timeout_s)

    def take(self, timeout_s: float) -> Batch | None:
        """Return the oldest batch that is worth a delivery, or None after ``timeout_s`` (at once when closed or woken).

        It stays ours until :meth:`done`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_ripe() or self._closed or self._woken, timeout_s)
            if not self._is_ripe():
                self._woken = False
                return None
            self._has_taken = True
            taken = self._popped()
            self._changed.notify_all()
        return taken if isinstance(taken, Batch) else taken.batch()

    def done(self) -> None:
        """Say that what was taken is delivered or lost."""
        with self._changed:
            self._has_taken = False
            self._changed.notify_all()

    def hurry(self, *, on: bool) -> None:
        """Let nothing linger while a flush is waiting."""
        with self._changed:
            self._hurry = on
            self._changed.notify_all()

    def wake(self) -> None:
        """Let the next :meth:`take` that finds nothing return at once."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def close(self) -> None:
        """Let nothing linger and nobody wait for more."""
        with self._changed:
            self._hurry = self._closed = True
            self._changed.notify_all()

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until all is delivered or lost; return whether it is."""
        with self._changed:
            return self._changed.wait_for(self.is_empty, timeout_s)

    def is_empty(self) -> bool:
        """Return whether nothing waits and nothing is under way."""
        return not self._batches and not self._has_taken

    def drop_all(self, reason: str) -> None:
        """Drop and count all that wait."""
        with self._changed:
            while self._batches:
                self._drop_oldest(reason)
            self._changed.notify_all()

    def _is_ripe(self) -> bool:
        enough = self._hurry or self._rows >= self.batch_rows
        return bool(self._batches) and (enough or monotonic() >= self._ripe_at_s)

    def _joined(self, batch: Batch, rows: int) -> bool:
        last = self._batches[-1] if self._batches else None
        if not isinstance(last, Batch) or last.resource is not batch.resource or len(last) + rows > self.batch_rows:
            return False
        _join_events(last, batch)
        last.spans += batch.spans
        last.samples.series_ids += batch.samples.series_ids
        last.samples.times_ns += batch.samples.times_ns
        last.samples.values += batch.samples.values
        last.exponential += batch.exponential
        last.exemplars += batch.exemplars
        last.series.update(batch.series)
        return True

    def _drop_oldest(self, reason: str) -> None:
        batch = self._popped()
        self._ledger.dropped(reason, Rows.of(batch) if isinstance(batch, Batch) else batch.rows)

    def _has_room(self, rows: int) -> bool:
        return self._rows + rows <= self._max_rows and self._bytes <= self._max_bytes

    def _popped(self) -> "Batch | _Packed":
        batch = self._batches.popleft()
        if isinstance(batch, Batch):
            self._rows -= len(batch)
        else:
            self._rows -= sum(batch.rows)
            self._bytes -= len(batch.content)
        return batch

    def _pack_last(self) -> None:
        """Pack the last batch, to which nothing is added any more, if many wait."""
        last = self._batches[-1] if len(self._batches) >= PLAIN_BATCHES else None
        if isinstance(last, Batch):
            with suppress(UsageError):  # what cannot be packed waits as it is
                packed = _Packed(last.resource, Rows.of(last), pack(last))
                self._batches[-1] = packed
                self._bytes += len(packed.content)


def _join_events(last: Batch, batch: Batch) -> None:
    if not batch.count_events():
        return
    if not last.count_events() and batch.columns is not None:
        last.columns = batch.columns
    elif last.columns is not None and batch.columns is not None:
        last.columns = last.columns.followed_by(batch.columns)
    else:
        last.events += batch.events


class _Packed(NamedTuple):
    """A batch that takes little room."""

    resource: Resource
    rows: Rows
    content: bytes

    def batch(self) -> Batch:
        """Return it as it was."""
        batch = unpack(self.content)
        batch.resource = self.resource
        return batch
