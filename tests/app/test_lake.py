import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from firstlight.app.lake import Lake
from firstlight.app.lake_limits import LakeLimits
from firstlight.errors import Overloaded, StorageError
from firstlight.model import Batch, Event, Resource, Series
from firstlight.store import backlog

PYTHON = [sys.executable, "-c"]
RECORD = """
import sys
import tempfile
from firstlight.model import Batch, Event, Resource
from firstlight.store.sink import LakeExporter
exporter = LakeExporter(sys.argv[1])
for n in range(int(sys.argv[2])):
    batch = Batch(Resource("other"))
    batch.events.append(Event(n, f"other-{n}"))
    exporter.export(batch)
    print(n, flush=True)
exporter.close()
assert not {"numpy", "duckdb", "pyarrow"} & set(sys.modules)
"""
COUNT = """
import sys
import tempfile
from firstlight.app.lake import Lake
with Lake.open(sys.argv[1], read_only=True) as lake:
    print(lake.sql("SELECT count(*) FROM events").rows[0][0])
"""


def event(name: str, service: str = "shop") -> Batch:
    batch = Batch(Resource(service))
    batch.events.append(Event(time.time_ns(), name))
    return batch


def names(lake: Lake) -> list[str]:
    return [row[0] for row in lake.sql("SELECT name FROM events ORDER BY name").rows]


def test_a_second_process_records_and_a_third_reads_while_the_first_is_open(tmp_path: Path) -> None:
    with Lake.open(tmp_path) as lake:
        lake.append([event("mine")])
        subprocess.run([*PYTHON, RECORD, str(tmp_path), "5"], check=True, capture_output=True, timeout=60)
        counted = subprocess.run([*PYTHON, COUNT, str(tmp_path)], check=True, capture_output=True, timeout=60)
        assert counted.stdout == b"6\n"
        assert names(lake) == ["mine", *(f"other-{n}" for n in range(5))]


def test_killed_writers_lose_no_acknowledged_row_and_double_none(tmp_path: Path) -> None:
    acknowledged = []
    for _ in range(5):
        writer = subprocess.Popen([*PYTHON, RECORD, str(tmp_path), "100000"], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(20)]
        writer.kill()
        lines += writer.stdout.read().splitlines(keepends=True)
        writer.wait()
        writer.stdout.close()
        acknowledged.append(sum(line.endswith("\n") for line in lines))
    with Lake.open(tmp_path) as lake:
        kept = lake.sql("SELECT session_id, name, count(*) FROM events GROUP BY ALL").rows
        written = lake.sql("SELECT count(*) FROM events").rows[0][0]
    # The five writers use the same names: each name is there as often as writers acknowledged it, or once more where
    # a writer died between the write and its word.
    expected = {n: sum(n < count for count in acknowledged) for n in range(max(acknowledged) + 1)}
    for _, name, count in kept:
        n = int(name.removeprefix("other-"))
        assert expected.get(n, 0) <= count <= sum(n <= top for top in acknowledged)
    assert sum(acknowledged) <= written <= sum(acknowledged) + len(acknowledged)


def test_reading_never_waits_for_writing_and_sees_each_row_once(tmp_path: Path) -> None:
    with Lake.open(tmp_path, limits=LakeLimits(rotate_bytes=5000)) as lake:
        written = 0
        wrong: list[tuple[int, int, int]] = []
        done = threading.Event()

        def look() -> None:
            with Lake.open(tmp_path, read_only=True) as reader:
                while not done.is_set():
                    before = written
                    seen = reader.sql("SELECT count(*) FROM events").rows[0][0]
                    if not before <= seen <= written + 1:
                        wrong.append((before, seen, written))

        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 60
        try:
            while written < 400 or not lake.stats()["sealed_rows"]["events"]:
                lake.append([event(f"e{written}")])
                written += 1
                time.sleep(0.005)
                assert time.monotonic() < end, "nothing was sealed"
        finally:
            done.set()
            for thread in threads:
                thread.join()
        assert wrong == []


def test_a_window_has_hot_and_sealed_samples_of_the_wanted_series(tmp_path: Path) -> None:
    zero = Series("cpu", (("core", "0"),), service="host")
    one = Series("cpu", (("core", "1"),), service="host")
    with Lake.open(tmp_path, limits=LakeLimits(rotate_bytes=1)) as lake:
        for n in range(10):
            batch = Batch(Resource("host"))
            batch.add_sample(zero, 1_000_000_007 * n, n / 2)
            batch.add_sample(one, 1_000_000_007 * n, float("nan"))
            lake.append([batch])
        end = time.monotonic() + 30
        while lake.stats()["sealed_rows"]["samples"] < 10:
            assert time.monotonic() < end
            time.sleep(0.05)
        ((series, times, values),) = lake.window("cpu", 1_000_000_007, 9 * 1_000_000_007, {"core": "0"})
        assert series == zero
        assert times == [1_000_000_007 * n for n in range(1, 9)]
        assert values == [n / 2 for n in range(1, 9)]
        assert len(lake.window("cpu", 0, 10**12)) == 2
        assert lake.window("cpu", 0, 10**12, {"core": "2"}) == []
        assert lake.window("mem", 0, 10**12) == []


def test_a_lake_open_for_reading_refuses_to_write(tmp_path: Path) -> None:
    Lake.open(tmp_path).close()
    with Lake.open(tmp_path, read_only=True) as lake, pytest.raises(StorageError, match="reading only"):
        lake.append([event("x")])


def test_a_missing_lake_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no lake"):
        Lake.open(tmp_path / "nowhere", read_only=True)
    assert not (tmp_path / "nowhere").exists()


def test_appending_is_refused_while_sealing_is_far_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "MOST_BYTES", 100)
    monkeypatch.setattr(backlog, "LOOK_EVERY_S", 0.0)
    with Lake.open(tmp_path, maintain=False) as lake:
        lake.append([event("x" * 200)])
        with pytest.raises(Overloaded):
            lake.append([event("y")])
        assert names(lake) == ["x" * 200]


def test_two_processes_make_the_same_lake_at_the_same_time(tmp_path: Path) -> None:
    make = "import sys\nfrom firstlight.app.lake import Lake\nLake.open(sys.argv[1]).close()"
    makers = [subprocess.Popen([*PYTHON, make, str(tmp_path)], stderr=subprocess.PIPE) for _ in range(4)]
    assert [(m.communicate(timeout=60)[1], m.returncode) for m in makers] == [(b"", 0)] * 4
    with Lake.open(tmp_path) as lake:
        assert lake.sql("SELECT count(*) FROM events").rows == [(0,)]


def test_a_lake_that_may_not_be_written_is_read_all_the_same() -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        path = Path(directory, "lake")
        with Lake.open(path, maintain=False) as lake:
            lake.append([event("kept")])
        for one in [path, *path.rglob("*")]:
            one.chmod(0o555 if one.is_dir() else 0o444)
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            if os.geteuid() == 0:
                os.setuid(65534)
            with Lake.open(path, read_only=True) as lake:
                os.write(write_end, ",".join(names(lake)).encode())
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end) as said:
            assert said.read() == "kept"
        os.waitpid(pid, 0)
        for one in [path, *path.rglob("*")]:
            one.chmod(0o755)


WRITE = """
import sys
from firstlight.app.lake import Lake
from firstlight.model import Batch, Event, Resource, Series
with Lake.open(sys.argv[1], maintain=False) as lake:
    for n in range(3):
        batch = Batch(Resource("other"))
        batch.events.append(Event(n, "other"))
        batch.add_sample(Series("depth"), n, 1.0)
        lake.append([batch])
    assert not {"duckdb", "pandas"} & set(sys.modules)
    assert lake.sql("SELECT count(*) FROM metrics").rows == [(3,)]
"""


def test_who_only_writes_loads_neither_pandas_nor_duckdb(tmp_path: Path) -> None:
    pytest.importorskip("pandas")  # what Arrow would load
    subprocess.run([*PYTHON, WRITE, str(tmp_path)], check=True, timeout=60)
