"""Rows of many threads go to the disk together."""

from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class _Group(Generic[T]):
    __slots__ = ("done", "error", "rows")

    def __init__(self) -> None:
        self.rows: list[T] = []
        self.done = Event()
        self.error: BaseException | None = None


class GroupCommit(Generic[T]):
    """Collects what threads want written while a write is under way, and writes that at once after it.

    The first thread of a group writes for all; nobody waits for company.

    Args:
        write: keeps all of the rows or raises; called by one thread at a time.
    """

    def __init__(self, write: Callable[[Sequence[T]], None]) -> None:
        self._write = write
        self.restart()

    def restart(self) -> None:
        """Forget what was under way, with locks of its own, as a forked child does."""
        self._lock = Lock()
        self._turn = Lock()
        self._open: _Group[T] = _Group()

    def commit(self, row: T) -> None:
        """Return when ``row`` is written.

        Raises:
            FirstlightError: what ``write`` raised; the row was not kept.
        """
        with self._lock:
            group = self._open
            group.rows.append(row)
            leads = len(group.rows) == 1
        if leads:
            self._lead(group)
        else:
            group.done.wait()
        if group.error is not None:
            raise group.error

    def _lead(self, group: _Group[T]) -> None:
        with self._turn:
            with self._lock:
                self._open = _Group()
            try:
                self._write(group.rows)
            except BaseException as error:  # noqa: BLE001
                # Each thread of the group raises it; an interruption must not leave the others waiting.
                group.error = error
            finally:
                group.done.set()
