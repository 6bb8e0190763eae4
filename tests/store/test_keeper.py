import time
from pathlib import Path

import pytest

from firstlight.app.lake import Lake
from firstlight.app.lake_limits import LakeLimits
from firstlight.model import Batch, Event, Resource
from firstlight.store import keeper
from firstlight.store.policy import Policy


def event(name: str) -> Batch:
    batch = Batch(Resource("shop"))
    batch.events.append(Event(1, name))
    return batch


def wait_for(condition, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_finished_logs_are_sealed_in_the_background_while_counts_stay_right(tmp_path: Path) -> None:
    with Lake.open(tmp_path, limits=LakeLimits(rotate_bytes=2000)) as lake:
        for n in range(1, 101):
            lake.append([event(f"e{n}")])
            if n % 10 == 0:
                assert lake.sql("SELECT count(*), count(DISTINCT name) FROM events").rows == [(n, n)]
        wait_for(lambda: lake.stats()["sealed_rows"]["events"] > 50)
        assert lake.sql("SELECT count(*), count(DISTINCT name) FROM events").rows == [(100, 100)]
        assert lake.stats()["seal_failures"] == 0


def test_an_old_log_is_sealed_though_it_is_small(tmp_path: Path) -> None:
    with Lake.open(tmp_path, limits=LakeLimits(rotate_s=0.1)) as lake:
        lake.append([event("a")])
        wait_for(lambda: lake.stats()["sealed_rows"]["events"] == 1)
        assert lake.stats()["tail_samples"] == 0
        assert lake.sql("SELECT name FROM events").rows == [("a",)]


def test_the_next_process_that_opens_the_lake_adopts_what_a_dead_one_left(tmp_path: Path) -> None:
    with Lake.open(tmp_path, maintain=False) as first:
        first.append([event("left")], b"delivery")
    with Lake.open(tmp_path) as second:
        assert second.was_recovered(b"delivery")
        assert not second.was_recovered(b"another")
        assert not second.was_recovered(b"")
        wait_for(lambda: second.stats()["sealed_rows"]["events"] == 1)
        assert second.sql("SELECT name FROM events").rows == [("left",)]


def test_what_a_dead_process_left_unanswered_is_remembered_after_it_was_sealed(tmp_path: Path) -> None:
    with Lake.open(tmp_path, maintain=False) as first:
        first.append([event("left")], b"delivery")
    with Lake.open(tmp_path) as second:
        wait_for(lambda: second.stats()["sealed_rows"]["events"] == 1)
    with Lake.open(tmp_path) as third:
        assert third.was_recovered(b"delivery")
        assert not third.was_recovered(b"another")


def test_what_the_budget_still_lacks_is_told_as_long_as_it_lacks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "_LOOK_EVERY_S", 0.1)
    ballast = tmp_path / "quarantine" / "ballast"
    with Lake.open(tmp_path, policy=Policy(disk_budget_bytes=50_000_000)) as lake:
        lake.append([event("a")])
        assert lake.stats()["over_bytes"] == 0
        ballast.parent.mkdir(exist_ok=True)
        with open(ballast, "wb") as file:
            file.truncate(60_000_000)
        wait_for(lambda: lake.stats()["over_bytes"] > 10_000_000)
        assert lake.sql("SELECT name FROM events WHERE name = 'a'").rows == [("a",)]
        ballast.unlink()
        wait_for(lambda: lake.stats()["over_bytes"] == 0)
