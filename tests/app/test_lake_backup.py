import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from firstlight.app import lake_backup
from firstlight.app.backup_files import read_sums
from firstlight.app.lake import Lake
from firstlight.app.lake_backup import back_up
from firstlight.app.lake_limits import LakeLimits
from firstlight.app.lake_restore import restore
from firstlight.errors import CorruptSegment, StorageError, Unavailable, UsageError
from firstlight.store.layout import FileLock, Layout
from firstlight.store.maintain import maintain
from tests.app import carried

PYTHON = [sys.executable, "-c"]
INGEST = """
import sys
import tempfile
from firstlight.app.lake import Lake
from firstlight.app.lake_limits import LakeLimits
from firstlight.model import Batch, Event, Resource
with Lake.open(sys.argv[1], limits=LakeLimits(rotate_bytes=20_000)) as lake:
    number = 0
    while True:
        batch = Batch(Resource("ingest"))
        batch.events = [Event(10**18 + number, f"{number}") for number in range(number, number + 10)]
        lake.append([batch])
        number += 10
        print(number, flush=True)
"""
COUNT = "SELECT count(*), count(DISTINCT name), coalesce(max(name::BIGINT), -1) FROM events WHERE service = 'ingest'"


def counted(directory: Path) -> tuple[int, ...]:
    with Lake.open(directory, maintain=False) as lake:
        return lake.sql(COUNT).rows[0]


def sealed(directory: Path) -> Path:
    carried.make(directory, sealed=True)
    assert maintain(Layout(directory), lambda done: None)
    return directory


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_each_row_acknowledged_before_a_backup_under_ingest_is_restored_once(tmp_path: Path) -> None:
    lake, backup = tmp_path / "lake", tmp_path / "backup"
    ingest = subprocess.Popen([*PYTHON, INGEST, str(lake)], stdout=subprocess.PIPE, text=True)
    assert ingest.stdout is not None
    acknowledged = [0]

    def listen() -> None:
        for line in ingest.stdout:
            acknowledged[0] = int(line)

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        seen: set[str] = set()
        for number in range(40):
            while acknowledged[0] < 2_000 * (number + 1):
                assert ingest.poll() is None
                time.sleep(0.005)
            before = acknowledged[0]
            report = back_up(lake, backup, link=number % 2 == 0)
            seen |= {name for name, count in vars(report).items() if count}
            restored = tmp_path / f"restored-{number}"
            restore(backup, restored)
            rows, distinct, newest = counted(restored)
            assert rows == distinct == newest + 1 >= before
            if number > 2 and report.segments > report.new_segments > 0 and "linked" in seen:
                break
        assert seen >= {"logs", "segments", "new_segments", "linked"}
    finally:
        ingest.send_signal(signal.SIGKILL)
        listener.join()
        ingest.wait()
        ingest.stdout.close()


def test_a_restored_lake_has_every_row_bit_for_bit_and_can_be_written(tmp_path: Path) -> None:
    lake = carried.make(tmp_path / "lake", sealed=True)
    report = back_up(lake, tmp_path / "backup")
    assert report.linked == report.new_segments == report.segments > 0
    assert report.logs == 1
    done = restore(tmp_path / "backup", tmp_path / "other")
    assert done.files == report.segments + report.logs + 1
    shutil.rmtree(lake)  # nothing of the other is the first one's
    assert carried.rows(tmp_path / "other") != {}
    with Lake.open(tmp_path / "other", maintain=False) as again:
        again.append(carried.batches()[:1])
    assert maintain(Layout(tmp_path / "other"), lambda done: None)
    assert len(carried.rows(tmp_path / "other")["events"]) == 600
    with sqlite3.connect(tmp_path / "other" / "catalog.sqlite") as catalog:
        assert catalog.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    catalog.close()


def test_rows_are_the_same_before_and_after(tmp_path: Path) -> None:
    lake = carried.make(tmp_path / "lake", sealed=True)
    back_up(lake, tmp_path / "backup", link=False)
    restore(tmp_path / "backup", tmp_path / "other")
    assert carried.rows(tmp_path / "other") == carried.rows(lake)


def test_a_second_backup_brings_what_is_new_and_drops_what_is_gone(tmp_path: Path) -> None:
    lake, backup = sealed(tmp_path / "lake"), tmp_path / "backup"
    first = back_up(lake, backup, link=False)
    inodes = {path.name: path.stat().st_ino for path in (backup / "segments").rglob("*.parquet")}
    with Lake.open(lake, maintain=False) as more:
        more.append(carried.batches()[:1])
    assert maintain(Layout(lake), lambda done: None)
    second = back_up(lake, backup, link=False)
    kept = {path.name: path.stat().st_ino for path in (backup / "segments").rglob("*.parquet")}
    assert (first.new_segments, second.new_segments) == (first.segments, second.segments - first.segments)
    assert {name: kept[name] for name in inodes} == inodes
    assert [path.name for path in backup.iterdir() if (path / "SHA256SUMS").exists()] == [Path(second.generation).name]
    from firstlight.store.maintain import Maintenance

    Maintenance(Layout(lake), lambda done: None).compact_all()
    third = back_up(lake, backup)
    assert third.removed > 0
    assert third.segments < second.segments
    restore(backup, tmp_path / "other")
    assert carried.rows(tmp_path / "other") == carried.rows(lake)


def test_the_index_beside_a_segment_goes_along(tmp_path: Path) -> None:
    lake = sealed(tmp_path / "lake")
    segment = next((lake / "data" / "main" / "events").glob("*.parquet"))
    segment.with_suffix(".idx").write_bytes(b"index")
    back_up(lake, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "other")
    other = tmp_path / "other" / "data" / "main" / "events" / segment.name
    assert other.with_suffix(".idx").read_bytes() == b"index"


def test_every_byte_is_checked_and_a_failed_restore_leaves_nothing(tmp_path: Path) -> None:
    lake, backup = carried.make(tmp_path / "lake", sealed=True), tmp_path / "backup"
    generation = Path(back_up(lake, backup, link=False).generation)
    names = read_sums(generation)
    assert len(names) == len(files(backup)) - 3  # the marker, CURRENT and the checksums themselves
    for name in names:
        path = generation / name
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(CorruptSegment, match=path.name):
            restore(backup, tmp_path / "other")
        path.unlink()
        with pytest.raises(CorruptSegment, match=f"{path.name} is missing"):
            restore(backup, tmp_path / "other")
        path.write_bytes(content)
    assert list((tmp_path / "other").iterdir()) == []
    restore(backup, tmp_path / "other")


def test_checksums_are_those_of_the_usual_tool(tmp_path: Path) -> None:
    generation = back_up(carried.make(tmp_path / "lake", sealed=True), tmp_path / "backup").generation
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=generation, check=True)


def test_a_restore_wants_an_empty_directory_and_a_backup_one_of_its_own(tmp_path: Path) -> None:
    lake = carried.make(tmp_path / "lake", sealed=False)
    back_up(lake, tmp_path / "backup")
    with pytest.raises(UsageError, match="not empty"):
        restore(tmp_path / "backup", lake)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("dear")
    with pytest.raises(UsageError, match="no backup"):
        back_up(lake, tmp_path / "mine")
    assert files(tmp_path / "mine") == {"notes.txt"}
    for inside in (lake, lake / "data" / "backup"):
        with pytest.raises(UsageError, match="in the lake itself"):
            back_up(lake, inside)
    with pytest.raises(StorageError, match="no whole backup"):
        restore(tmp_path / "mine", tmp_path / "other")
    with pytest.raises(StorageError, match="no lake"):
        back_up(tmp_path / "mine", tmp_path / "backup-2")


def test_a_backup_that_breaks_off_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, backup = sealed(tmp_path / "lake"), tmp_path / "backup"
    back_up(lake, backup)
    before = files(backup)

    def fail(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(lake_backup, "write_sums", fail)
        with pytest.raises(Unavailable, match="no space left"):
            back_up(lake, backup)
    assert files(backup) == before
    restore(backup, tmp_path / "other")
    assert carried.rows(tmp_path / "other") == carried.rows(lake)


def test_a_segment_that_is_swept_meanwhile_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, backup = sealed(tmp_path / "lake"), tmp_path / "backup"
    real, vanished = lake_backup._snapshot_of, []

    def late(generation: Path, layout: Layout):
        found = real(generation, layout)
        if not vanished:  # compacted and swept between the catalog's copy and ours
            from firstlight.store.maintain import Maintenance
            from firstlight.store.sweep import sweep

            with Lake.open(lake, maintain=False) as more:
                more.append(carried.batches()[:1])
            assert maintain(Layout(lake), lambda done: None)
            Maintenance(Layout(lake), lambda done: None).compact_all()
            vanished.append(sweep(Layout(lake), 0.0).files)
        return found

    monkeypatch.setattr(lake_backup, "_snapshot_of", late)
    back_up(lake, backup)
    assert vanished[0] > 0
    restore(backup, tmp_path / "other")
    assert carried.rows(tmp_path / "other") == carried.rows(lake)


def test_one_backup_at_a_time(tmp_path: Path) -> None:
    lake, backup = carried.make(tmp_path / "lake", sealed=False), tmp_path / "backup"
    back_up(lake, backup)
    lock = FileLock(backup / "firstlight-backup.lock")
    assert lock.acquire()
    with pytest.raises(Unavailable, match="another backup"):
        back_up(lake, backup)
    lock.release()


def test_a_log_that_was_sealed_and_forgotten_during_the_backup_is_not_doubled(tmp_path: Path, monkeypatch) -> None:
    lake, backup = carried.make(tmp_path / "lake", sealed=False), tmp_path / "backup"
    real, copied = lake_backup._Backup._log, []

    def log(self, generation: Path, key: tuple[str, int]):
        found = real(self, generation, key)
        if not copied:
            from firstlight.store.sweep import sweep

            assert maintain(Layout(lake), lambda done: None)
            sweep(Layout(lake), 0.0)
            with Lake.open(lake, maintain=False, limits=LakeLimits()) as more:
                more.append(carried.batches()[1:])
            assert maintain(Layout(lake), lambda done: None)
            sweep(Layout(lake), 0.0)
        copied.append(key)
        return found

    monkeypatch.setattr(lake_backup._Backup, "_log", log)
    assert back_up(lake, backup).logs == 0
    assert copied
    restore(backup, tmp_path / "other")
    assert carried.rows(tmp_path / "other") == carried.rows(lake)


def test_somebody_who_may_only_read_the_lake_can_back_it_up() -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o777)
        lake = carried.make(Path(directory, "lake"), sealed=True)
        for one in [lake, *lake.rglob("*")]:
            one.chmod(0o555 if one.is_dir() else 0o444)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                if os.geteuid() == 0:
                    os.setuid(65534)
                report = back_up(lake, Path(directory, "backup"))
                code = 0 if report.segments == report.new_segments > 0 and report.logs == 1 else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        restore(Path(directory, "backup"), Path(directory, "other"))
        assert carried.rows(Path(directory, "other")) == carried.rows(lake)
        for one in [lake, *lake.rglob("*")]:
            one.chmod(0o755)
