"""Rows of many threads go to the disk together."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

from firstlight.errors import Unavailable

T = TypeVar("T")


class _Group(Generic[T]):
    __slots__ = ("done", "error", "rows")

    def __init__(self) -> None:
        self.rows: list[T] = []
        # Held until the group is written: the cheapest thing to wait for.
        self.done = Lock()
        self.done.acquire()
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
            Unavailable: the thread that wrote for this one was interrupted; the row may have been kept.
        """
        with self._lock:
            group = self._open
            group.rows.append(row)
            leads = len(group.rows) == 1
        if leads:
            self._lead(group)
        else:
            with group.done:
                pass
        if group.error is None:
            return
        if leads or isinstance(group.error, Exception):
            raise group.error
        raise Unavailable("whoever wrote was interrupted; try again") from group.error

    def _lead(self, group: _Group[T]) -> None:
        try:
            with self._turn:
                self._close(group)
                self._write(group.rows)
        except BaseException as error:  # noqa: BLE001
            # An interruption must not leave the others waiting; it may come while this thread waits for its turn.
            self._close(group)
            group.error = error
        finally:
            group.done.release()

    def _close(self, group: _Group[T]) -> None:
        """Let the rows that come now be another group's."""
        with self._lock:
            if self._open is group:
                self._open = _Group()
