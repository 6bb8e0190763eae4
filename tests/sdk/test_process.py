"""What happens when a real process starts, forks and ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PRELUDE = """
import json, os, sys, threading
from firstlight.model import Resource
from firstlight.sdk.client import Delivery, Limits, Telemetry

class Lines:
    def __init__(self, path): self.path = path
    def export(self, batch):
        rows = [["event", e.name, e.attributes] for e in batch.events] + [["span", s.name, {}] for s in batch.spans]
        values = zip(batch.samples.series_ids, batch.samples.values)
        rows += [["sample", batch.series[id].name, value] for id, value in values]
        with open(self.path, "a") as file:
            for row in rows: file.write(json.dumps([batch.resource.pid, batch.resource.session_id, *row]) + "\\n")
    def close(self): pass

path = sys.argv[1]
delivery = Delivery(lambda _: Lines(path), lambda: Resource("t", os.urandom(4).hex(), "h", os.getpid()))
telemetry = Telemetry(delivery, Limits(exit_s=20.0))
telemetry.deliver(delivery)
log = telemetry.scope("a")
count = telemetry.counter("count_total")
"""


def run(program: str, path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *options, "-c", PRELUDE + program, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert not done.stderr, done.stderr
    return done


def rows(path: Path, kind: str, name: str = "") -> list[list[Any]]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [row for row in found if row[2] == kind and (not name or row[3] == name)]


def test_the_end_of_the_process_delivers_everything_exactly_once(tmp_path: Path) -> None:
    path = tmp_path / "out"
    run(
        """
def work():
    for n in range(1000): log.info("step", n=n); count.inc()
threads = [threading.Thread(target=work) for _ in range(2)]
[t.start() for t in threads]
work()
with log.span("last"): pass
""",
        path,
    )
    assert sorted(row[4]["n"] for row in rows(path, "event")) == sorted(list(range(1000)) * 3)
    assert len(rows(path, "span")) == 1
    assert rows(path, "sample", "count_total")[-1][4] == 3000


@pytest.mark.parametrize("ending", ["sys.exit(0)", "import atexit; atexit.register(lambda: log.info('at exit'))"])
def test_records_of_the_last_moment_are_delivered(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "out"
    run(f"log.info('one')\n{ending}", path)
    names = [row[3] for row in rows(path, "event")]
    assert names == (["one", "at exit"] if "atexit" in ending else ["one"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_child_delivers_its_own_records_and_none_of_the_parents(tmp_path: Path) -> None:
    path = tmp_path / "out"
    run(
        """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
for n in range(1000): log.info("parent", n=n); count.inc()
child = os.fork()
for n in range(500): log.info("child" if child == 0 else "parent", n=n); count.inc()
if child: assert os.waitpid(child, 0)[1] == 0
""",
        path,
    )
    parents, children = rows(path, "event", "parent"), rows(path, "event", "child")
    assert [row[4]["n"] for row in parents] == [*range(1000), *range(500)]
    assert [row[4]["n"] for row in children] == list(range(500))
    assert {row[0] for row in parents} != {row[0] for row in children}
    assert {row[1] for row in parents}.isdisjoint(row[1] for row in children)
    last = {row[0]: row[4] for row in rows(path, "sample", "count_total")}
    assert last == {parents[0][0]: 1500, children[0][0]: 500}


def test_forks_while_threads_record_neither_hang_nor_lose_nor_repeat(tmp_path: Path) -> None:
    path = tmp_path / "out"
    run(
        """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
def work():
    for n in range(5000): log.info("parent", n=n)
threads = [threading.Thread(target=work) for _ in range(2)]
[t.start() for t in threads]
children = []
for _ in range(10):
    child = os.fork()
    if child == 0:
        log.info("child")
        count.inc()
        telemetry.flush()
        os._exit(0)
    children.append(child)
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
[t.join() for t in threads]
""",
        path,
    )
    assert sorted(row[4]["n"] for row in rows(path, "event", "parent")) == sorted(list(range(5000)) * 2)
    assert len({row[0] for row in rows(path, "event", "child")}) == 10 == len(rows(path, "event", "child"))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_deliver_what_they_record(tmp_path: Path, method: str) -> None:
    path = tmp_path / "out"
    program = tmp_path / "program.py"
    program.write_text(
        PRELUDE
        + """
import multiprocessing, warnings
warnings.simplefilter("ignore", DeprecationWarning)
def work(number):
    for n in range(100): log.info("child", number=number, n=n)
def only_count(number):
    for n in range(10): count.inc()
if __name__ == "__main__":
    log.info("parent")
    context = multiprocessing.get_context(sys.argv[2])
    children = [context.Process(target=target, args=(n,)) for n in range(2) for target in (work, only_count)]
    [child.start() for child in children]
    [child.join() for child in children]
    assert all(child.exitcode == 0 for child in children)
"""
    )
    done = subprocess.run(
        [sys.executable, str(program), str(path), method], capture_output=True, text=True, timeout=60, check=True
    )
    assert not done.stderr, done.stderr
    assert len(rows(path, "event", "child")) == 200
    assert len(rows(path, "event", "parent")) == 1
    last = {row[0]: row[4] for row in rows(path, "sample", "count_total")}
    assert sorted(value for value in last.values() if value) == [10.0, 10.0]


def test_import_loads_nothing_heavy_and_the_public_face_is_sorted() -> None:
    program = """
import sys
import firstlight
heavy = {"numpy", "pyarrow", "duckdb", "litestar", "msgspec", "logging", "asyncio", "http", "random", "firstlight.sdk"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert firstlight.__all__ == sorted(firstlight.__all__), firstlight.__all__
for name in set(firstlight.__all__) - {"Lake"}: getattr(firstlight, name)
firstlight.scope("a").info("b")
firstlight.counter("c").inc()
assert not {"numpy", "pyarrow", "duckdb", "litestar", "opentelemetry"} & set(sys.modules)
"""
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        timeout=60,
        env={**os.environ, "FIRSTLIGHT_ENDPOINT": "http://127.0.0.1:9"},
    )


def test_an_unknown_name_is_an_ordinary_attribute_error() -> None:
    import firstlight

    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = firstlight.nothing_like_it
    assert dir(firstlight) == firstlight.__all__
