"""Rows of many threads go to the disk together."""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Generic, TypeVar

from firstlight.errors import FirstlightError, Unavailable

T = TypeVar("T")
NotKept = Mapping[int, FirstlightError]
"""Why rows were left out though the others were kept, by their place."""


class _Group(Generic[T]):
    __slots__ = ("done", "error", "not_kept", "rows")

    def __init__(self) -> None:
        self.rows: list[T] = []
        # Held until the group is written: the cheapest thing to wait for.
        self.done = Lock()
        self.done.acquire()
        self.error: BaseException | None = None
        self.not_kept: NotKept = {}


class GroupCommit(Generic[T]):
    """Collects what threads want written while a write is under way, and writes that at once after it.

    The first thread of a group writes for all; nobody waits for company.

    Args:
        write: keeps the rows but those that it returns, or raises; called by one thread at a time.
    """

    def __init__(self, write: Callable[[Sequence[T]], NotKept]) -> None:
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
            FirstlightError: what ``write`` raised, or returned for this row; the row was not kept.
            Unavailable: the thread that wrote for this one was interrupted; the row may have been kept.
        """
        with self._lock:
            group = self._open
            place = len(group.rows)
            group.rows.append(row)
        if leads := place == 0:
            self._lead(group)
        else:
            with group.done:
                pass
        if place in group.not_kept:
            raise group.not_kept[place]
        if group.error is None:
            return
        if leads or isinstance(group.error, Exception):
            raise group.error
        raise Unavailable("whoever wrote was interrupted; try again") from group.error

    def _lead(self, group: _Group[T]) -> None:
        try:
            with self._turn:
                self._close(group)
                group.not_kept = self._write(group.rows)
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
