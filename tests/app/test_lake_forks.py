"""A lake that is open when the process forks: the child goes on with it, and ends as any program does."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import multiprocessing, os, signal, sys, threading
from firstlight.app.lake import Lake
from firstlight.app.lake_limits import LakeLimits
from firstlight.errors import StorageError
from firstlight.model import Batch, Event, Resource, Series

def write(name):
    batch = Batch(Resource("shop"))
    batch.events.append(Event(1, name))
    batch.add_sample(Series("m", (("writer", name),)), 1, 1.0)
    lake.append([batch])

def names():
    return [name for name, in lake.sql("SELECT DISTINCT name FROM events ORDER BY name").rows]

def in_child(work):
    signal.alarm(30)
    work()

def by_fork(work):
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    in_child(work)
    sys.exit()

def by_multiprocessing(work):
    child = multiprocessing.get_context("fork").Process(target=in_child, args=(work,))
    child.start()
    child.join()
    return child.exitcode

path, how = sys.argv[1:]
fork = {"fork": by_fork, "multiprocessing": by_multiprocessing}[how]
"""

NEITHER_READS_NOR_WRITES = """
with Lake.open(path) as lake:
    write("parent")
    assert names() == ["parent"]
    assert fork(bool) == 0
    assert names() == ["parent"]
"""

READS_AND_WRITES = """
def work():
    assert names() == ["parent"]
    write("child")
    assert names() == ["child", "parent"]
    assert [one.value for one in lake.last()] == [1.0, 1.0]
    assert len(lake.series()) == 2
    assert len(lake.search("child").rows) == 1
    assert lake.stats()["appends"] == 1

lake = Lake.open(path)
write("parent")
assert names() == ["parent"]
assert len(lake.search("parent").rows) == 1
assert fork(work) == 0
write("parent")
assert lake.stats()["appends"] == 2
assert lake.sql("SELECT name, count(*) FROM events GROUP BY ALL ORDER BY ALL").rows == [("child", 1), ("parent", 2)]
"""

CLOSES = """
def work():
    lake.close()
    lake.close()

lake = Lake.open(path)
write("parent")
assert names() == ["parent"]
assert fork(work) == 0
write("later")
assert names() == ["later", "parent"]
lake.close()

def ask():
    try:
        names()
    except StorageError as error:
        assert "open it again" in str(error)
    else:
        raise AssertionError

assert fork(ask) == 0
"""

ONLY_READS = """
with Lake.open(path) as lake:
    write("parent")
lake = Lake.open(path, read_only=True)
assert names() == ["parent"]

def work():
    assert names() == ["parent"]

assert fork(work) == 0
"""

WHILE_THREADS_ARE_AT_IT = """
lake = Lake.open(path)
write("parent")
over = threading.Event()

def go_on(one):
    while not over.is_set():
        one()

threads = [
    threading.Thread(target=go_on, args=(one,))
    for one in (names, lambda: write("parent"), lambda: lake.search("parent"), lake.series, lake.last)
]
for thread in threads:
    thread.start()

def work():
    assert names()[-1] == "parent"
    write("child")
    assert names() == ["child", "parent"]
    assert lake.search("child").rows

try:
    found = [fork(work) for _ in range(8)]
finally:
    over.set()
for thread in threads:
    thread.join()
assert found == [0] * 8, found
assert lake.sql("SELECT count(*) FROM events WHERE name = 'child'").rows == [(8,)]
"""

IS_MAINTAINED = """
import time
lake = Lake.open(path, limits=LakeLimits(rotate_s=0.1))

def work():
    assert lake.stats()["seal_runs"] == 0
    while not lake.stats()["seal_runs"]:  # one log more each time: the parent's process may take some of them
        write("child")
        time.sleep(0.05)

write("parent")
assert fork(work) == 0
"""


@pytest.mark.parametrize("how", ["fork", "multiprocessing"])
@pytest.mark.parametrize(
    "body",
    [NEITHER_READS_NOR_WRITES, READS_AND_WRITES, CLOSES, ONLY_READS, WHILE_THREADS_ARE_AT_IT, IS_MAINTAINED],
    ids=["rests", "reads and writes", "closes", "only reads", "threads", "maintained"],
)
def test_a_forked_child_goes_on_and_ends(tmp_path: Path, how: str, body: str) -> None:
    command = [sys.executable, "-c", PROGRAM + body, str(tmp_path / "lake"), how]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
