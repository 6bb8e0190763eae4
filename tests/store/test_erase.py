import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from firstlight.app.lake import Lake
from firstlight.app.lake_limits import LakeLimits
from firstlight.errors import QueryError, Unavailable
from firstlight.model import parse_selector
from firstlight.store import rollup, sweep
from firstlight.store.catalog import Catalog
from firstlight.store.commit import commit
from firstlight.store.erase import Patience, erase
from firstlight.store.layout import FileLock, Layout
from firstlight.store.selection import Selection
from firstlight.store.wal import WalWriter
from tests.store.lakes import DAY_NS, FIRST_DAY, ROWS, ask, counts, day, files, lake_of, registered, segments
from tests.store.test_verify import flip

THIRD = ROWS // 3
QUICK = Patience(turn_s=5.0, logs_s=0.3)

CASES: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "series": ({"matchers": parse_selector('load{user="u1"}')}, {"samples": 3 * 2 * THIRD, "series": 2}),
    "a regular expression": (
        {"matchers": parse_selector('{user=~"u[01]", service="bank"}')},
        {"samples": 3 * 2 * THIRD, "series": 2},
    ),
    "a column of all signals": (
        {"columns": {"service": "shop"}},
        {"samples": 3 * ROWS, "events": 3 * ROWS, "spans": 3 * ROWS, "exponential": 3, "series": 4},
    ),
    "a column of one signal": ({"columns": {"session_id": "s1"}, "signals": ("spans",)}, {"spans": 3 * ROWS}),
    "a trace": ({"columns": {"trace_id": f"{1:032x}"}}, {"spans": 3 * THIRD}),
    "a number as an attribute": ({"attributes": {"user.id": "2"}}, {"events": 3 * THIRD}),
    "a text with quotes as an attribute": ({"attributes": {"note": '"é1"'}}, {"events": 3 * ROWS // 2}),
    "an attribute of the sender": ({"attributes": {"region": "north"}}, {"events": 3 * ROWS, "spans": 3 * ROWS}),
    "a text": ({"text": "ada1"}, {"events": 3 * THIRD}),
    "a text in JSON": ({"text": '"é0"'}, {"events": 3 * ROWS // 2}),
    "a day": (
        {"begin_ns": (FIRST_DAY + 1) * DAY_NS, "end_ns": (FIRST_DAY + 2) * DAY_NS},
        {"samples": 2 * ROWS, "events": ROWS, "spans": ROWS, "exponential": 1},
    ),
    "several conditions": (
        {"text": "ada1", "columns": {"name": "e1"}, "begin_ns": (FIRST_DAY + 1) * DAY_NS},
        {"events": 2},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_exactly_the_rows_that_are_meant_go_from_segments_and_logs(tmp_path: Path, case: str) -> None:
    conditions, expected = CASES[case]
    layout = lake_of(tmp_path, 2)
    wal = WalWriter(layout, "never")
    wal.append([day(2)])
    wal.close()
    before = counts(tmp_path)
    selection = Selection(**conditions)
    assert erase(layout, selection, dry_run=True).before == expected
    assert counts(tmp_path) == before
    done = erase(layout, selection, patience=QUICK)
    assert dict(done.erased) == expected
    assert (dict(done.after), done.open_logs, done.is_complete) == ({}, [], True)
    renamed = {"exponential": "exponential_histograms"}
    gone = {renamed.get(table, table): rows for table, rows in expected.items()}
    assert counts(tmp_path) == {table: rows - gone.get(table, 0) for table, rows in before.items()}
    assert not any(Path(path).exists() for path in done.rewritten)
    assert files(layout) == registered(layout)


def test_nothing_of_the_rows_is_left_in_any_file(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 2)
    secret = "secret-4711"
    wal = WalWriter(layout, "never")
    batch = day(0)
    batch.events[0].body = secret
    wal.append([batch])
    wal.close()
    (layout.quarantine).mkdir()
    (layout.quarantine / "old-1-00000001.wal").write_text(secret)
    (layout.quarantine / "events--x.parquet").write_text(secret)
    (layout.quarantine / "samples--x.parquet").write_text("not searched for")
    layout.staging.mkdir(exist_ok=True)
    (layout.staging / "events-half.parquet").write_text(secret)
    (layout.table_dir("events") / "2024-10-04-nobody.parquet").write_text(secret)
    (layout.table_dir("events") / "2024-10-05-gone.idx").write_text(secret)
    with Lake.open(tmp_path, read_only=True) as lake:
        assert lake.sql("SELECT count(*) FROM events WHERE body = ?", [secret]).rows == [(1,)]
    done = erase(layout, Selection(text=secret), patience=QUICK)
    assert done.erased == {"events": 1}
    left = [path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert left == []
    removed = {Path(path).name for path in done.deleted}
    assert removed >= {"events-half.parquet", "old-1-00000001.wal", "events--x.parquet"}
    assert removed >= {"2024-10-04-nobody.parquet", "2024-10-05-gone.idx"}
    assert (layout.quarantine / "samples--x.parquet").exists()


def test_replaced_copies_of_an_earlier_merge_go_at_once(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 1)
    with Lake.open(tmp_path, maintain=False) as lake:
        lake.append([day(0)])
    with Lake.open(tmp_path, maintain=False) as lake:
        lake.compact()
        before = files(layout)
        assert len(before) > 6
        done = lake.erase(Selection(attributes={"user.id": "1"}))
        assert done.erased == {"events": 2 * THIRD}
    assert files(layout) == registered(layout)
    assert {Path(path).suffix for path in files(layout) - before} == {".parquet", ".idx"}
    assert len(files(layout)) == 5 + 1
    assert sweep.sweep(layout, 0.0).files == 0


def test_rollups_of_erased_samples_go_too(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 3)
    for work in rollup.due(Catalog(layout).snapshot(), (FIRST_DAY + 20_000) * DAY_NS // 1000):
        rollup.run(layout, work)
    # Of the first day only rollups are left.
    commit(layout, "retain", remove=[("samples", segments(layout, "samples")[0].path)])
    done = erase(layout, Selection(matchers=parse_selector('{user="u1"}')), patience=QUICK)
    assert done.is_complete
    assert done.erased["rollup_1h"] == 3 * 2
    (left,) = segments(layout, "rollup_1h")
    assert left.rows == 4
    assert {work.day - FIRST_DAY for work in rollup.due(Catalog(layout).snapshot(), 10**18)} == {1, 2}


def test_a_lake_that_is_open_begins_a_new_log_when_it_is_asked(tmp_path: Path) -> None:
    with Lake.open(tmp_path) as lake:
        lake.append([day(0)])
        assert lake.sql("SELECT count(*) FROM series").rows == [(7,)]
        done = erase(Layout(tmp_path), Selection(columns={"service": "shop"}), patience=Patience(30.0, 30.0))
        assert done.is_complete
        assert lake.sql("SELECT service, count(*) FROM metrics GROUP BY ALL").rows == [("bank", ROWS)]
        assert lake.sql("SELECT count(*) FROM events").rows == [(0,)]
        assert lake.sql("SELECT DISTINCT service FROM series").rows == [("bank",)]
        assert {series.service for series in lake.series().values()} == {"bank"}
        lake.append([day(1)])
        assert lake.sql("SELECT service, count(*) FROM metrics GROUP BY ALL ORDER BY 1").rows == [
            ("bank", 2 * ROWS),
            ("shop", ROWS),
        ]


def test_a_lake_erases_what_is_in_its_own_log(tmp_path: Path) -> None:
    with Lake.open(tmp_path, maintain=False) as lake:
        lake.append([day(0)])
        assert lake.erase(Selection(text="ada")).erased == {"events": ROWS}
        assert lake.sql("SELECT count(*) FROM events").rows == [(0,)]


def test_what_a_living_writer_holds_back_is_said_and_goes_the_next_time(tmp_path: Path) -> None:
    program = """
import sys
from firstlight.store.sink import LakeExporter
from tests.store.lakes import day
exporter = LakeExporter(sys.argv[1], "never")
exporter.export(day(0))
print(flush=True)
sys.stdin.readline()
exporter.export(day(1))
print(flush=True)
sys.stdin.readline()
"""
    layout = lake_of(tmp_path, 1)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    writer: Any = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], **pipes)
    writer.stdout.readline()
    selection = Selection(text="ada1")
    done = erase(layout, selection, patience=QUICK)
    assert (dict(done.before), dict(done.erased), dict(done.after)) == (
        {"events": 2 * THIRD},
        {"events": THIRD},
        {"events": THIRD},
    )
    assert not done.is_complete
    assert [Path(path).name for path in done.open_logs] == ["00000001.wal"]
    writer.stdin.write("\n")
    writer.stdin.flush()
    writer.stdout.readline()
    assert erase(layout, selection, patience=QUICK).is_complete
    writer.communicate("\n")
    assert ask(tmp_path, "SELECT count(*) FROM events WHERE body LIKE '%ada1%'") == [(0,)]
    assert counts(tmp_path)["events"] == 3 * (ROWS - THIRD)


def test_damage_does_not_stop_an_erasure_and_goes_with_it(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 2)
    flip(segments(layout, "events")[0].path, 70)
    done = erase(layout, Selection(text="ada1"), patience=QUICK)
    assert [lost.table for lost in done.lost] == ["events"]
    assert done.erased == {"events": THIRD}
    assert list(layout.quarantine.iterdir()) == []
    assert len(segments(layout, "events")) == 1


def test_who_gets_no_turn_erases_nothing(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 1)
    lock = FileLock(layout.keeper_lock)
    assert lock.acquire()
    with pytest.raises(Unavailable):
        erase(layout, Selection(text="ada"), patience=Patience(turn_s=0.1))
    lock.release()
    assert counts(tmp_path)["events"] == ROWS


def test_an_erasure_that_was_cut_short_is_finished_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = lake_of(tmp_path, 3)

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("firstlight.store.erase._Work.remove_copies", killed)
        with pytest.raises(Killed):
            erase(layout, Selection(text="ada1"), patience=QUICK)
    done = erase(layout, Selection(text="ada1"), patience=QUICK)
    assert done.is_complete
    assert counts(tmp_path)["events"] == 3 * (ROWS - THIRD)
    assert files(layout) == registered(layout)
    assert len(files(layout)) == 3 * (4 + 1) + 1


@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"signals": ("events",)},
        {"begin_ns": 5, "end_ns": 5},
        {"matchers": parse_selector("cpu"), "signals": ("events",)},
        {"matchers": parse_selector("cpu"), "text": "x"},
        {"columns": {"no_such": "x"}},
    ],
)
def test_what_means_nothing_is_refused(conditions: dict[str, Any]) -> None:
    with pytest.raises(QueryError):
        Selection(**conditions)


def test_reading_goes_on_while_rows_are_erased(tmp_path: Path) -> None:
    limits = LakeLimits(rotate_s=0.5)
    with Lake.open(tmp_path, limits=limits) as lake, Lake.open(tmp_path, read_only=True) as reader:
        lake.append([day(0), day(1)])
        until = time.monotonic() + 30
        seen = set()
        command = ["-m", "firstlight", "lake", "erase", "--text", "ada1", "--yes", "--json", "--data", str(tmp_path)]
        worker = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE)
        while worker.poll() is None and time.monotonic() < until:
            seen.add(reader.sql("SELECT count(*) FROM events WHERE service = 'shop'").rows[0][0])
        told = json.loads(worker.communicate()[0])
    assert worker.returncode == 0
    assert told["erased"] == {"events": 2 * THIRD}
    assert seen <= {2 * ROWS, 2 * ROWS - THIRD, 2 * (ROWS - THIRD)}
