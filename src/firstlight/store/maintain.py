"""Keeping a lake in order: seals finished logs, merges, rolls days up, lets old rows go, sweeps what was replaced.

It runs in a process of its own, so that it takes neither time nor memory from the one that ingests:
``python -m firstlight.store.maintain DIR [POLICY]``.  Exactly one process of a lake does it at a time, the one that
holds ``keeper.lock``; when it dies the kernel frees the lock and another one goes on.  It makes way for who waits for a
turn (:mod:`firstlight.store.turn`).
"""

import importlib.abc
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import msgspec
import pyarrow as pa

from firstlight.errors import CorruptSegment
from firstlight.store import budget, compact, damage, rollup, sweep
from firstlight.store.catalog import Catalog
from firstlight.store.damage import Lost
from firstlight.store.layout import FileLock, Layout, explain
from firstlight.store.policy import Policy
from firstlight.store.retain import Retention, total
from firstlight.store.seal import Report, Sealer, finished_logs
from firstlight.store.turn import is_wanted

IDLE_S = 3.0
"""With nothing to do for so long the process ends."""

_POLL_S = 0.05
_SIZE_EVERY_S = 10.0
_NICENESS = 5
KEEP_ALL = Policy()

Tell = Callable[[dict[str, Any]], None]
Progress = Callable[[str, int, int], object]


class Maintenance:
    """Does what is due in a lake; whoever uses it holds the keeper lock.

    Args:
        layout: the lake.
        tell: told of each thing done.
        policy: what may go.
    """

    def __init__(self, layout: Layout, tell: Tell, policy: Policy = KEEP_ALL) -> None:
        self._layout = layout
        self._tell = tell
        self._policy = policy
        self._catalog = Catalog(layout)
        self._sealer = Sealer(layout)
        self._retention = Retention(layout, policy)
        self._sized_at_s = 0.0
        self._steps = (
            self.seal,
            self._look_at_suspects,
            self._compact,
            self._roll_up,
            self._retain,
            self._keep_to_budget,
            self._sweep,
        )

    def round(self) -> bool:
        """Do what is due now; return whether there was anything.

        Raises:
            StorageError: a segment or the catalog could not be written; nothing is lost.
            StorageFull: no space; nothing is lost.
        """
        try:
            done = [step() for step in self._steps]
        except pa.ArrowException as error:
            raise CorruptSegment(f"a segment cannot be read: {error}; see 'firstlight lake verify'") from error
        except OSError as error:
            raise explain(error, self._layout.root) from error
        return any(done)

    def compact_all(self, progress: Progress = lambda *_: None) -> None:
        """Make every day one segment; ``progress`` is told of each table and day, and how much of how much."""
        work = compact.possible(self._catalog.snapshot())
        for number, merge in enumerate(work):
            progress(f"{merge.table} {merge.day}", number, len(work))
            self.merge(merge)

    def retain_all(self, now_us: int) -> None:
        """Let everything go that is too old, single series too."""
        self._let_go(now_us, thorough=True)

    def reduce(self, now_us: int) -> bool:
        """Keep to the disk budget; return whether something went."""
        done = budget.reduce(self._layout, self._policy.disk_budget_bytes, now_us)
        if done is None or not done.segments:
            return False
        self._tell({"reduced": asdict(done)})
        return True

    def seal(self) -> bool:
        """Seal finished logs; return whether there were any."""
        report = self._sealer.seal()
        if report != Report():
            self._tell({"sealed": asdict(report)})
        return report.logs > 0

    def _look_at_suspects(self) -> bool:
        if not damage.has_suspects(self._layout):
            return False
        damage.look_at_suspects(self._layout, self._catalog, self._lost)
        return True

    def _compact(self) -> bool:
        work = compact.due(self._catalog.snapshot(), _now_us())
        for merge in work[:1]:
            self.merge(merge)
        return bool(work)

    def merge(self, work: compact.Merge) -> None:
        """Merge what is whole; damage would otherwise get a checksum of its own."""
        whole = damage.whole_ones(self._layout, work.table, work.segments, self._lost)
        if len(whole) == len(work.segments):
            self._tell({"compacted": asdict(compact.run(self._layout, work, self.seal))})

    def _roll_up(self) -> bool:
        work = rollup.due(self._catalog.snapshot(), _now_us(), self._retention.limit_us)
        for day in work[:1]:
            if damage.whole_ones(self._layout, "samples", [day.samples], self._lost):
                self._tell({"rolled_up": rollup.run(self._layout, day)._asdict()})
        return bool(work)

    def _retain(self) -> bool:
        if not self._retention.is_due(self._catalog.snapshot(), _now_us()):
            return False
        self._let_go(_now_us(), thorough=False)
        return True

    def _let_go(self, now_us: int, *, thorough: bool) -> None:
        for done in total(self._retention.run(now_us, self._lost, self.seal, thorough=thorough)):
            self._tell({"retained": asdict(done)})
        # It remembers which series are defined, and some may not be any more.
        self._sealer = Sealer(self._layout)

    def _keep_to_budget(self) -> bool:
        if time.monotonic() < self._sized_at_s + _SIZE_EVERY_S:
            return False
        self._sized_at_s = time.monotonic()
        return self.reduce(_now_us())

    def _sweep(self) -> bool:
        if not sweep.is_due(self._layout):
            return False
        self._tell({"swept": asdict(sweep.sweep(self._layout))})
        return True

    def _lost(self, lost: Lost) -> None:
        self._tell({"lost": {**asdict(lost), "message": str(lost)}})
        self._sealer = Sealer(self._layout)  # definitions may be lost, and are sealed again when they come


def is_due(layout: Layout, catalog: Catalog, policy: Policy = KEEP_ALL) -> bool:
    """Return whether a round would do anything."""
    if next(finished_logs(layout), None) is not None or damage.has_suspects(layout):
        return True
    snapshot, now_us, retention = catalog.snapshot(), _now_us(), Retention(layout, policy)
    return (
        bool(compact.due(snapshot, now_us))
        or bool(rollup.due(snapshot, now_us, retention.limit_us))
        or sweep.is_due(layout)
        or retention.is_due(snapshot, now_us)
        or budget.may_reduce(layout, snapshot, policy.disk_budget_bytes)
    )


def maintain(layout: Layout, tell: Tell, idle_s: float = 0.0, policy: Policy = KEEP_ALL) -> bool:
    """Do what is due until nothing has been due for ``idle_s``; return False when another process is at it.

    Raises:
        StorageError: as :meth:`Maintenance.round`.
        StorageFull: likewise.
    """
    keeper = FileLock(layout.keeper_lock)
    if is_wanted(layout) or not keeper.acquire():
        return False
    try:
        maintenance = Maintenance(layout, tell, policy)
        until_s = time.monotonic() + idle_s
        while (maintenance.round() or time.monotonic() < until_s) and not is_wanted(layout):
            if next(finished_logs(layout), None) is None:
                time.sleep(_POLL_S)
            else:
                until_s = time.monotonic() + idle_s
    finally:
        keeper.release()
    return True


def _now_us() -> int:
    return time.time_ns() // 1000


class _WithoutPandas(importlib.abc.MetaPathFinder):
    """Hides pandas, which Arrow loads when it first makes an array, where it is installed: 40 MB for nothing."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(f"no {name} in this process", name=name)


def main() -> int:
    """Maintain the lake named on the command line; print each thing done as a line of JSON."""
    os.nice(_NICENESS)
    sys.meta_path.insert(0, _WithoutPandas())
    # Arrow's own pool keeps what it once had; this process works in bursts.
    pa.set_memory_pool(pa.system_memory_pool())
    directory, *policies = sys.argv[1:]
    policy = msgspec.json.decode(policies[0], type=Policy) if policies else KEEP_ALL

    def tell(done: Mapping[str, Any]) -> None:
        sys.stdout.write(json.dumps(done) + "\n")
        sys.stdout.flush()
        # The next piece of work may come in an hour.
        pa.default_memory_pool().release_unused()

    if not maintain(Layout(directory), tell, IDLE_S, policy):
        tell({"busy": True})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
