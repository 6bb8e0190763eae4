from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firstlight.app.lake import Lake
from firstlight.model import Matcher, named
from firstlight.query import rolled
from firstlight.store import rollup
from firstlight.store.catalog import Catalog
from firstlight.store.layout import Layout
from tests.store.test_compact import DAY_NS, START_NS, compact_all, samples, sealed
from tests.store.test_rollup import LATER_US

HOUR_NS = 3600 * 10**9
ALL = [Matcher("__name__", "=", "cpu")]


def roll_up(layout: Layout) -> None:
    while work := rollup.due(Catalog(layout).snapshot(), LATER_US):
        rollup.run(layout, work[0])


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three days of five series every 50 s; of the second day only the rollups are true, the third has late rows."""
    path = tmp_path_factory.mktemp("lake")
    rng = np.random.default_rng(3)
    days = [
        samples(
            *(
                (core, day * DAY_NS + i * 50 * 10**9 + core, float(rng.normal()))
                for core in range(5)
                for i in range(1728)
            )
        )
        for day in range(3)
    ]
    layout = sealed(path, *days)
    roll_up(layout)
    sealed(path, samples((2, 2 * DAY_NS + 77, 5.0)))
    with Lake.open(path, read_only=True) as opened:
        yield opened


@pytest.mark.parametrize("how", ["mean", "sum", "min", "max", "count"])
@pytest.mark.parametrize("by", [(), ("core",), None])
@pytest.mark.parametrize("step_ns", [HOUR_NS, 6 * HOUR_NS, 25 * HOUR_NS])
def test_the_answer_is_that_of_the_samples(lake: Lake, monkeypatch, how: str, by: Any, step_ns: int) -> None:
    within = START_NS + 90 * 60 * 10**9 + 7, START_NS + 3 * DAY_NS - 100
    found = lake.aggregate(ALL, *within, step_ns, how, by)
    monkeypatch.setattr(rolled, "true_rollups", lambda *_: {})
    expected = lake.aggregate(ALL, *within, step_ns, how, by)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.labels, one.series) == (other.labels, other.series)
        assert one.times_ns.tolist() == other.times_ns.tolist()
        np.testing.assert_allclose(one.values, other.values, rtol=1e-12, atol=1e-12)


def test_true_rollups_are_used_and_the_rest_is_taken_from_samples(lake: Lake) -> None:
    reader = lake._reader
    within = START_NS + HOUR_NS // 2, START_NS + 3 * DAY_NS
    where = rolled.plan(reader, reader.view(), within, HOUR_NS)
    assert [part for _, part in where.rolled] == [
        (START_NS + HOUR_NS, START_NS + DAY_NS),
        (START_NS + DAY_NS, START_NS + 2 * DAY_NS),
    ]
    assert where.rest == [(within[0], START_NS + HOUR_NS), (START_NS + 2 * DAY_NS, within[1])]


def test_steps_that_no_rollup_fits_are_taken_from_samples(lake: Lake) -> None:
    reader = lake._reader
    within = START_NS, START_NS + 3 * DAY_NS
    assert rolled.plan(reader, reader.view(), within, HOUR_NS + 1) == rolled.Plan([], [within])


def test_rows_of_the_last_moment_make_rollups_of_their_day_unused(tmp_path: Path) -> None:
    layout = sealed(tmp_path, samples((0, 0, 1.0)))
    roll_up(layout)
    with Lake.open(tmp_path, maintain=False) as lake:
        assert lake.aggregate(named("cpu"), START_NS, START_NS + DAY_NS, HOUR_NS, "sum")[0].values.tolist() == [1.0]
        lake.append([samples((0, 1, 5.0))])
        assert lake.aggregate(named("cpu"), START_NS, START_NS + DAY_NS, HOUR_NS, "sum")[0].values.tolist() == [6.0]


def test_what_is_left_of_a_day_in_rollups_answers_alone(tmp_path: Path) -> None:
    layout = sealed(tmp_path, samples((0, 0, 1.0), (0, 5, 3.0)), samples((0, DAY_NS, 7.0)))
    compact_all(layout)
    roll_up(layout)
    (path, *_) = [found.path for found in Catalog(layout).snapshot().segments["samples"]]
    rollup.commit(layout, "retain", remove=[("samples", path)])
    with Lake.open(tmp_path, read_only=True) as lake:
        (found,) = lake.aggregate(named("cpu"), START_NS, START_NS + 2 * DAY_NS, HOUR_NS, "mean")
    assert found.values.tolist() == [2.0, 7.0]
