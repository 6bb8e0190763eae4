"""SIGTERM ends a Python process at once, without ``atexit``; here it delivers first what was recorded."""

import os
import signal
from threading import Thread, current_thread, main_thread
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry

HOLD_S = 1.0
"""How long the program stands still.  It goes on afterwards only so that it can free a lock that delivery needs."""


def deliver_before_terminating(telemetry: "Telemetry") -> bool:
    """Have SIGTERM deliver first and then end the process as it would have; return whether that is so now.

    Nothing is done where the program has a handler of its own or ignores the signal; one that it sets later wins.
    """
    if current_thread() is not main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return False
    signal.signal(signal.SIGTERM, _Ending(telemetry))
    return True


class _Ending:
    """Delivers on a thread of its own: the main thread may hold a lock right where the signal met it."""

    def __init__(self, telemetry: "Telemetry") -> None:
        self._telemetry = telemetry
        self._thread: Thread | None = None
        self._pid = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal; comes a second time when the thread is done."""
        del number, frame
        if self._thread is None or self._pid != os.getpid():
            self._thread, self._pid = Thread(target=self._deliver, name="firstlight-end", daemon=True), os.getpid()
            try:
                self._thread.start()
            except RuntimeError:
                _die()
                return
        self._thread.join(HOLD_S)
        if not self._thread.is_alive():
            _die()

    def _deliver(self) -> None:
        try:
            self._telemetry.exit()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)


def _die() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
