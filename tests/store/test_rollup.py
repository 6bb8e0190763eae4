import time
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.store import compact, rollup
from firstlight.store.catalog import Catalog
from firstlight.store.layout import Layout
from firstlight.store.maintain import Maintenance
from firstlight.store.policy import Policy
from firstlight.store.sorting import Samples, ordered
from tests.store.test_compact import START_NS, compact_all, samples, sealed

HOUR_US = rollup.STEPS_US["rollup_1h"]
LATER_US = time.time_ns() // 1000 + 10 * int(compact.QUIET_S * 1e6)


def columns(rows: list[tuple[int, int, float]]) -> Samples:
    ids, times, values = zip(*rows, strict=True)
    return ordered(Samples(np.array(ids), np.array(times), np.zeros(len(ids), np.int16), np.array(values, np.float64)))


@given(
    st.lists(
        st.tuples(st.integers(-2, 2), st.integers(-(10**11), 10**11), st.floats(-1e6, 1e6) | st.just(float("nan"))),
        min_size=1,
    )
)
def test_a_row_says_what_its_samples_say(rows: list[tuple[int, int, float]]) -> None:
    kept = columns(rows)
    groups: dict[tuple[int, int], list[float]] = {}
    for series_id, time_us, _, value in zip(*(column.tolist() for column in kept), strict=True):
        groups.setdefault((series_id, time_us // HOUR_US), []).append(value)
    found = rollup.rolled_up(kept, HOUR_US)
    starts = found["time"].cast("int64").to_numpy() // HOUR_US
    assert list(zip(found["series_id"].to_pylist(), starts.tolist(), strict=True)) == sorted(groups)
    for row, (_, values) in zip(found.to_pylist(), sorted(groups.items()), strict=True):
        known = [value for value in values if not isnan(value)] or [float("nan")]
        expected = [len(values), sum(values), min(known), max(known), values[0], values[-1]]
        names = ("count", "sum", "min", "max", "first", "last")
        np.testing.assert_allclose([row[name] for name in names], expected, rtol=1e-9, atol=1e-6)


def test_quantiles_are_those_of_the_samples_and_counters_have_none() -> None:
    rng = np.random.default_rng(7)
    values = rng.lognormal(size=360)
    gauge = [(1, i * 10_000_000, value) for i, value in enumerate(values.tolist())]
    counter = [(2, i * 10_000_000, float(i)) for i in range(360)]
    few = [(3, i, float(i % 2)) for i in range(rollup.QUANTILE_ROWS - 1)]
    first, second, third = rollup.rolled_up(columns(gauge + counter + few), HOUR_US).to_pylist()
    for quantile in rollup.QUANTILES:
        name = f"p{round(100 * quantile):02d}"
        assert np.isclose(first[name], np.quantile(values, quantile), rtol=2e-4)
        assert second[name] is None
        assert third[name] is None


def test_the_mark_of_an_end_is_no_sample() -> None:
    mark = float(np.array([rollup.STALE_NAN], np.int64).view(np.float64)[0])
    (row,) = rollup.rolled_up(columns([(1, 0, 2.0), (1, 5, mark)]), HOUR_US).to_pylist()
    assert (row["count"], row["sum"], row["last"]) == (1, 2.0, 2.0)


def test_a_day_at_rest_is_rolled_up_once(tmp_path: Path) -> None:
    batch = samples(*((core, i * 10**10, float(i % 7)) for core in range(5) for i in range(8640)))
    layout = sealed(tmp_path, batch)
    (work,) = rollup.due(Catalog(layout).snapshot(), LATER_US)
    made = rollup.run(layout, work)
    assert made.rows == {"rollup_1h": 5 * 24}
    snapshot = Catalog(layout).snapshot()
    assert rollup.due(snapshot, LATER_US) == []
    (found,) = rollup.true_rollups(snapshot, "rollup_1h").values()
    rows = pq.read_table(found.path)
    assert rows["count"].to_pylist() == [360] * 120
    assert sum(rows["sum"].to_pylist()) == 5 * sum(i % 7 for i in range(8640))


def test_dense_series_are_rolled_up_by_the_minute_too(tmp_path: Path) -> None:
    layout = sealed(tmp_path, samples(*((0, i * 10**9, float(i)) for i in range(7200))))
    (work,) = rollup.due(Catalog(layout).snapshot(), LATER_US)
    assert rollup.run(layout, work).rows == {"rollup_1h": 2, "rollup_1m": 120}


def test_late_rows_make_rollups_untrue_until_the_day_is_rolled_up_again(tmp_path: Path) -> None:
    layout = sealed(tmp_path, samples((0, 0, 1.0)))
    rollup.run(layout, rollup.due(Catalog(layout).snapshot(), LATER_US)[0])
    sealed(tmp_path, samples((0, 1, 5.0)))
    assert rollup.true_rollups(Catalog(layout).snapshot(), "rollup_1h") == {}
    assert rollup.due(Catalog(layout).snapshot(), LATER_US) == []
    compact_all(layout)
    assert rollup.true_rollups(Catalog(layout).snapshot(), "rollup_1h") == {}
    (work,) = rollup.due(Catalog(layout).snapshot(), LATER_US)
    rollup.run(layout, work)
    snapshot = Catalog(Layout(tmp_path)).snapshot()
    assert len(snapshot.segments["rollup_1h"]) == 1
    (found,) = rollup.true_rollups(snapshot, "rollup_1h").values()
    assert pq.read_table(found.path)["sum"].to_pylist() == [6.0]


def test_a_day_whose_rollups_would_go_at_once_is_not_rolled_up(tmp_path: Path) -> None:
    layout = sealed(tmp_path, samples(*((0, i * 10**9, 1.0) for i in range(3600))))
    days = {"samples": 0.0, "rollup_1m": 180.0, "rollup_1h": 730.0}
    assert _rounds(layout, Policy(days)) == []
    (told,) = _rounds(layout, Policy({**days, "rollup_1h": 0}))
    assert told["rolled_up"]["rows"] == {"rollup_1h": 1}


def _rounds(layout: Layout, policy: Policy) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("firstlight.store.maintain._now_us", lambda: START_NS // 1000 + 3000 * 86_400_000_000)
        maintenance = Maintenance(layout, told.append, policy)
        for _ in range(5):
            if not maintenance.round():
                return told
    raise AssertionError(told)


def test_a_day_that_goes_on_is_not_rolled_up(tmp_path: Path) -> None:
    layout = sealed(tmp_path, samples((0, 0, 1.0)))
    snapshot = Catalog(layout).snapshot()
    assert rollup.due(snapshot, START_NS // 1000 + 5) == []
