"""What begins anew in a forked child, and what a fork waits for."""

import os
import threading
from typing import Protocol
from weakref import WeakSet


class Restartable(Protocol):
    """Something with locks, and with what is the parent's."""

    def restart(self) -> None:
        """Begin anew: the threads that hold its locks are not there."""


_watched: WeakSet[Restartable] = WeakSet()


def restart_in_children(one: Restartable) -> None:
    """Restart ``one`` in each forked child."""
    _watched.add(one)


def _in_child() -> None:
    for one in list(_watched):
        one.restart()


os.register_at_fork(after_in_child=_in_child)

no_fork = threading.RLock()
"""Held while modules are loaded late and engines are made: a child of the middle of that would wait for ever for the
thread that does it.  Forking waits until it is over."""

os.register_at_fork(before=no_fork.acquire, after_in_parent=no_fork.release, after_in_child=no_fork.release)
