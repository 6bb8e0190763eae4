"""What happens to recorders when the process forks or ends."""

import atexit
import os
import sys
from typing import Any, Protocol
from weakref import WeakSet


class Forking(Protocol):
    """Something with threads and locks."""

    def before_fork(self) -> None:
        """Hold still."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Begin anew with nothing."""

    def exit(self) -> None:
        """Deliver everything in bounded time."""


_watched: WeakSet[Forking] = WeakSet()
_known_to_multiprocessing: WeakSet[Forking] = WeakSet()
_held: list[Forking] = []


def watch(one: Forking) -> None:
    """Tell ``one`` of forks from now on."""
    _watched.add(one)


def arm_exit(one: Forking) -> None:
    """Call ``one.exit`` when the process ends, be it a child of multiprocessing (which ends without ``atexit``)."""
    atexit.register(one.exit)
    util = _multiprocessing_knows(one)
    process = sys.modules.get("multiprocessing.process")
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, one.exit, exitpriority=0)


def disarm_exit(one: Forking) -> None:
    """Take that back."""
    atexit.unregister(one.exit)


def _multiprocessing_knows(one: Forking) -> Any:
    """Have multiprocessing arm ``one`` again in each child, after the child has forgotten what was armed; return it."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None and one not in _known_to_multiprocessing:
        _known_to_multiprocessing.add(one)
        util.register_after_fork(one, arm_exit)
    return util


def _before() -> None:
    _held[:] = _watched
    for one in _held:
        _multiprocessing_knows(one)
        one.before_fork()


def _in_parent() -> None:
    for one in _held:
        one.after_fork_in_parent()
    _held.clear()


def _in_child() -> None:
    for one in _held:
        one.after_fork_in_child()
    _held.clear()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
