import errno
import gzip
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import zstandard

from firstlight.errors import StorageFull, Unavailable, UsageError
from firstlight.export import compress, files
from firstlight.export.files import FilePolicy, RotatingFile
from firstlight.testing import FakeClock


def rotating(directory: Path, clock: FakeClock | None = None, header: bytes = b"", **policy: object) -> RotatingFile:
    return RotatingFile(directory, "events", ".jsonl", FilePolicy(**policy), header, clock or time.time_ns)


def contents(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(directory.iterdir())]


def test_rows_are_there_at_once_under_a_name_with_time_and_process(tmp_path: Path) -> None:
    clock = FakeClock(1_758_277_815_123_456_789)
    file = rotating(tmp_path / "a" / "json", clock)
    file.append(b"one\n")
    (path,) = (tmp_path / "a" / "json").iterdir()
    assert path.name == f"events-20250919T103015.123456Z-{os.getpid()}.jsonl"
    assert path.read_bytes() == b"one\n"
    file.append(b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"
    file.close()
    file.close()


def test_a_file_that_would_grow_too_long_is_finished_first(tmp_path: Path) -> None:
    file = rotating(tmp_path, rotate_bytes=8, header=b"h\n")
    for rows in (b"aaa\n", b"bb", b"cc\n", b"much too long\n", b"d\n"):
        file.append(rows)
    file.close()
    assert contents(tmp_path) == [b"h\naaa\nbb", b"h\ncc\n", b"h\nmuch too long\n", b"h\nd\n"]


def test_an_old_file_is_finished(tmp_path: Path) -> None:
    clock = FakeClock()
    file = rotating(tmp_path, clock, rotate_interval_s=3600.0)
    for step_s in (3599.0, 1.0, 5.0):
        file.append(b"x")
        clock.advance(step_s)
    file.close()
    assert contents(tmp_path) == [b"xx", b"x"]


def test_two_writers_of_one_process_have_two_files(tmp_path: Path) -> None:
    clock = FakeClock()
    first, second = rotating(tmp_path, clock), rotating(tmp_path, clock)
    first.append(b"1")
    second.append(b"2")
    assert sorted(contents(tmp_path)) == [b"1", b"2"]
    first.close()
    second.close()


@pytest.mark.parametrize(("compression", "suffix"), [("gzip", ".gz"), ("zstd", ".zst")])
def test_finished_files_are_packed_and_renamed(tmp_path: Path, compression: str, suffix: str) -> None:
    file = rotating(tmp_path, compression=compression, rotate_bytes=300_000)
    rows = [bytes([65 + number]) * 200_000 for number in range(3)]
    for row in rows:
        file.append(row)
    file.close()
    paths = sorted(tmp_path.iterdir())
    assert [path.suffix for path in paths] == [suffix] * 3
    unpack = gzip.decompress if suffix == ".gz" else lambda data: zstandard.open(io.BytesIO(data)).read()
    assert [unpack(path.read_bytes()) for path in paths] == rows


def test_without_zstd_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(compress, "import_module", missing)
    with pytest.raises(UsageError, match="pip install zstandard"):
        rotating(tmp_path, compression="zstd")


def test_what_cannot_be_packed_stays_plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(compress, "_open_gzip", full)
    file = rotating(tmp_path, compression="gzip")
    file.append(b"rows")
    file.close()
    assert contents(tmp_path) == [b"rows"]


def test_the_newest_finished_files_are_kept(tmp_path: Path) -> None:
    clock = FakeClock()
    file = rotating(tmp_path, clock, rotate_bytes=1, keep_files=2)
    for number in range(6):
        file.append(b"%d" % number)
        clock.advance(1.0)
    assert contents(tmp_path) == [b"3", b"4", b"5"], "two finished ones and the present one"
    file.close()


def test_old_files_go_and_those_of_others_stay(tmp_path: Path) -> None:
    strange = tmp_path / "events.txt"
    strange.write_bytes(b"mine")
    old = tmp_path / "events-20200101T000000.000000Z-1.jsonl.gz"
    half = tmp_path / "events-20200101T000000.000000Z-2.jsonl.gz.tmp"
    for path in (old, half, strange):
        path.write_bytes(b"x")
        os.utime(path, (0, 0))
    other = rotating(tmp_path)
    other.append(b"still written")
    for path in tmp_path.glob(f"*-{os.getpid()}.jsonl"):
        os.utime(path, (0, 0))
    file = rotating(tmp_path, keep_s=60.0)
    file.append(b"new")
    assert sorted(contents(tmp_path)) == [b"new", b"still written", b"x"]
    assert strange.exists()
    other.close()
    file.close()


def test_a_full_disk_leaves_no_half_row(tmp_path: Path) -> None:
    program = """
import pathlib, resource, signal, sys
from firstlight.errors import StorageFull
from firstlight.export.files import FilePolicy, RotatingFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
file = RotatingFile(sys.argv[1], "events", ".jsonl", FilePolicy())
file.append(b"123456\\n")
try:
    file.append(b"abcdef\\n")
except StorageFull as full:
    print(full)
(path,) = pathlib.Path(sys.argv[1]).iterdir()
print(path.read_text(), end="")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
file.append(b"ABCDEF\\n")
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, text=True)
    refused, left = done.stdout.splitlines()
    assert "free some" in refused
    assert left == "123456"
    assert contents(tmp_path) == [b"123456\nABCDEF\n"]


def test_other_troubles_are_worth_another_try(tmp_path: Path) -> None:
    blocked = tmp_path / "json"
    blocked.write_bytes(b"a file where the folder should be")
    file = rotating(blocked)
    with pytest.raises(Unavailable, match="cannot write in") as raised:
        file.append(b"row")
    assert not isinstance(raised.value, StorageFull)
    blocked.unlink()
    file.append(b"row")
    assert contents(blocked) == [b"row"]
    file.close()


def test_a_file_taken_away_is_begun_anew(tmp_path: Path) -> None:
    file = rotating(tmp_path)
    file.append(b"one")
    next(tmp_path.iterdir()).unlink()
    file.append(b"two")
    assert contents(tmp_path) == [b"two"]
    file.close()


@pytest.mark.parametrize("sync", ["always", "close", "never"])
def test_rows_are_synced_as_the_policy_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sync: str) -> None:
    synced: list[int] = []
    monkeypatch.setattr(files.os, "fdatasync", synced.append)
    file = rotating(tmp_path, sync=sync)
    file.append(b"1")
    file.append(b"2")
    before_close = len(synced)
    file.close()
    assert (before_close, len(synced)) == {"always": (2, 3), "close": (0, 1), "never": (0, 0)}[sync]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_a_file_of_its_own(tmp_path: Path) -> None:
    file = rotating(tmp_path, compression="gzip")
    file.append(b"parent\n")
    child = os.fork()
    if child == 0:
        try:
            file.append(b"child\n")
            file.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    file.append(b"parent\n")
    file.close()
    packed = {path.name.split("-")[2].split(".")[0]: gzip.decompress(path.read_bytes()) for path in tmp_path.iterdir()}
    assert packed == {str(os.getpid()): b"parent\nparent\n", str(child): b"child\n"}


def test_a_killed_process_leaves_what_it_reported(tmp_path: Path) -> None:
    program = """
import sys
from firstlight.export.files import FilePolicy, RotatingFile
file = RotatingFile(sys.argv[1], "events", ".jsonl", FilePolicy(compression="gzip"))
number = 0
while True:
    file.append(b"%d\\n" % number)
    print(number, flush=True)
    number += 1
"""
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(100):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        reported = 100 + len(process.stdout.readlines())
    (found,) = contents(tmp_path)
    assert len(found.splitlines()) >= reported - 1
    assert found == b"".join(b"%d\n" % number for number in range(len(found.splitlines())))


@pytest.mark.parametrize("wrong", [{"rotate_bytes": -1}, {"keep_s": -0.5}, {"compression": "rar"}, {"sync": "maybe"}])
def test_a_policy_without_sense_is_refused(wrong: dict) -> None:
    with pytest.raises(UsageError, match="file policy"):
        FilePolicy(**wrong)
