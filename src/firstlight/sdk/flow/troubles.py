"""What the recorder does about its own problems: count, say so at most once a minute, never disturb the host."""

import sys
from threading import Lock
from time import monotonic

from firstlight.errors import UsageError
from firstlight.sdk.flow.ledger import Ledger

QUIET_S = 60.0


class Troubles:
    """Reports problems.

    Args:
        ledger: counts the misuses.
        raise_errors: raise instead of staying silent; None means only where pytest runs.
    """

    def __init__(self, ledger: Ledger, raise_errors: bool | None = None) -> None:
        self._ledger = ledger
        self._raise_errors = raise_errors
        self.restart()

    def restart(self) -> None:
        """Forget what was said, with a lock of our own, as a forked child does."""
        self._lock = Lock()
        self._said_at_s: dict[str, float] = {}
        self._kept: BaseException | None = None

    def misuse(self, problem: str) -> None:
        """Note a call that cannot be understood.

        Raises:
            UsageError: under pytest, so that the test that makes the mistake fails.
        """
        self._ledger.misuse()
        if self._raising():
            raise UsageError(problem)
        self.say("misuse", problem)

    def internal(self, problem: str, error: BaseException) -> None:
        """Note a fault met on a thread of our own; under pytest the next ``flush`` raises it."""
        if self._raising():
            self._kept = self._kept or error
        self.say(problem, f"{problem}: {type(error).__name__}: {error}")

    def say(self, kind: str, message: str) -> None:
        """Log ``message`` to the logger ``firstlight`` unless one of its kind was logged within the last minute."""
        now_s = monotonic()
        with self._lock:
            last_s = self._said_at_s.get(kind)
            if last_s is not None and now_s - last_s < QUIET_S:
                return
            self._said_at_s[kind] = now_s
        from logging import getLogger

        getLogger("firstlight").warning("%s", message)

    def raise_kept(self) -> None:
        """Raise the first fault that was kept for a test, once."""
        kept, self._kept = self._kept, None
        if kept is not None:
            raise kept

    def _raising(self) -> bool:
        return "pytest" in sys.modules if self._raise_errors is None else self._raise_errors
