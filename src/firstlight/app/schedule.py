"""Things done again and again in a thread of their own."""

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)
_STOP_WAIT_S = 5.0


class Periodic:
    """Calls ``action`` every ``interval_s`` seconds until stopped; the first time at once.

    An error ends one turn, not the thread: it goes to ``on_error``.
    """

    def __init__(
        self, name: str, interval_s: float, action: Callable[[], None], on_error: Callable[[str], None]
    ) -> None:
        self._name = name
        self._interval_s = interval_s
        self._action = action
        self._on_error = on_error
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"firstlight-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; waits for a turn that is under way, but not for ever."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_WAIT_S)

    def _run(self) -> None:
        while True:
            self._turn()
            if self._stopping.wait(self._interval_s):
                return

    def _turn(self) -> None:
        try:
            self._action()
        except Exception:  # noqa: BLE001 - the thread must outlive any one turn; the log and a counter tell
            _log.exception("%s failed; trying again in %g s", self._name, self._interval_s)
            self._on_error(self._name)
