"""Upkeep where the disk is full, read-only, or somebody else's for a while: real file systems, real locks."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from firstlight.app import upkeep
from firstlight.app.lake import Lake
from firstlight.app.lake_limits import LakeLimits
from firstlight.errors import FirstlightError, StorageError, StorageFull
from firstlight.store import catalog
from firstlight.store.layout import Layout
from firstlight.store.maintain import Maintenance
from firstlight.store.policy import Policy, SeriesRule
from firstlight.store.selection import Selection
from firstlight.store.verify import verify
from firstlight.store.wal import WalWriter
from tests.store.lakes import DAY_NS, FIRST_DAY, ROWS, ask, counts, day, lake_of

SMALL_BYTES = 6 * 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a directory on a disk of its own, a few megabytes large."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_BYTES}", "none", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path, spare_bytes: int) -> Path:
    """Use up the disk but for ``spare_bytes``."""
    left = os.statvfs(disk)
    path = disk / "filler"
    path.write_bytes(bytes(max(0, left.f_bavail * left.f_frsize - spare_bytes)))
    return path


WORK = {
    "compact": upkeep.compact,
    "retain": lambda path: upkeep.retain(
        path, Policy({}, (SeriesRule('{service="bank"}', 1),)), (FIRST_DAY + 9) * DAY_NS
    ),
    "erase": lambda path: upkeep.erase(path, Selection(text="ada1")),
    "seal": lambda path: Maintenance(Layout(path), lambda _: None).round(),
}


@pytest.mark.parametrize("operation", WORK)
def test_a_full_disk_stops_the_work_and_loses_nothing(small_disk: Path, operation: str) -> None:
    path = small_disk / "lake"
    layout = lake_of(path, 1)
    wal = WalWriter(layout, "never")
    wal.append([day(0, rows=800, first=20)])
    wal.close()
    if operation != "seal":
        Maintenance(layout, lambda _: None).seal()
    before = counts(path)
    filler = fill(small_disk, 8192)
    with pytest.raises(StorageFull, match="free some"):
        WORK[operation](path)
    assert counts(path) == before
    filler.unlink()
    assert counts(path) == before
    assert verify(layout).problems == []
    WORK[operation](path)
    assert verify(layout).problems == []
    if operation in ("compact", "seal"):
        assert counts(path) == before


@pytest.mark.parametrize("operation", WORK)
def test_a_disk_that_may_only_be_read_is_said_and_left_alone(small_disk: Path, operation: str) -> None:
    path = small_disk / "lake"
    layout = lake_of(path, 2)
    wal = WalWriter(layout, "never")
    wal.append([day(0, rows=5, first=20)])
    wal.close()
    before = counts(path)
    with sqlite3.connect(layout.catalog) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    try:
        if operation == "seal":
            WORK[operation](path)  # cannot tell whether a log's writer lives, so it is left alone
        else:
            with pytest.raises(FirstlightError):
                WORK[operation](path)
        assert verify(layout, repair=False).problems == []
        assert counts(path) == before
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    WORK[operation](path)


def test_a_catalog_that_is_locked_for_a_while_is_waited_for(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 2)
    holder = sqlite3.connect(layout.catalog, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(1.0, holder.execute, ("ROLLBACK",))
    timer.start()
    done = upkeep.erase(tmp_path, Selection(text="ada1"))
    timer.join()
    holder.close()
    assert done.is_complete
    assert counts(tmp_path)["events"] == 2 * (ROWS - ROWS // 3)


def test_a_catalog_that_stays_locked_is_an_error_and_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = lake_of(tmp_path, 2)
    monkeypatch.setattr(catalog, "_BUSY_TIMEOUT_S", 0.1)
    before = counts(tmp_path)
    holder = sqlite3.connect(layout.catalog, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    for operation in ("retain", "erase"):
        with pytest.raises(StorageError, match="locked"):
            WORK[operation](tmp_path)
    holder.close()
    assert counts(tmp_path) == before
    assert verify(layout).problems == []


def test_two_lakes_on_one_directory_maintain_it_in_turns(tmp_path: Path) -> None:
    limits = LakeLimits(rotate_bytes=20_000)
    policy = Policy({"spans": 1.0})
    program = """
import sys, time
from firstlight.app.lake import Lake
from firstlight.app.lake_limits import LakeLimits
from firstlight.store.policy import Policy
from tests.store.lakes import day
with Lake.open(sys.argv[1], limits=LakeLimits(rotate_bytes=20_000), policy=Policy({"spans": 1.0})) as lake:
    for number in range(10):
        lake.append([day(number, first=100)])
        time.sleep(0.2)
    print(lake.stats()["seal_failures"])
"""
    other = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with Lake.open(tmp_path, limits=limits, policy=policy) as lake:
        for number in range(10):
            lake.append([day(number)])
            time.sleep(0.2)
        told, _ = other.communicate(timeout=60)
        lake.compact()
        lake.retain(policy, time.time_ns())
        assert lake.stats()["seal_failures"] == 0
    assert (other.returncode, told.strip()) == (0, "0")
    upkeep.compact(tmp_path)
    upkeep.retain(tmp_path, policy, time.time_ns())
    assert ask(tmp_path, "SELECT count(*) FROM events WHERE service = 'shop'") == [(20 * ROWS,)]
    assert counts(tmp_path)["samples"] == 40 * ROWS
    assert counts(tmp_path)["spans"] == 0
    assert verify(Layout(tmp_path)).problems == []
