"""Keeps batches on disk while their receiver is away, and delivers them in order when it is back, each once.

A batch has a number of its sender from the beginning, and keeps it on disk: what was stored although its answer was
lost, or although this process died before it noted so, is known to the hub when it comes again.
"""

import os
from os import PathLike
from pathlib import Path
from secrets import token_bytes
from time import monotonic
from typing import Protocol, runtime_checkable

from firstlight.codecs.packed import pack, unpack
from firstlight.errors import FirstlightError, Unavailable, UsageError
from firstlight.export.jitter import shortened
from firstlight.export.moved import OnMoved, counts_of, nobody
from firstlight.export.spool_files import Drawer, Record, Sync, clear_away, new_drawer_name, orphans
from firstlight.model import Batch
from firstlight.ports import Exporter

DEFAULT_MAX_BYTES = 64 * 2**20
RETRY_FIRST_S = 0.5
RETRY_MOST_S = 5.0
PAUSE_MOST_S = 30.0
RETRY_PER_TRY = 3.0
"""The next try waits at least this many times as long as the last one took, so that a receiver that hangs costs little
time that batches could be kept in."""
LOOK_FOR_ORPHANS_S = 60.0
CATCH_UP_S = 1.0
"""How long a new batch may be held up by old ones."""


@runtime_checkable
class Named(Protocol):
    """An exporter whose receiver knows deliveries by their numbers."""

    def export_named(self, batch: Batch, sender: str, sequence: int) -> None:
        """Deliver ``batch`` as number ``sequence`` of ``sender`` (16 hex digits)."""


class SpoolExporter:
    """Hands batches to another exporter, by way of the disk while that is unavailable.

    Args:
        exporter: delivers; this one closes it.
        directory: holds the spools of all processes that share it; made when needed, for this user only.
        max_bytes: most that this process keeps there; the oldest gives way.
        sync: see :class:`~firstlight.export.spool_files.Drawer`.
        on_moved: told what became of rows after ``export`` has returned, for counts that are exact.

    Raises:
        UsageError: ``max_bytes`` is no room at all.
    """

    _pid: int
    _own: Drawer
    _adopted: list[Drawer]
    _sender: bytes
    _sequence: int
    _last: Batch | None
    _damaged_bytes: int
    _delay_s: float
    _next_try_s: float
    _next_look_s: float

    def __init__(
        self,
        exporter: Exporter,
        directory: str | PathLike[str],
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        sync: Sync = "close",
        on_moved: OnMoved | None = None,
    ) -> None:
        if max_bytes <= 0:
            raise UsageError(f"a spool needs room; {max_bytes} bytes are none")
        self._exporter = exporter
        self._directory = Path(directory).absolute()
        self._max_bytes = max_bytes
        self._sync = sync
        self._on_moved = nobody if on_moved is None else on_moved
        self._closed = False
        self._begin()

    def export(self, batch: Batch) -> None:
        """Deliver ``batch``, or keep it on disk and deliver it later.

        Raises:
            Unavailable: it can be neither delivered nor kept now.
            FirstlightError: it can never be delivered.
        """
        if self._pid != os.getpid():
            self._begin()
        if self._last is not batch:
            self._last, self._sequence = batch, self._sequence + 1
        why = Unavailable("older batches go first", RETRY_FIRST_S)
        if self._is_empty():
            try:
                self._deliver(batch, self._sender, self._sequence)
            except Unavailable as error:
                why = error
                self._put_off(error, 0.0)
            else:
                self._last = None
                return
        self._keep(batch, why)
        self._last = None
        self.catch_up(CATCH_UP_S)

    def catch_up(self, timeout_s: float, *, urgent: bool = False) -> bool:
        """Deliver what is on disk for up to ``timeout_s``, but only when a try is due or it is ``urgent``.

        Returns:
            Whether nothing is left.
        """
        end_s = monotonic() + timeout_s
        self._adopt()
        if not urgent and monotonic() < self._next_try_s:
            return self._is_empty()
        while (found := self._oldest()) is not None:
            if not self._settled(*found) or monotonic() >= end_s:
                break
        return self._is_empty()

    def close(self) -> None:
        """Close the other exporter; what is on disk stays for the next process."""
        if self._closed:
            return
        self._closed = True
        try:
            self._exporter.close()
        finally:
            for drawer in (*self._adopted, self._own):
                drawer.close()

    @property
    def damaged_bytes(self) -> int:
        """What could not be read back from the disk."""
        return self._damaged_bytes + sum(drawer.damaged_bytes for drawer in (*self._adopted, self._own))

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._own = Drawer(self._directory / new_drawer_name(), self._max_bytes, self._sync)
        self._adopted = []
        self._sender = token_bytes(8)
        self._sequence = 0
        self._last = None
        self._damaged_bytes = 0
        self._delay_s = RETRY_FIRST_S
        self._next_try_s = self._next_look_s = 0.0

    def _is_empty(self) -> bool:
        return not self._adopted and self._own.is_empty()

    def _deliver(self, batch: Batch, sender: bytes, sequence: int) -> None:
        if isinstance(self._exporter, Named):
            self._exporter.export_named(batch, sender.hex(), sequence)
        else:
            self._exporter.export(batch)

    def _keep(self, batch: Batch, why: Unavailable) -> None:
        counts = counts_of(batch)
        try:
            self._own.append(Record(self._sender, self._sequence, counts, pack(batch)))
        except OSError as error:
            raise Unavailable(f"{why}; nor can it be kept on disk: {error}", why.retry_after_s) from error
        self._on_moved("held", counts)
        for lost in self._own.drop_oldest():
            self._on_moved("spool_full", lost)

    def _oldest(self) -> tuple[Drawer, Record] | None:
        """Return the record whose turn it is, those of processes that died first."""
        while self._adopted:
            record = _oldest_of(self._adopted[0])
            if record is not None:
                return self._adopted[0], record
            drained = self._adopted.pop(0)
            self._damaged_bytes += drained.damaged_bytes
            drained.close()
        record = _oldest_of(self._own)
        return None if record is None else (self._own, record)

    def _settled(self, drawer: Drawer, record: Record) -> bool:
        """Try to deliver ``record``; return whether it is done with."""
        began_s = monotonic()
        what = "delivered"
        try:
            self._deliver(unpack(record.payload), record.sender, record.sequence)
        except Unavailable as error:
            self._put_off(error, monotonic() - began_s)
            return False
        except FirstlightError:
            what = "refused"
        except Exception:  # noqa: BLE001
            # An exporter is anybody's code, and the batches behind this one must still go out.
            what = "export_failed"
        if drawer is not self._own:
            self._on_moved("adopted", record.counts)
        self._on_moved(what, record.counts)
        drawer.done(record)
        self._delay_s = RETRY_FIRST_S
        self._next_try_s = 0.0
        return True

    def _put_off(self, error: Unavailable, took_s: float) -> None:
        wait_s = max(shortened(self._delay_s), error.retry_after_s, took_s * RETRY_PER_TRY)
        self._next_try_s = monotonic() + min(wait_s, PAUSE_MOST_S)
        self._delay_s = min(self._delay_s * 2, RETRY_MOST_S)

    def _adopt(self) -> None:
        if monotonic() < self._next_look_s:
            return
        self._next_look_s = monotonic() + LOOK_FOR_ORPHANS_S
        ours = {self._own.path, *(drawer.path for drawer in self._adopted)}
        for path in orphans(self._directory):
            if path not in ours:
                self._adopt_one(path)

    def _adopt_one(self, path: Path) -> None:
        drawer = Drawer(path, self._max_bytes, self._sync)
        try:
            if not drawer.adopt():
                return
        except OSError:
            # It was cleared away meanwhile, or belongs to another user.
            drawer.leave()
            return
        if drawer.is_empty():
            clear_away(path)
            drawer.leave()
        else:
            self._adopted.append(drawer)


def _oldest_of(drawer: Drawer) -> Record | None:
    try:
        return drawer.oldest()
    except OSError:
        # The disk fails; it may not the next time.
        return None
