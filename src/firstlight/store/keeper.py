"""Keeping a lake in order while somebody has it open: begins new logs, starts the process that does the rest."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from firstlight.errors import FirstlightError
from firstlight.model import Batch, Resource
from firstlight.store import budget, maintain
from firstlight.store.catalog import Catalog
from firstlight.store.layout import Layout
from firstlight.store.policy import Policy
from firstlight.store.upkeep_events import SERVICE, event_of
from firstlight.store.wal import WalWriter

_TICK_S = 1.0
_LOOK_EVERY_S = 15.0
_BACKOFF_S = 30.0
_END_S = 10.0


@dataclass
class Done:
    """What maintenance has done since the lake was opened here.

    Attributes:
        runs: processes that ended well.
        failures: others.
        sealed_rows: rows that went from logs to segments.
        merged_segments: segments that became part of others.
        swept_bytes: size of the files that were removed.
        torn_bytes: left at the ends of logs by crashes.
        quarantined: log files with damage inside.
        lost_segments: that were set aside since they are damaged.
        lost_rows: in them.
        retained_rows: that went since they were too old.
        reduced_rows: that went since the lake was too large.
        over_bytes: what it was too large by when nothing more could go.
        busy: the last one left the work to another process.
        last_error: why the last one failed; empty when it did not.
    """

    runs: int = 0
    failures: int = 0
    sealed_rows: int = 0
    merged_segments: int = 0
    swept_bytes: int = 0
    torn_bytes: int = 0
    quarantined: int = 0
    lost_segments: int = 0
    lost_rows: int = 0
    retained_rows: int = 0
    reduced_rows: int = 0
    over_bytes: int = 0
    busy: bool = False
    last_error: str = ""

    def add(self, told: Mapping[str, Any]) -> None:
        """Count one line of what the process tells."""
        if sealed := told.get("sealed"):
            self.sealed_rows += sum(sealed["rows"].values())
            self.torn_bytes += sealed["torn_bytes"]
            self.quarantined += len(sealed["quarantined"])
        if compacted := told.get("compacted"):
            self.merged_segments += compacted["segments"]
        if swept := told.get("swept"):
            self.swept_bytes += swept["bytes"]
        if retained := told.get("retained"):
            self.retained_rows += retained["rows"]
        if reduced := told.get("reduced"):
            self.reduced_rows += reduced["rows"]
            self.over_bytes = reduced["over_bytes"]
        if lost := told.get("lost"):
            self.lost_segments += 1
            self.lost_rows += lost["rows"]
        self.busy = bool(told.get("busy"))


class Keeper:
    """A thread that starts a maintaining process when there is something to do.

    Another process that maintains the same lake at the same moment makes ours do nothing; when it dies, ours takes
    over.

    Args:
        layout: the lake.
        wal: this process's log; what must not go unnoticed is recorded there, too.
        policy: what may go.

    Attributes:
        done: what was done so far.
    """

    def __init__(self, layout: Layout, wal: WalWriter, policy: Policy = maintain.KEEP_ALL) -> None:
        self._layout = layout
        self._wal = wal
        self._policy = policy
        self._catalog = Catalog(layout)
        self._stop = threading.Event()
        self._start_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="firstlight-keeper", daemon=True)
        self._process: subprocess.Popen[str] | None = None
        self.done = Done()

    def start(self) -> None:
        """Begin, unless that is done."""
        if self._thread.ident is not None:
            return
        with self._start_lock:
            if self._thread.ident is None:
                self._thread.start()

    def anew(self) -> "Keeper":
        """Return another one that is not started, for a forked child: it has neither our thread nor our process."""
        return Keeper(self._layout, self._wal, self._policy)

    def stop(self) -> None:
        """End; a process at work is ended too, which loses nothing."""
        self._stop.set()
        if self._process is not None:
            self._process.terminate()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        next_look, seen = 0.0, 0
        while not self._stop.is_set():
            self._tend()
            begun = self._wal.sequence
            if begun != seen or time.monotonic() >= next_look:
                seen = begun
                next_look = time.monotonic() + self._look()
            self._stop.wait(_TICK_S)

    def _tend(self) -> None:
        try:
            self._wal.sync_if_due()
            self._wal.rotate_if_due()
        except FirstlightError as error:
            # Whoever appends next meets it too, and can say so.
            self.done.last_error = str(error)

    def _look(self) -> float:
        """Have done what is due; return the seconds until the next look."""
        try:
            if not maintain.is_due(self._layout, self._catalog, self._policy):
                # What is too much now is in files that may not go.
                self.done.over_bytes = budget.excess_bytes(self._layout, self._policy.disk_budget_bytes)
                return _LOOK_EVERY_S
        except (OSError, FirstlightError) as error:
            return self._failed(str(error))
        return self._maintain()

    def _maintain(self) -> float:
        policy = msgspec.json.encode(self._policy).decode()
        command = [sys.executable, "-m", "firstlight.store.maintain", str(self._layout.root), policy]
        try:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        except OSError as error:
            return self._failed(str(error))
        self._process = process
        if self._stop.is_set():
            process.terminate()
        return self._follow(process)

    def _follow(self, process: subprocess.Popen[str]) -> float:
        """Count what ``process`` does, and go on beginning new logs, until it ends."""
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            reader = threading.Thread(target=self._read, args=(process.stdout,), name="firstlight-keeper-reader")
            reader.start()
            while process.poll() is None:
                self._tend()
                self._stop.wait(_TICK_S)
                if self._stop.is_set():
                    process.terminate()
            reader.join(_END_S)
            complaint = process.stderr.read()
        self._process = None
        if process.returncode and not self._stop.is_set():
            return self._failed(complaint.strip().rpartition("\n")[2])
        self.done.runs += 1
        self.done.last_error = ""
        return _LOOK_EVERY_S if self.done.busy else 0.0

    def _read(self, lines: Any) -> None:
        for line in lines:
            told = json.loads(line)
            self.done.add(told)
            self._record(told)

    def _record(self, told: Mapping[str, Any]) -> None:
        """Put into the lake what whoever looks at it later must know."""
        event = event_of(told, time.time_ns())
        if event is None:
            return
        batch = Batch(Resource(service=SERVICE))
        batch.events.append(event)
        try:
            self._wal.append([batch])
        except FirstlightError as error:
            self.done.last_error = str(error)

    def _failed(self, reason: str) -> float:
        self.done.failures += 1
        self.done.last_error = reason
        return _BACKOFF_S
