"""The end of a recorder, which several may ask for: the program, ``atexit``, a signal."""

from threading import Event, get_ident


class Ending:
    """Lets whoever asks a second time wait for the first, so that nobody ends the process under a delivery."""

    def __init__(self) -> None:
        self._over = Event()
        self._over.set()
        self._by = 0

    def begin(self) -> None:
        """Say that it has begun, on this thread."""
        self._by = get_ident()
        self._over.clear()

    def finish(self) -> None:
        """Say that it is over."""
        self._over.set()

    def wait(self, timeout_s: float) -> bool:
        """Return whether it is over in time; its own thread, interrupted by a signal, does not wait for itself."""
        return self._by == get_ident() or self._over.wait(timeout_s)
