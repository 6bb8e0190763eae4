import math
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from firstlight.app.lake import Lake
from firstlight.errors import QueryError
from firstlight.model import Batch, Matcher, Resource, Series, named
from firstlight.query.aggregate import Aggregated
from tests.query.test_select import ODD, put, seal_all, series

S = 10**9
STEP_NS = 60 * S
START_NS = 1_760_000_000 * S // STEP_NS * STEP_NS
ZONES = {"a": "east", "b": "west", "c": "east"}
Rows = dict[str, list[tuple[int, float]]]
By = tuple[str, ...] | None


@pytest.fixture(scope="module")
def given_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lake, Rows]]:
    """A gauge of three hosts over ten minutes, with gaps; half of it sealed."""
    path = tmp_path_factory.mktemp("lake")
    rng = np.random.default_rng(3)
    rows: Rows = {
        host: [
            (START_NS + int(t), round(float(v), 3))
            for t, v in zip(np.sort(rng.integers(0, 600 * S, 80)), rng.normal(10, 3, 80), strict=True)
            if not 120 * S <= t < 240 * S
        ]
        for host in ZONES
    }
    for half in (0, 1):
        with Lake.open(path, maintain=False) as lake:
            batch = Batch(Resource("fleet"))
            for host, samples in rows.items():
                one = Series("load", (("host", host), ("zone", ZONES[host])), "fleet")
                for time_ns, value in samples[half::2]:
                    batch.add_sample(one, time_ns, value)
            lake.append([batch])
        if half == 0:
            seal_all(path)
    with Lake.open(path, read_only=True) as lake:
        yield lake, rows


def quantile(values: list[float], q: float) -> float:
    return float(np.quantile(values, q))


NAIVE: dict[str, Callable[[list[float]], float]] = {
    "MEAN": statistics.fmean,
    "SUM": math.fsum,
    "MIN": min,
    "MAX": max,
    "COUNT": len,
    "FIRST": lambda values: values[0],
    "LAST": lambda values: values[-1],
    "STDDEV": statistics.pstdev,
    "QUANTILE(0.9)": lambda values: quantile(values, 0.9),
    "quantile( 0 )": min,
    "Quantile(1)": max,
}


def shown(found: list[Aggregated]) -> dict[tuple[str, ...], dict[int, float]]:
    return {
        tuple(one.labels.values()): dict(zip(one.times_ns.tolist(), one.values.tolist(), strict=True)) for one in found
    }


@pytest.mark.parametrize("how", NAIVE)
@pytest.mark.parametrize("by", [(), ("zone",), ("host",), ("zone", "host")])
def test_aggregations_are_what_they_are_called(given_lake: tuple[Lake, Rows], how: str, by: tuple[str, ...]) -> None:
    lake, rows = given_lake
    cells: dict[tuple[str, ...], dict[int, list[tuple[int, float]]]] = {}
    for host, samples in rows.items():
        key = tuple({"zone": ZONES[host], "host": host}[label] for label in by)
        for time_ns, value in samples:
            cells.setdefault(key, {}).setdefault(time_ns // STEP_NS * STEP_NS, []).append((time_ns, value))
    found = shown(lake.aggregate(named("load"), START_NS, START_NS + 600 * S, STEP_NS, how, by))
    assert found.keys() == cells.keys()
    for key, steps in cells.items():
        assert found[key].keys() == steps.keys()
        for step, samples in steps.items():
            assert found[key][step] == pytest.approx(NAIVE[how]([value for _, value in sorted(samples)]))


def test_each_series_by_itself_shows_all_its_labels(given_lake: tuple[Lake, Rows]) -> None:
    lake, rows = given_lake
    found = lake.aggregate(named("load"), START_NS, START_NS + 600 * S, 600 * S, "count", None)
    assert {one.labels["host"]: one.values.sum() for one in found} == {h: len(r) for h, r in rows.items()}
    assert {one.series and one.series.name for one in found} == {"load"}
    assert found[0].labels.keys() == {"__name__", "host", "zone", "service", "field"}


def test_steps_are_multiples_of_their_length_and_the_range_cuts_them(given_lake: tuple[Lake, Rows]) -> None:
    lake, rows = given_lake
    start_ns, end_ns = START_NS + 10 * S, START_NS + 75 * S
    (found,) = lake.aggregate([Matcher("host", "=", "a")], start_ns, end_ns, STEP_NS, "count")
    inside = [time_ns for time_ns, _ in rows["a"] if start_ns <= time_ns < end_ns]
    assert found.times_ns.tolist() == sorted({time_ns // STEP_NS * STEP_NS for time_ns in inside})
    assert found.values.sum() == len(inside)


def counted(path: Path, samples: dict[str, list[tuple[int, float]]], how: str, by: By = ("host",)) -> object:
    with Lake.open(path, maintain=False) as lake:
        rows = [(series("requests", host), START_NS + t * S, v) for host, some in samples.items() for t, v in some]
        put(lake, rows)
        return shown(lake.aggregate(named("requests"), START_NS, START_NS + 120 * S, STEP_NS, how, by))


def test_an_increase_knows_restarts_and_the_sample_before_the_range(tmp_path: Path) -> None:
    samples: dict[str, list[tuple[int, float]]] = {
        "a": [(-10, 100), (10, 110), (50, 5), (70, 25)],
        "b": [(10, 1000), (50, 1001)],
    }
    first, second = START_NS, START_NS + STEP_NS
    assert counted(tmp_path / "1", samples, "increase") == {("a",): {first: 15, second: 20}, ("b",): {first: 1}}
    assert counted(tmp_path / "2", samples, "increase", ()) == {(): {first: 16, second: 20}}
    assert counted(tmp_path / "3", samples, "RATE", ()) == {(): {first: 16 / 60, second: 20 / 60}}


def test_the_mark_of_an_ended_series_is_no_value(tmp_path: Path) -> None:
    stale, other_nan = ODD[:2]
    samples = {"a": [(1, 4.0), (2, stale)], "b": [(1, stale)], "c": [(1, other_nan), (2, 7.0)]}
    assert counted(tmp_path / "1", samples, "count") == {("a",): {START_NS: 1}, ("c",): {START_NS: 2}}
    assert counted(tmp_path / "2", samples, "max", ()) == {(): {START_NS: 7.0}}
    found = counted(tmp_path / "3", samples, "mean", ())
    assert str(found) == str({(): {START_NS: math.nan}})


def test_nothing_there_is_an_empty_answer(given_lake: tuple[Lake, Rows]) -> None:
    lake, _ = given_lake
    assert lake.aggregate(named("nothing"), START_NS, START_NS + S, STEP_NS, "mean") == []
    assert lake.aggregate(named("load"), START_NS - S, START_NS, STEP_NS, "rate") == []
    assert lake.aggregate(named("load"), START_NS, START_NS, STEP_NS, "mean") == []


@pytest.mark.parametrize("how", ["median", "", "quantile", "quantile(1.5)", "quantile(x)", "quantile(e)"])
def test_an_unknown_aggregation_is_an_error(given_lake: tuple[Lake, Rows], how: str) -> None:
    with pytest.raises(QueryError):
        given_lake[0].aggregate(named("load"), START_NS, START_NS + S, STEP_NS, how)


def test_a_bad_range_is_an_error(given_lake: tuple[Lake, Rows]) -> None:
    lake, _ = given_lake
    for start_ns, end_ns, step_ns in ((1, 0, 1), (0, 1, 0), (0, 1, -1), (0, 2**62, 1)):
        with pytest.raises(QueryError):
            lake.aggregate(named("load"), start_ns, end_ns, step_ns, "mean")
