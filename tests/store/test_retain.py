import json
from pathlib import Path

import pytest

from firstlight.store import retain, rollup, sweep
from firstlight.store.catalog import Catalog
from firstlight.store.layout import Layout
from firstlight.store.maintain import Maintenance
from firstlight.store.policy import Policy, SeriesRule, begin_us
from firstlight.store.retain import US_PER_DAY, Retention
from firstlight.store.seal import Sealer
from firstlight.store.wal import WalWriter
from tests.store.lakes import DAY_NS, FIRST_DAY, ROWS, ask, counts, day, days_of, lake_of, segments

ALIKE = {"events": 2.0, "spans": 4.0, "samples": 3.0, "exponential": 3.0}


def at_us(days: float) -> int:
    """Return the time so many days after the lake's first day began."""
    return round((FIRST_DAY + days) * US_PER_DAY)


def run(layout: Layout, policy: Policy, now_us: int, **more: bool) -> list[retain.Retained]:
    return retain.total(Retention(layout, policy).run(now_us, pytest.fail, **more))


def test_rows_go_by_whole_days_and_not_before_their_time(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 6)
    gone = run(layout, Policy(ALIKE), at_us(5.9))
    assert {one.table: (one.segments, one.rows) for one in gone} == {
        "events": (3, 3 * ROWS),
        "spans": (1, ROWS),
        "samples": (2, 2 * 2 * ROWS),
        "exponential": (2, 2),
    }
    assert days_of(tmp_path, "events") == [3, 4, 5]
    assert days_of(tmp_path, "spans") == [1, 2, 3, 4, 5]
    assert days_of(tmp_path, "samples") == days_of(tmp_path, "exponential_histograms") == [2, 3, 4, 5]
    assert run(layout, Policy(ALIKE), at_us(5.9)) == []


def test_what_is_kept_forever_or_not_named_stays(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 2)
    before = counts(tmp_path)
    assert run(layout, Policy({"events": 0, "findings": 1}), at_us(10_000)) == []
    assert counts(tmp_path) == before


@pytest.mark.parametrize("now_us", [0, at_us(-3), at_us(0.5), at_us(2)])
def test_a_clock_that_is_behind_lets_nothing_go(tmp_path: Path, now_us: int) -> None:
    layout = lake_of(tmp_path, 3)
    before = counts(tmp_path)
    assert run(layout, Policy({**ALIKE, "events": 2.0}, (SeriesRule("load", 2),)), now_us) == []
    assert counts(tmp_path) == before


def test_a_clock_that_jumps_back_and_comes_again_lets_go_the_same(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 6)
    policy = Policy({"samples": 4}, (SeriesRule('load{service="bank"}', 1),))
    for now_us in (at_us(4.5), at_us(2.5), at_us(4.5)):
        run(layout, policy, now_us)
        assert ask(tmp_path, "SELECT service, count(*) FROM metrics GROUP BY ALL ORDER BY 1") == [
            ("bank", 3 * ROWS),
            ("shop", 6 * ROWS),
        ]


def test_rows_of_the_far_future_neither_go_nor_take_others_with_them(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 3)
    wal = WalWriter(layout, "never")
    wal.append([day(50_000)])
    wal.close()
    Sealer(layout).seal()
    run(layout, Policy(ALIKE), at_us(4.5))
    assert days_of(tmp_path, "events") == [2, 50_000]
    assert days_of(tmp_path, "samples") == [1, 2, 50_000]


def test_series_have_their_own_time_shorter_or_longer(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 6)
    rules = (SeriesRule('{service="bank"}', 1), SeriesRule('load{user="u1"}', 4), SeriesRule('{user=~"u[12]"}', 2))
    run(layout, Policy({"samples": 3}, rules), at_us(5.5))
    query = "SELECT labels['user'], service, min(time_ns) FROM metrics GROUP BY ALL ORDER BY ALL"
    first = {(user, service): time_ns // DAY_NS - FIRST_DAY for user, service, time_ns in ask(tmp_path, query)}
    assert first == {
        ("u0", "bank"): 4,
        ("u0", "shop"): 2,
        ("u1", "bank"): 1,  # two matchers count more than one
        ("u1", "shop"): 1,
        ("u2", "bank"): 3,  # of two with one matcher the longer counts
        ("u2", "shop"): 3,
    }
    odd = "value <> (time_ns % 3600000000000) // 60000000000 / 8"
    assert ask(tmp_path, f"SELECT count(*) FROM metrics WHERE {odd}") == [(0,)]


def test_a_rule_that_keeps_forever_keeps_only_its_series(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 3)
    run(layout, Policy({"samples": 1}, (SeriesRule('{user="u0"}', 0),)), at_us(30))
    assert ask(tmp_path, "SELECT labels['user'], count(*) FROM metrics GROUP BY ALL") == [("u0", 3 * 2 * ROWS // 3)]


def test_single_series_are_looked_at_once_a_day_or_when_the_rules_change(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 4)
    policy = Policy({}, (SeriesRule('{service="bank"}', 1),))
    retention, catalog = Retention(layout, policy), Catalog(layout)
    assert retention.is_due(catalog.snapshot(), at_us(3.1))
    assert sum(one.rows for one in retention.run(at_us(3.1), pytest.fail)) == 2 * ROWS
    assert not retention.is_due(catalog.snapshot(), at_us(3.9))
    assert retention.is_due(catalog.snapshot(), at_us(4.0))
    assert Retention(layout, Policy({}, (SeriesRule("load", 1),))).is_due(catalog.snapshot(), at_us(3.9))
    layout.retained.write_text("{")
    assert retention.is_due(catalog.snapshot(), at_us(3.9))


def test_definitions_go_when_nothing_refers_to_them_and_come_again_with_new_samples(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 2)
    told: list[dict[str, object]] = []
    policy = Policy({"exponential": 1}, (SeriesRule('{service="bank"}', 1),))
    maintenance = Maintenance(layout, told.append, policy)
    wal = WalWriter(layout, "never")
    wal.append([day(2, rows=1)])
    wal.close()
    maintenance.seal()
    maintenance.retain_all(at_us(30))
    assert ask(tmp_path, "SELECT DISTINCT service, name FROM series ORDER BY ALL") == [("shop", "load")]
    wal = WalWriter(layout, "never")
    wal.append([day(30)])
    wal.close()
    maintenance.seal()
    assert ask(tmp_path, "SELECT service, count(*) FROM metrics GROUP BY ALL ORDER BY 1") == [
        ("bank", ROWS),
        ("shop", 3 * ROWS + 1),
    ]
    assert ask(tmp_path, "SELECT count(*) FROM exponential_histograms") == [(1,)]


def test_rollups_outlive_their_samples_by_their_own_time(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 3)
    for work in rollup.due(Catalog(layout).snapshot(), at_us(20_000)):
        rollup.run(layout, work)
    run(layout, Policy({"samples": 2, "rollup_1h": 4}, (SeriesRule('{user="u0"}', 3),)), at_us(4.5))
    assert [found.begin_us // US_PER_DAY - FIRST_DAY for found in segments(layout, "samples")] == [1, 2]
    assert sorted(rollup.true_rollups(Catalog(layout).snapshot(), "rollup_1h")) == [FIRST_DAY + n for n in range(3)]
    assert rollup.due(Catalog(layout).snapshot(), at_us(20_000)) == []
    run(layout, Policy({"rollup_1h": 4}), at_us(5.5))
    assert len(segments(layout, "rollup_1h")) == 2


def test_a_plan_changes_nothing_and_says_the_same(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 5)
    policy = Policy({**ALIKE, "samples": 3}, (SeriesRule('{service="bank"}', 1),))
    before = Catalog(layout).snapshot()
    planned = {
        one.table: (one.segments, one.rewritten, one.rows)
        for one in retain.total(Retention(layout, policy).plan(at_us(5.2)))
    }
    assert Catalog(layout).snapshot() == before
    done = {one.table: (one.segments, one.rewritten, one.rows) for one in run(layout, policy, at_us(5.2))}
    assert planned == done


def test_the_maintaining_process_retires_by_its_own_clock(tmp_path: Path) -> None:
    layout = lake_of(tmp_path, 2)
    told: list[dict[str, object]] = []
    maintenance = Maintenance(layout, told.append, Policy({"events": 7}))
    assert maintenance.round()
    assert told == [
        {
            "retained": {
                "table": "events",
                "segments": 2,
                "rewritten": 0,
                "rows": 2 * ROWS,
                "bytes": told[0]["retained"]["bytes"],
            }
        }
    ]
    assert not maintenance.round()
    sweep.sweep(layout, 0.0)
    assert not list(layout.table_dir("events").iterdir())


def test_the_begin_of_what_stays() -> None:
    assert begin_us(at_us(10.9), 2) == at_us(8)
    assert begin_us(at_us(10.9), 0.5) == at_us(10)
    assert begin_us(at_us(10.9), 0) is None
    assert json.loads(json.dumps(begin_us(0, 7))) == -7 * US_PER_DAY
