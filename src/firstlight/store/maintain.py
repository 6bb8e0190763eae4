"""Keeping a lake in order: seals finished logs, merges small segments, rolls days up, sweeps what was replaced.

It runs in a process of its own, so that it takes neither time nor memory from the one that ingests:
``python -m firstlight.store.maintain DIR``.  Exactly one process of a lake does it at a time, the one that holds
``keeper.lock``; when it dies the kernel frees the lock and another one goes on.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from firstlight.store import compact, rollup, sweep
from firstlight.store.catalog import Catalog
from firstlight.store.layout import FileLock, Layout, explain
from firstlight.store.seal import Report, Sealer, finished_logs

IDLE_S = 3.0
"""With nothing to do for so long the process ends."""

_POLL_S = 0.05
_NICENESS = 5

Tell = Callable[[dict[str, Any]], None]


class Maintenance:
    """Does what is due in a lake; whoever uses it holds the keeper lock.

    Args:
        layout: the lake.
        tell: told of each thing done.
    """

    def __init__(self, layout: Layout, tell: Tell) -> None:
        self._layout = layout
        self._tell = tell
        self._catalog = Catalog(layout)
        self._sealer = Sealer(layout)

    def round(self) -> bool:
        """Do what is due now; return whether there was anything.

        Raises:
            StorageError: a segment or the catalog could not be written; nothing is lost.
            StorageFull: no space; nothing is lost.
        """
        try:
            return self._seal() | self._compact() | self._roll_up() | self._sweep()
        except OSError as error:
            raise explain(error, self._layout.root) from error

    def compact_all(self) -> None:
        """Make every day one segment."""
        for work in compact.possible(self._catalog.snapshot()):
            self._tell({"compacted": asdict(compact.run(self._layout, work, self._seal))})

    def _seal(self) -> bool:
        report = self._sealer.seal()
        if report != Report():
            self._tell({"sealed": asdict(report)})
        return report.logs > 0

    def _compact(self) -> bool:
        work = compact.due(self._catalog.snapshot(), time.time_ns() // 1000)
        for merge in work[:1]:
            self._tell({"compacted": asdict(compact.run(self._layout, merge, self._seal))})
        return bool(work)

    def _roll_up(self) -> bool:
        work = rollup.due(self._catalog.snapshot(), time.time_ns() // 1000)
        for day in work[:1]:
            self._tell({"rolled_up": rollup.run(self._layout, day)._asdict()})
        return bool(work)

    def _sweep(self) -> bool:
        if not sweep.is_due(self._layout):
            return False
        self._tell({"swept": asdict(sweep.sweep(self._layout))})
        return True


def is_due(layout: Layout, catalog: Catalog) -> bool:
    """Return whether a round would do anything."""
    if next(finished_logs(layout), None) is not None:
        return True
    now_us, snapshot = time.time_ns() // 1000, catalog.snapshot()
    return bool(compact.due(snapshot, now_us)) or bool(rollup.due(snapshot, now_us)) or sweep.is_due(layout)


def maintain(layout: Layout, tell: Tell, idle_s: float = 0.0) -> bool:
    """Do what is due until nothing has been due for ``idle_s``; return False when another process is at it.

    Raises:
        StorageError: as :meth:`Maintenance.round`.
        StorageFull: likewise.
    """
    keeper = FileLock(layout.keeper_lock)
    if not keeper.acquire():
        return False
    try:
        maintenance = Maintenance(layout, tell)
        until_s = time.monotonic() + idle_s
        while maintenance.round() or time.monotonic() < until_s:
            if next(finished_logs(layout), None) is None:
                time.sleep(_POLL_S)
            else:
                until_s = time.monotonic() + idle_s
    finally:
        keeper.release()
    return True


def main() -> int:
    """Maintain the lake named on the command line; print each thing done as a line of JSON."""
    os.nice(_NICENESS)
    # Arrow's own pool keeps what it once had; this process works in bursts.
    pa.set_memory_pool(pa.system_memory_pool())

    def tell(done: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(done) + "\n")
        sys.stdout.flush()

    if not maintain(Layout(sys.argv[1]), tell, IDLE_S):
        tell({"busy": True})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
