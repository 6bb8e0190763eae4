import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from firstlight.app.lake import Lake
from firstlight.store import sweep
from firstlight.store.catalog import Catalog
from firstlight.store.layout import Layout
from firstlight.store.maintain import Maintenance, maintain

KILLS = 6
SERIES = 200
WRITER = f"""
import sys
import time
from array import array
from firstlight.app.lake import Lake
from firstlight.app.lake_limits import LakeLimits
from firstlight.errors import Overloaded
from firstlight.model import Batch, Event, Resource, Series
series = dict((s.id(), s) for s in (Series("m", (("n", str(n)),)) for n in range({SERIES})))
lake = Lake.open(sys.argv[1], limits=LakeLimits(rotate_bytes=50_000))
for k in range(int(sys.argv[2]), 10**9):
    batch = Batch(Resource("k"))
    batch.series = series
    batch.samples.series_ids = array("q", series)
    batch.samples.times_ns = array("q", [1_760_000_000_000_000_000 + k * 1_000_000]) * {SERIES}
    batch.samples.values = array("d", [k]) * {SERIES}
    batch.events.append(Event(k, "e", attributes={{"k": k}}))
    print("try", k, flush=True)
    while True:
        try:
            lake.append([batch])
        except Overloaded:
            time.sleep(0.05)
        else:
            break
    print("ack", k, flush=True)
"""


def written_until_killed(path: Path, first: int, alive_s: float) -> dict[str, set[int]]:
    """Write batches from number ``first`` on; kill the writer and its maintaining process; return what it said."""
    command = [sys.executable, "-c", WRITER, str(path), str(first)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert writer.stdout is not None
    lines = [writer.stdout.readline()]
    reader = threading.Thread(target=lambda: lines.extend(writer.stdout))
    reader.start()
    time.sleep(alive_s)
    os.killpg(writer.pid, signal.SIGKILL)
    writer.wait()
    reader.join()
    writer.stdout.close()
    said: dict[str, set[int]] = {"try": set(), "ack": set()}
    for line in lines:
        if line.endswith("\n"):
            word, number = line.split()
            said[word].add(int(number))
    return said


def rows_by_number(path: Path) -> tuple[dict[int, int], dict[int, int]]:
    with Lake.open(path, read_only=True) as lake:
        samples = lake.sql("SELECT value::BIGINT, count(*) FROM samples GROUP BY 1").rows
        events = lake.sql("SELECT (attributes->>'k')::BIGINT, count(*) FROM events GROUP BY 1").rows
    return dict(samples), dict(events)


def test_killed_with_their_maintainers_writers_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    chance = random.Random(4)
    acknowledged: set[int] = set()
    tried: set[int] = set()
    for _ in range(KILLS):
        said = written_until_killed(tmp_path, max(tried, default=-1) + 1, chance.uniform(0.3, 1.5))
        acknowledged |= said["ack"]
        tried |= said["try"]
    layout = Layout(tmp_path)
    left = rows_by_number(tmp_path)
    maintain(layout, lambda _: None)
    sealed = rows_by_number(tmp_path)
    Maintenance(layout, lambda _: None).compact_all()
    sweep.sweep(layout, 0.0)
    merged = rows_by_number(tmp_path)
    assert len(Catalog(layout).snapshot().segments["samples"]) == 1
    for samples, events in (left, sealed, merged):
        assert acknowledged <= samples.keys() <= tried
        assert samples.keys() == events.keys()
        assert set(samples.values()) == {SERIES}
        assert set(events.values()) == {1}
