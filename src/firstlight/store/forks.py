"""What begins anew in a forked child."""

import os
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
