import threading
import time
from collections.abc import Sequence

import pytest

from firstlight.app.group_commit import GroupCommit, NotKept
from firstlight.errors import StorageError, StorageFull, Unavailable


class Disk:
    """Keeps rows; the first write waits until it is let go."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.groups: list[list[int]] = []
        self.begun = threading.Event()
        self.go = threading.Event()
        self.error = error
        self.unwanted: set[int] = set()

    def write(self, rows: Sequence[int]) -> NotKept:
        self.begun.set()
        assert self.go.wait(30)
        if self.error is not None and self.groups:
            raise self.error
        self.groups.append(list(rows))
        return {place: StorageError(f"no {row}") for place, row in enumerate(rows) if row in self.unwanted}


def commits(disk: Disk, followers: int) -> list[BaseException]:
    """Commit 0, then the others while that is being written; return what they raised."""
    group = GroupCommit(disk.write)
    raised: list[BaseException] = []

    def commit(row: int) -> None:
        try:
            group.commit(row)
        except BaseException as error:  # noqa: BLE001 - an interruption is what is looked for
            raised.append(error)

    threads = [threading.Thread(target=commit, args=(row,)) for row in range(followers + 1)]
    threads[0].start()
    assert disk.begun.wait(30)
    for thread in threads[1:]:
        thread.start()
    while len(group._open.rows) < followers:
        assert threads[-1].is_alive()
        time.sleep(0.001)
    disk.go.set()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    return raised


def test_what_comes_while_a_write_is_under_way_is_written_together() -> None:
    disk = Disk()
    assert commits(disk, 9) == []
    assert disk.groups[0] == [0]
    assert sorted(disk.groups[1]) == list(range(1, 10))
    assert len(disk.groups) == 2


def test_each_thread_of_a_group_hears_that_it_failed() -> None:
    disk = Disk(StorageFull("no space"))
    raised = commits(disk, 5)
    assert [type(error) for error in raised] == [StorageFull] * 5
    assert disk.groups == [[0]]


def test_an_interruption_leaves_nobody_waiting_and_interrupts_only_whom_it_met() -> None:
    disk = Disk(KeyboardInterrupt())
    kinds = [type(error) for error in commits(disk, 5)]
    assert sorted(kinds, key=str) == sorted([KeyboardInterrupt, *[Unavailable] * 4], key=str)


def test_an_interruption_while_waiting_for_its_turn_leaves_nobody_waiting() -> None:
    class Turn:
        def __enter__(self) -> None:
            raise KeyboardInterrupt

        def __exit__(self, *_: object) -> None:
            raise AssertionError

    disk = Disk()
    disk.go.set()
    group = GroupCommit(disk.write)
    real, group._turn = group._turn, Turn()
    with pytest.raises(KeyboardInterrupt):
        group.commit(1)
    group._turn = real
    group.commit(2)
    assert disk.groups == [[2]]


def test_a_failure_does_not_stick() -> None:
    failing = [True]

    def write(rows: Sequence[int]) -> NotKept:
        if failing:
            raise StorageFull("no space")
        return {}

    group: GroupCommit[int] = GroupCommit(write)
    with pytest.raises(StorageFull):
        group.commit(1)
    failing.clear()
    group.commit(1)


def test_whoever_had_a_row_left_out_is_told_and_no_other() -> None:
    disk = Disk()
    disk.unwanted = {0, 3, 7}
    assert sorted(map(str, commits(disk, 9))) == ["no 0", "no 3", "no 7"]
    assert sorted(disk.groups[1]) == list(range(1, 10))
