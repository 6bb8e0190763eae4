import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from firstlight.app.lake import Lake
from firstlight.store import maintain
from firstlight.store.catalog import Catalog
from firstlight.store.layout import FileLock, Layout
from firstlight.store.wal import WalWriter
from tests.store.test_compact import everything, sealed


def run(layout: Layout) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "firstlight.store.maintain", str(layout.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_process_seals_and_merges_and_ends(tmp_path: Path) -> None:
    layout = sealed(tmp_path, *map(everything, range(7)))
    wal = WalWriter(layout, "never")
    wal.append([everything(7)])
    wal.close()
    told = run(layout)
    assert told[0]["sealed"]["rows"] == {"samples": 100, "events": 20, "spans": 20, "exponential": 1}
    assert {(line["compacted"]["table"], line["compacted"]["segments"]) for line in told[1:]} == {
        (table, 8) for table in ("samples", "events", "spans", "exponential")
    }
    assert not maintain.is_due(layout, Catalog(layout))
    with Lake.open(tmp_path, read_only=True) as lake:
        assert lake.sql("SELECT count(*) FROM events").rows == [(160,)]


def test_the_process_does_without_pandas(tmp_path: Path) -> None:
    layout = sealed(tmp_path, *map(everything, range(8)))
    program = (
        "import sys; from firstlight.store.maintain import main; assert not main(); "
        "assert not {'pandas', 'duckdb'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(layout.root)], capture_output=True, text=True, check=True, timeout=60
    )
    assert "compacted" in done.stdout


def test_a_second_process_leaves_it_to_the_first(tmp_path: Path) -> None:
    layout = sealed(tmp_path, everything(0))
    lock = FileLock(layout.keeper_lock)
    assert lock.acquire()
    assert run(layout) == [{"busy": True}]
    lock.release()


def test_logs_are_sealed_between_two_stretches_of_a_merge(tmp_path: Path, monkeypatch) -> None:
    layout = sealed(tmp_path, everything(0), everything(1))
    monkeypatch.setitem(maintain.compact.merge.STRETCH_ROWS, "samples", 10)
    told: list[dict[str, Any]] = []

    def tell(done: dict[str, Any]) -> None:
        told.append(done)
        if len(told) < 4:
            wal = WalWriter(layout, "never")
            wal.append([everything(1 + len(told))])
            wal.close()

    maintenance = maintain.Maintenance(layout, tell)
    tell({})
    maintenance.compact_all()
    assert "sealed" in told[1]
    with Lake.open(tmp_path, read_only=True) as lake:
        assert lake.sql("SELECT count(*) FROM samples").rows == [(500,)]
