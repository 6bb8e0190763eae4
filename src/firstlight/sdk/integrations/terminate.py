"""SIGTERM ends a Python process at once, without ``atexit``; here it delivers first what was recorded."""

import os
import signal
from threading import Thread, Timer, current_thread, local, main_thread
from time import monotonic
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
        self._last_moment_s = 0.0
        self._newborn = False
        self._masks = local()
        os.register_at_fork(before=self._hold, after_in_parent=self._release, after_in_child=self._begin_anew)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal; comes a second time when the thread is done."""
        del number, frame
        if self._newborn or (self._thread is None and not self._begin()):
            # A newborn child has recorded nothing, and what runs after a fork is not done with its locks.
            _die()
        else:
            assert self._thread is not None
            self._thread.join(HOLD_S)
            if not self._thread.is_alive() or monotonic() >= self._last_moment_s:
                _die()

    def _hold(self) -> None:
        """Let the signal wait while the process forks: Python forgets one that meets a child in its first moment."""
        self._masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def _release(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._masks.before)

    def _begin_anew(self) -> None:
        self._thread = None
        self._newborn = True
        self._release()
        self._newborn = False

    def _begin(self) -> bool:
        """Start to deliver; return whether there can be a thread for it."""
        patience_s = self._telemetry.limits.exit_s + HOLD_S
        self._last_moment_s = monotonic() + patience_s
        self._thread = Thread(target=self._deliver, name="firstlight-end", daemon=True)
        impatient = Timer(patience_s, _again)
        impatient.daemon = True
        try:
            self._thread.start()
            impatient.start()
        except RuntimeError:
            return False
        return True

    def _deliver(self) -> None:
        try:
            self._telemetry.exit()
        finally:
            _again()


def _again() -> None:
    """Wake the main thread, which alone may set handlers."""
    os.kill(os.getpid(), signal.SIGTERM)


def _die() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
