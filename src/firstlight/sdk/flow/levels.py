"""Which emitters are heard."""

from threading import RLock
from types import FunctionType
from typing import Protocol

from firstlight.model import Level
from firstlight.sdk.flow.front import Tap

OFF = 100
"""Above every level."""


class Listens(Protocol):
    """Something that tells its host whether debug events are recorded."""

    name: str
    debug_on: bool


class Levels:
    """Keeps every emitter loud or mute as the levels of its scope say; the longest scope that fits decides.

    Args:
        level: least level that is recorded where nothing else is said.
    """

    def __init__(self, level: int) -> None:
        self._by_scope: dict[str, int] = {"": level}
        self._off: tuple[str, ...] = ()
        self._taps: list[Tap] = []
        self._listeners: list[Listens] = []
        self.restart()

    def restart(self) -> None:
        """Have a lock of our own, as a forked child does."""
        self._lock = RLock()

    @property
    def off(self) -> tuple[str, ...]:
        """Scopes that are switched off, with all below them."""
        return self._off

    def set(self, level: int, scope: str) -> None:
        """Record from ``level`` up in ``scope`` and below it."""
        with self._lock:
            self._by_scope[scope] = level
            self._tell()

    def switch(self, scope: str, *, on: bool) -> None:
        """Record nothing in ``scope`` and below it, or as the levels say again."""
        with self._lock:
            others = tuple(one for one in self._off if one != scope)
            self._off = others if on else (*others, scope)
            self._tell()

    def threshold(self, scope: str) -> int:
        """Return the least level that is recorded in ``scope``."""
        if self._off and is_below(scope, self._off):
            return OFF
        name = scope
        while name and name not in self._by_scope:
            name = name.rpartition(".")[0]
        return self._by_scope[name]

    def tapped(self, tap: Tap) -> FunctionType:
        """Put ``tap`` under the levels; return its function."""
        with self._lock:
            self._taps.append(tap)
            tap.listen(self.threshold(tap.scope))
            return tap.function

    def tell(self, listener: Listens) -> None:
        """Tell ``listener`` from now on."""
        with self._lock:
            self._listeners.append(listener)
            listener.debug_on = self.threshold(listener.name) <= Level.DEBUG

    def _tell(self) -> None:
        for tap in self._taps:
            tap.listen(self.threshold(tap.scope))
        for one in self._listeners:
            one.debug_on = self.threshold(one.name) <= Level.DEBUG


def is_below(scope: str, among: tuple[str, ...]) -> bool:
    """Return whether ``scope`` is one of ``among`` or below one."""
    return any(scope == one or not one or scope.startswith(f"{one}.") for one in among)
