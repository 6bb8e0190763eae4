"""Keeping a lake in order while somebody has it open: begins new logs, has finished ones sealed."""

import json
import subprocess
import sys
import threading
import time

from firstlight.store.layout import Layout
from firstlight.store.seal import finished_logs
from firstlight.store.wal import WalWriter

_TICK_S = 1.0
_LOOK_EVERY_S = 15.0
_SEAL_TIMEOUT_S = 600.0
_BACKOFF_S = 30.0


class Keeper:
    """A thread that starts a sealing process when there is something to seal.

    Another process that seals the same lake at the same moment makes ours do nothing; when it dies, ours takes over.
    """

    def __init__(self, layout: Layout, wal: WalWriter) -> None:
        self._layout = layout
        self._wal = wal
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="firstlight-keeper", daemon=True)
        self.runs = 0
        self.failures = 0
        self.sealed_rows = 0
        self.torn_bytes = 0
        self.quarantined = 0
        self.last_error = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, waiting for a sealing process that is at work."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        next_look, seen = 0.0, 0
        while not self._stop.is_set():
            self._wal.rotate_if_due()
            begun = self._wal.sequence
            if begun != seen or time.monotonic() >= next_look:
                seen = begun
                next_look = time.monotonic() + self._look()
            self._stop.wait(_TICK_S)

    def _look(self) -> float:
        """Seal if there is something to seal; return the seconds until the next look."""
        if next(finished_logs(self._layout), None) is None:
            return _LOOK_EVERY_S
        return _LOOK_EVERY_S if self._seal() else _BACKOFF_S

    def _seal(self) -> bool:
        command = [sys.executable, "-m", "firstlight.store.seal", str(self._layout.root)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SEAL_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return self._failed(str(error))
        if done.returncode:
            return self._failed(done.stderr.strip().rpartition("\n")[2])
        self._succeeded(json.loads(done.stdout))
        return True

    def _succeeded(self, report: dict[str, object]) -> None:
        self.runs += 1
        self.last_error = ""
        rows, quarantined = report.get("rows"), report.get("quarantined")
        self.sealed_rows += sum(rows.values()) if isinstance(rows, dict) else 0
        self.quarantined += len(quarantined) if isinstance(quarantined, list) else 0
        self.torn_bytes += int(str(report.get("torn_bytes", 0)))

    def _failed(self, reason: str) -> bool:
        self.failures += 1
        self.last_error = reason
        return False
