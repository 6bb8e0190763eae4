from pathlib import Path
from typing import Any

from firstlight.store import budget, maintain, sidecar, sweep
from firstlight.store.catalog import Catalog, Segment
from firstlight.store.commit import commit
from firstlight.store.maintain import Maintenance
from firstlight.store.policy import Policy
from firstlight.store.retain import US_PER_DAY
from firstlight.store.upkeep_events import event_of
from firstlight.store.wal import WalWriter
from tests.store.lakes import FIRST_DAY, counts, day, days_of, lake_of, segments

NOW_US = (FIRST_DAY + 9) * US_PER_DAY


def test_the_oldest_days_go_until_the_directory_is_small_enough(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 6)
    wal = WalWriter(layout, "never")
    wal.append([day(-3)])
    segments = sum(found.bytes for parts in Catalog(layout).snapshot().segments.values() for found in parts)
    limit_bytes = budget.size_bytes(tmp_path) - segments // 2
    told: list[dict[str, Any]] = []
    policy = Policy(disk_budget_bytes=limit_bytes)
    assert maintain.is_due(layout, Catalog(layout), policy)
    assert Maintenance(layout, told.append, policy).reduce(NOW_US)
    assert budget.excess_bytes(layout, limit_bytes) == 0
    assert days_of(tmp_path, "spans")[:1] == [-3]  # the log is never touched
    left = [number for number in days_of(tmp_path, "events") if number >= 0]
    assert left == list(range(6 - len(left), 6))
    assert 1 <= len(left) <= 4
    assert counts(tmp_path)["series"] == 7
    assert not Maintenance(layout, told.append, policy).reduce(NOW_US)
    (line,) = told
    assert line["reduced"]["over_bytes"] == 0
    event = event_of(line, 1)
    assert event is not None
    assert (event.name, event.level) == ("disk_budget_reached", 13)
    sweep.sweep(layout, 0.0)
    assert budget.size_bytes(tmp_path) <= limit_bytes
    wal.close()


def test_nothing_goes_twice_while_the_files_wait_to_be_swept(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 4)
    limit_bytes = budget.size_bytes(tmp_path) - 1
    first = budget.reduce(layout, limit_bytes, NOW_US)
    assert first is not None
    assert first.segments == 1
    assert budget.reduce(layout, limit_bytes, NOW_US) is None


def test_a_replaced_segment_does_not_count_nor_does_its_sidecar(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 2)

    def counted_bytes() -> int:
        outside = budget.size_bytes(tmp_path) - budget.size_bytes(layout.data)
        return budget.excess_bytes(layout, 1) + 1 - outside

    before = counted_bytes()
    assert before == budget.size_bytes(layout.data)
    found = segments(layout, "events")[0]
    own_bytes = found.bytes + sidecar.path_of(found.path).stat().st_size
    commit(layout, "retain", remove=[("events", found.path)])
    assert budget.size_bytes(layout.data) == before
    assert counted_bytes() == before - own_bytes
    sweep.sweep(layout, 0.0)
    assert counted_bytes() == before - own_bytes


def test_what_cannot_be_kept_to_is_said(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 2)
    done = budget.reduce(layout, 1000, NOW_US)
    assert done is not None
    assert done.over_bytes > 0
    assert counts(tmp_path) | {"series": 7} == dict.fromkeys(counts(tmp_path), 0) | {"series": 7}
    assert not maintain.is_due(layout, Catalog(layout), Policy(disk_budget_bytes=1000))


def test_rollups_go_last_and_what_is_recorded_now_is_not_the_oldest() -> None:
    def of(number: float) -> Segment:
        return Segment(str(number), 1, 1, round(number * US_PER_DAY), round(number * US_PER_DAY))

    parts = {"samples": (of(5), of(7), of(0.2), of(0.1)), "events": (of(6),), "rollup_1h": (of(4),), "series": (of(0),)}
    # The clock was set back to the day 0; rows of that day are the newest.
    order = [found.path for _, found in budget.oldest_first(parts, US_PER_DAY // 2)]
    assert order == ["5", "6", "7", "0.1", "0.2", "4"]
    order = [found.path for _, found in budget.oldest_first(parts, 8 * US_PER_DAY)]
    assert order == ["0.2", "0.1", "5", "6", "7", "4"]


def test_without_a_budget_nothing_goes(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 1)
    assert budget.reduce(layout, 0, NOW_US) is None
