import json
import os
from pathlib import Path

import pytest

from firstlight.store.layout import FileLock, Layout
from firstlight.store.retain import US_PER_DAY
from tests.cli.conftest import running_hub
from tests.store.lakes import FIRST_DAY, ROWS, ask, counts, lake_of, segments
from tests.store.test_verify import flip


@pytest.fixture
def lake(tmp_path: Path) -> Layout:
    return lake_of(tmp_path / "lake", 2)


def test_what_is_missing_is_said(here, lake):
    damaged = segments(lake, "events")[0].path
    flip(damaged, 50)
    place = ["--data", str(lake.root)]
    for question in (["sql", "SELECT count(*) FROM events"], ["events"], ["events", "--search", "e"]):
        answer = here(*question, *place)
        assert answer.returncode == 0
        assert Path(damaged).name in answer.stderr
        assert f"{ROWS} rows of events are missing" in answer.stderr


def test_what_is_missing_is_said_of_a_hub_as_well(here, double):
    missing = {"warnings": ["12 rows of events are missing"]}
    column = {"columns": [{"name": "count", "type": "BIGINT"}], "rows": [[3]], **missing}
    for path, answer in {"/api/sql": column, "/api/events": {"events": [], **missing}}.items():
        double.answers[path] = (200, "application/json", json.dumps(answer).encode())
    for question in (["sql", "SELECT count(*) FROM events"], ["events"]):
        answer = here(*question, "--url", double.url)
        assert answer.returncode == 0
        assert "12 rows of events are missing" in answer.stderr


def test_compact_merges_each_day(here, lake):
    lake_of(lake.root, 2)
    place = ["--data", str(lake.root)]
    planned = json.loads(here("lake", "compact", *place, "--dry-run", "--json").stdout)
    assert {merge["segments"] for merge in planned["merges"]} == {2}
    answer = here("lake", "compact", *place)
    assert answer.returncode == 0
    assert len(answer.stdout.splitlines()) == len(planned["merges"]) == 2 * 4
    assert here("lake", "compact", *place).stdout == "every day is one segment already\n"
    assert len(segments(lake, "events")) == 2


def test_verify_tells_by_its_exit_code(here, lake):
    place = ["--data", str(lake.root)]
    answer = here("lake", "verify", *place)
    assert (answer.returncode, answer.stdout.rpartition(": ")[2]) == (0, "no problems\n")
    bad = segments(lake, "spans")[0]
    flip(bad.path, 77)
    told = here("lake", "verify", *place, "--no-repair", "--json")
    assert (told.returncode, json.loads(told.stdout)["problems"][0]["path"]) == (1, bad.path)
    answer = here("lake", "verify", *place)
    assert answer.returncode == 1
    assert f"{ROWS} rows" in answer.stdout
    assert here("lake", "verify", *place).returncode == 0


def test_retain_goes_by_the_settings(here, lake, monkeypatch):
    place = ["--data", str(lake.root)]
    days = os.path.getmtime(lake.catalog) * 1e6 // US_PER_DAY - FIRST_DAY
    for name in ("EVENTS", "METRICS"):
        monkeypatch.setenv(f"FIRSTLIGHT_LAKE_RETENTION_{name}_DAYS", str(days - 1))
    monkeypatch.setenv("FIRSTLIGHT_LAKE_RETENTION_SPANS_DAYS", "0")
    rules = json.dumps([{"match": '{user="u1",service="shop"}', "days": 0}])
    monkeypatch.setenv("FIRSTLIGHT_LAKE_RETENTION_SERIES", rules)
    before = counts(lake.root)
    planned = json.loads(here("lake", "retain", *place, "--dry-run", "--json").stdout)
    assert counts(lake.root) == before
    assert {one["table"]: one["rows"] for one in planned["retained"]} == {
        "events": ROWS,
        "samples": 2 * ROWS - ROWS // 3,
        "exponential": 1,
    }
    answer = here("lake", "retain", *place)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert f"events: {ROWS} rows, 1 whole segments" in answer.stdout
    assert counts(lake.root)["samples"] == 2 * ROWS + ROWS // 3
    monkeypatch.setenv("FIRSTLIGHT_LAKE_DISK_BUDGET_BYTES", "1000")
    assert "to keep to the disk budget" in here("lake", "retain", *place).stdout
    monkeypatch.setenv("FIRSTLIGHT_LAKE_RETENTION_SERIES", '[{"match": "{", "days": 0}]')
    assert here("lake", "retain", *place).returncode == 2


def test_erase_asks_counts_and_proves(firstlight_command, lake):
    place = ["--data", str(lake.root), "--attribute", "user.id=1"]
    refused = firstlight_command("lake", "erase", *place)
    assert (refused.returncode, "--dry-run" in refused.stderr) == (2, True)
    assert firstlight_command("lake", "erase", *place, "--dry-run").stdout == f"would erase {2 * ROWS // 3} of events\n"
    done = firstlight_command("lake", "erase", *place, "--yes", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["erased"], told["after"]) == (0, {"events": 2 * ROWS // 3}, {})
    assert ask(lake.root, "SELECT count(*) FROM events WHERE attributes->>'user.id' = '1'") == [(0,)]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--yes"],
        ["--yes", "--where", "trace_id"],
        ["--yes", "--match", "cpu{"],
        ["--yes", "--text", "x", "--from", "someday"],
        ["--yes", "--match", "cpu", "--signal", "events"],
    ],
)
def test_erase_refuses_what_is_not_clear(here, lake, arguments):
    assert here("lake", "erase", *arguments, "--data", str(lake.root)).returncode == 2
    assert counts(lake.root)["events"] == 2 * ROWS


def test_who_gets_no_turn_says_so(here, lake):
    lock = FileLock(lake.keeper_lock)
    assert lock.acquire()
    for command in (["compact"], ["retain"], ["erase", "--text", "x", "--yes"]):
        answer = here("lake", *command, "--data", str(lake.root), "--wait", "0.1")
        assert (answer.returncode, "another process" in answer.stderr) == (3, True), command
    lock.release()


def test_they_work_while_a_hub_runs(firstlight_command, tmp_path):
    with running_hub(tmp_path) as hub:
        place = ["--data", str(hub.data)]
        assert firstlight_command("lake", "verify", *place).returncode == 0
        erased = firstlight_command("lake", "erase", *place, "--where", "name=event_7", "--yes", "--json")
        told = json.loads(erased.stdout)
        assert (erased.returncode, told["erased"], told["after"]) == (0, {"events": 1}, {})
        assert firstlight_command("lake", "compact", *place).returncode == 0
        assert firstlight_command("lake", "retain", *place).returncode == 0
        left = firstlight_command("sql", "select count(*) from events where name = 'event_7'", "--url", hub.url)
        assert left.stdout == "0\n"


def test_there_must_be_a_data_directory(here, tmp_path):
    for command in ("compact", "verify", "retain"):
        assert here("lake", command, "--data", str(tmp_path / "none")).returncode == 3
        assert here("lake", command, "--url", "http://127.0.0.1:1").returncode == 2
