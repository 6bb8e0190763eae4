import multiprocessing
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from firstlight.errors import StorageError, StorageFull
from firstlight.model import Batch, Event, Kind, Resource, Series
from firstlight.store.frame import rows_of, series_of, unpack
from firstlight.store.layout import FileLock, Layout
from firstlight.store.wal import MAGIC, WalWriter, read_frames

SERIES = Series("requests_total", (("path", "/"),), service="shop", kind=Kind.COUNTER)
STALE_NAN_BITS = 0x7FF0000000000002


def events(*names: str) -> Batch:
    batch = Batch(Resource("shop", "s1", "host1", 7, {"region": "eu"}))
    batch.events = [Event(index, name, attributes={"n": index}) for index, name in enumerate(names)]
    return batch


def samples(*values: float) -> Batch:
    batch = Batch(Resource("shop"))
    for index, value in enumerate(values):
        batch.add_sample(SERIES, index, value)
    return batch


def names_in(path: Path) -> list[str]:
    frames, *_ = read_frames(path)
    return [e.name for f in frames for _, found, _, _ in rows_of(unpack(f.payload).rows) for e in found]


def the_file(wal: WalWriter) -> Path:
    return wal.layout.wal_path(wal.name, wal.sequence)


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    wal = WalWriter(Layout(tmp_path))
    wal.append([events("a", "b")], b"delivery-1")
    wal.append([events("c"), samples(1.5, -0.0)])
    frames, end, rest, damaged = read_frames(the_file(wal))
    wal.close()

    assert [f.batch_id for f in frames] == [b"delivery-1".ljust(16, b"\0"), bytes(16)]
    assert names_in(the_file(wal)) == ["a", "b", "c"]
    assert series_of(unpack(frames[1].payload)) == [(SERIES.id(), SERIES)]
    assert bytes(unpack(frames[1].payload).values) == b"\0\0\0\0\0\0\xf8\x3f\0\0\0\0\0\0\0\x80"
    assert (end, rest, damaged) == (the_file(wal).stat().st_size, 0, False)


def test_a_stale_marker_keeps_its_bits(tmp_path: Path) -> None:
    wal = WalWriter(Layout(tmp_path))
    batch = samples()
    batch.series[SERIES.id()] = SERIES
    batch.samples.series_ids.append(SERIES.id())
    batch.samples.times_ns.append(1)
    batch.samples.values.frombytes(STALE_NAN_BITS.to_bytes(8, "little"))
    wal.append([batch])
    wal.close()
    frames, *_ = read_frames(the_file(wal))
    assert int.from_bytes(unpack(frames[0].payload).values, "little") == STALE_NAN_BITS


def test_a_log_cut_at_any_byte_of_its_last_frame_keeps_all_others_whole(tmp_path: Path) -> None:
    wal = WalWriter(Layout(tmp_path))
    wal.append([events("kept", "too")])
    before = the_file(wal).stat().st_size
    wal.append([events("last"), samples(1.0, 2.0)])
    wal.close()
    whole = the_file(wal).read_bytes()
    cut = tmp_path / "cut.wal"
    for length in range(before, len(whole)):
        cut.write_bytes(whole[:length])
        frames, end, rest, damaged = read_frames(cut)
        assert (len(frames), end, rest, damaged) == (1, before, length - before, False)
        assert names_in(cut) == ["kept", "too"]


def test_a_cut_header_is_an_empty_log(tmp_path: Path) -> None:
    for length in range(len(MAGIC)):
        (tmp_path / "x.wal").write_bytes(MAGIC[:length])
        assert read_frames(tmp_path / "x.wal")[0] == []


def test_a_flipped_byte_in_the_middle_is_damage(tmp_path: Path) -> None:
    wal = WalWriter(Layout(tmp_path))
    for name in ("a", "b", "c"):
        wal.append([events(name)])
    wal.close()
    data = bytearray(the_file(wal).read_bytes())
    data[len(data) // 2] ^= 1
    the_file(wal).write_bytes(data)
    _, _, rest, damaged = read_frames(the_file(wal))
    assert damaged
    assert rest


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.wal").write_bytes(b"not a log, sorry")
    with pytest.raises(StorageError, match="not a log file"):
        read_frames(tmp_path / "x.wal")


def test_each_file_defines_its_own_series(tmp_path: Path) -> None:
    wal = WalWriter(Layout(tmp_path), rotate_bytes=1)
    for _ in range(3):
        wal.append([samples(1.0)])
    wal.close()
    assert wal.sequence == 3
    for sequence in (1, 2, 3):
        frames, *_ = read_frames(wal.layout.wal_path(wal.name, sequence))
        assert [series_of(unpack(f.payload)) for f in frames] == [[(SERIES.id(), SERIES)]]


def test_a_series_is_defined_once_per_file(tmp_path: Path) -> None:
    wal = WalWriter(Layout(tmp_path))
    wal.append([samples(1.0)])
    wal.append([samples(2.0)])
    wal.close()
    frames, *_ = read_frames(the_file(wal))
    assert [len(series_of(unpack(f.payload))) for f in frames] == [1, 0]


def test_many_threads_share_syncs_and_lose_nothing(tmp_path: Path) -> None:
    wal = WalWriter(Layout(tmp_path), rotate_bytes=20_000)
    threads = [
        threading.Thread(target=lambda t=t: [wal.append([events(f"{t}-{i}")]) for i in range(100)]) for t in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wal.close()
    found = [n for s in wal.layout.wal_files(wal.name) for n in names_in(wal.layout.wal_path(wal.name, s))]
    assert sorted(found) == sorted(f"{t}-{i}" for t in range(8) for i in range(100))
    assert wal.syncs <= wal.frames


@pytest.mark.parametrize("durability", ["interval", "never"])
def test_other_policies_write_before_they_return(tmp_path: Path, durability: str) -> None:
    wal = WalWriter(Layout(tmp_path), durability=durability)
    wal.append([events("a")])
    assert names_in(the_file(wal)) == ["a"]
    wal.close()


def test_a_value_that_is_no_plain_data_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    wal = WalWriter(Layout(tmp_path))
    bad = events("x")
    bad.events[0].attributes["o"] = object()
    with pytest.raises(StorageError, match="cannot store"):
        wal.append([bad])
    wal.append([events("fine")])
    wal.close()
    assert names_in(the_file(wal)) == ["fine"]


def test_a_closed_log_says_so(tmp_path: Path) -> None:
    wal = WalWriter(Layout(tmp_path))
    wal.close()
    wal.close()
    with pytest.raises(StorageError, match="closed"):
        wal.append([events("late")])


def _record_in_child(wal: WalWriter) -> None:
    wal.append([events("child")])
    wal.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_writes_a_log_of_its_own(tmp_path: Path) -> None:
    wal = WalWriter(Layout(tmp_path))
    wal.append([events("before")])
    child = multiprocessing.get_context("fork").Process(target=_record_in_child, args=(wal,))
    child.start()
    child.join()
    wal.append([events("after")])
    wal.close()
    assert names_in(the_file(wal)) == ["before", "after"]
    (other,) = set(wal.layout.writers()) - {wal.name}
    assert names_in(wal.layout.wal_path(other, 1)) == ["child"]


def test_a_fork_does_not_keep_the_parents_lock_alive(tmp_path: Path) -> None:
    wal = WalWriter(Layout(tmp_path))
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write_end, b"up")
        signal.pause()
    try:
        assert os.read(read_end, 2) == b"up"
        wal.close()
        lock = FileLock(wal.layout.wal / wal.name / "lock")
        assert lock.acquire()
        lock.release()
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(read_end)
        os.close(write_end)


def test_no_permission_is_said_with_the_way_out() -> None:
    with tempfile.TemporaryDirectory() as directory:
        closed = Path(directory, "closed")
        closed.mkdir(mode=0o555)
        Path(directory).chmod(0o755)
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            if os.geteuid() == 0:
                os.setuid(65534)
            try:
                WalWriter(Layout(closed))
            except StorageError as error:
                os.write(write_end, str(error).encode())
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end) as said:
            message = said.read()
        os.waitpid(pid, 0)
    assert message == f"no permission to use {closed}; choose another directory with --data DIR"


@pytest.fixture
def small_disk(tmp_path: Path):
    """A real file system of 256 KiB."""
    target = tmp_path / "small"
    target.mkdir()
    if (
        not shutil.which("mount")
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(target)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("mounting a small file system needs root")
    yield target
    subprocess.run(["umount", "-l", str(target)], check=True)


def kept_until_full(wal: WalWriter, batch: Batch) -> int:
    """Append until the disk refuses; return how often it did not."""
    kept = 0

    def fill() -> None:
        nonlocal kept
        for _ in range(10_000):
            wal.append([batch])
            kept += 1

    with pytest.raises(StorageFull, match="no space left"):
        fill()
    return kept


def test_a_full_disk_refuses_whole_batches_and_recovers(small_disk: Path) -> None:
    wal = WalWriter(Layout(small_disk))
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(100_000))
    kept = kept_until_full(wal, events(*["x" * 100] * 10))
    assert len(names_in(the_file(wal))) == kept * 10
    ballast.unlink()
    wal.append([events("again")])
    wal.close()
    assert names_in(the_file(wal)) == ["x" * 100] * (kept * 10) + ["again"]


def test_a_disk_that_is_full_when_a_new_file_is_due_recovers_too(small_disk: Path) -> None:
    wal = WalWriter(Layout(small_disk), rotate_bytes=3000)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(100_000))
    kept = sum(kept_until_full(wal, events("x" * 100)) for _ in range(3))
    ballast.unlink()
    wal.append([events("again")])
    wal.close()
    found = [n for s in wal.layout.wal_files(wal.name) for n in names_in(wal.layout.wal_path(wal.name, s))]
    assert found == ["x" * 100] * kept + ["again"]
