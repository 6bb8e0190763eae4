import statistics
from pathlib import Path

import numpy as np
import pytest

from firstlight.app.lake import Lake
from firstlight.errors import QueryError
from firstlight.model import Batch, Resource, Series
from firstlight.query.summary import MetricSummary, Question, reading_of, summarize

S = 1_000_000_000
SCOPE = "here"
A = Series("took", (("kind", "a"), ("zone", "n")), scope=SCOPE)
B = Series("took", (("kind", "b"), ("zone", "n")), scope=SCOPE)
NO_KIND = Series("took", (("zone", "s"),), scope=SCOPE)
OTHER = Series("errors", (), scope=SCOPE)
ELSEWHERE = Series("took", (), scope="elsewhere")
VALUES = {A: [1.0, 2.0, 4.5], B: [10.0, 0.1], NO_KIND: [7.0], OTHER: [3.0], ELSEWHERE: [1e9]}
ALL = [value for series in (A, B, NO_KIND) for value in VALUES[series]]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory):
    with Lake.open(tmp_path_factory.mktemp("lake"), maintain=False) as opened:
        batch = Batch(Resource())
        for place, (series, values) in enumerate(VALUES.items()):
            for n, value in enumerate(values):
                batch.add_sample(series, (n + 1) * S + place, value)
        opened.append([batch])
        yield opened


def ask(lake: Lake, aggregation, names=("took",), begin_ns=None, end_ns=None, by=()) -> dict[str, MetricSummary]:
    question = Question(names=names, scope=SCOPE, begin_ns=begin_ns, end_ns=end_ns, aggregation=aggregation, by=by)
    return summarize(lake, question)


EXPECTED = {
    "MEAN": statistics.fmean(ALL),
    "SUM": sum(ALL),
    "MIN": 0.1,
    "MAX": 10.0,
    "COUNT": 6,
    "MEDIAN": statistics.median(ALL),
    "STDDEV": statistics.pstdev(ALL),
    "FIRST": 1.0,
    "LAST": 4.5,
    "P0": 0.1,
    "P95": float(np.quantile(ALL, 0.95)),
    "P99.9": float(np.quantile(ALL, 0.999)),
    "P100": 10.0,
    "QUANTILE:0.25": float(np.quantile(ALL, 0.25)),
    "QUANTILE:1": 10.0,
    "p50": statistics.median(ALL),
}


@pytest.mark.parametrize("aggregation", EXPECTED)
def test_each_aggregation(lake: Lake, aggregation: str) -> None:
    whole = ask(lake, reading_of(aggregation))["took"].whole
    assert whole.value == pytest.approx(EXPECTED[aggregation], rel=1e-12)
    assert (whole.samples, whole.first_ns, whole.last_ns) == (6, 1 * S, 3 * S)


@pytest.mark.parametrize("name", ["", "AVG", "P101", "P", "P-1", "QUANTILE:2", "QUANTILE:", "mean value", "P95)--"])
def test_an_unknown_aggregation_is_an_error(lake: Lake, name: str) -> None:
    with pytest.raises(QueryError, match="use one of MEAN"):
        reading_of(name)
    with pytest.raises(QueryError):
        ask(lake, name)


def test_a_sum_of_many_is_exact(tmp_path: Path) -> None:
    with Lake.open(tmp_path, maintain=False) as lake:
        batch = Batch(Resource())
        for n in range(10_000):
            batch.add_sample(OTHER, n, 0.1)
        lake.append([batch])
        assert ask(lake, "SUM", ["errors"])["errors"].whole.value == pytest.approx(1000.0, abs=1e-12)
        assert ask(lake, "MEAN", ["errors"])["errors"].whole.value == pytest.approx(0.1, abs=1e-16)


def test_the_rate_knows_new_beginnings_and_adds_up_series(tmp_path: Path) -> None:
    rows = {A: [(0, 5.0), (10, 25.0), (20, 3.0), (40, 23.0)], B: [(0, 0.0), (10, 50.0)], NO_KIND: [(3, 9.0)]}
    with Lake.open(tmp_path, maintain=False) as lake:
        batch = Batch(Resource())
        for series, samples in rows.items():
            for second, value in reversed(samples):
                batch.add_sample(series, second * S, value)
        lake.append([batch])
        found = ask(lake, "RATE", by=["kind"])["took"]
    # (20 + 3 + 20) in 40 s, and 50 in 10 s.
    assert found.whole.value == pytest.approx(43 / 40 + 5)
    assert found.whole.samples == 7
    assert [(part.labels["kind"], part.value) for part in found.parts] == [
        (None, None),
        ("a", pytest.approx(43 / 40)),
        ("b", pytest.approx(5)),
    ]


def test_ends_are_included_and_other_times_are_not(lake: Lake) -> None:
    def count(begin_ns, end_ns) -> int:
        found = ask(lake, "COUNT", begin_ns=begin_ns, end_ns=end_ns)
        return found["took"].whole.samples if found else 0

    assert count(1 * S, 1 * S) == 1
    assert count(1 * S, 1 * S + 2) == 3
    assert count(1 * S + 1, 2 * S) == 3
    assert count(None, 2 * S + 1) == 5
    assert count(2 * S, None) == 3
    assert count(3 * S + 1, 9 * S) == 0


def test_all_metrics_of_the_scope_and_no_others(lake: Lake) -> None:
    assert {name: one.whole.value for name, one in ask(lake, "MAX", None).items()} == {"errors": 3.0, "took": 10.0}
    assert ask(lake, "MAX", ["unknown"]) == {}
    assert ask(lake, "MAX", []) == {}


def test_several_labels_tell_apart(lake: Lake) -> None:
    parts = ask(lake, "SUM", by=["zone", "kind"])["took"].parts
    assert [(part.labels, part.value, part.samples) for part in parts] == [
        ({"zone": "n", "kind": "a"}, 7.5, 3),
        ({"zone": "n", "kind": "b"}, pytest.approx(10.1), 2),
        ({"zone": "s", "kind": None}, 7.0, 1),
    ]


def test_a_function_gets_the_values_in_their_order_of_time(lake: Lake) -> None:
    assert ask(lake, list)["took"].whole.value == [1.0, 10.0, 7.0, 2.0, 0.1, 4.5]
    parts = ask(lake, max, by=["kind"])["took"].parts
    assert [(part.labels["kind"], part.value) for part in parts] == [(None, 7.0), ("a", 4.5), ("b", 10.0)]
    with pytest.raises(QueryError, match=r"failed for took: ZeroDivisionError"):
        ask(lake, lambda values: 1 / 0)


def test_names_and_labels_are_never_read_as_sql(lake: Lake) -> None:
    assert ask(lake, "SUM", ["took' OR 1=1 --"]) == {}
    assert ask(lake, "SUM", by=["x'] FROM series --"])["took"].parts[0].labels == {"x'] FROM series --": None}
