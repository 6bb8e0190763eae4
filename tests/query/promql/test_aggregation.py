import math

import pytest

from firstlight.errors import QueryTooLarge
from firstlight.query.promql.engine import Engine
from firstlight.query.promql.limits import Limits
from tests.query.promql.series import STALE, S, instant, problem, ranged, source

HELD = source(
    60,
    **{
        "m{g='a',i='1'}": [1, 2, None],
        "m{g='a',i='2'}": [3, None, None],
        "m{g='b',i='1'}": [10, 20, 30],
        "m{g='b',i='2'}": [30, 40, math.nan],
    },
)


@pytest.mark.parametrize(
    ("text", "a", "b"),
    [
        ("sum", 4, 40),
        ("avg", 2, 20),
        ("min", 1, 10),
        ("max", 3, 30),
        ("count", 2, 2),
        ("group", 1, 1),
        ("stdvar", 1, 100),
        ("stddev", 1, 10),
    ],
)
def test_groups_are_drawn_together(text: str, a: float, b: float) -> None:
    assert instant(HELD, f"{text} by (g) (m)") == {"g=a": a, "g=b": b}
    assert instant(HELD, f"{text} without (i) (m)") == {"g=a": a, "g=b": b}


def test_each_step_takes_what_is_there() -> None:
    held = source(400, **{"m{i='1'}": [1, None, 3], "m{i='2'}": [10, 20, None]})
    assert ranged(held, "sum(m)", 0, 800, 400) == {"": {0: 11, 400: 20, 800: 3}}
    assert ranged(held, "quantile(0.5, m)", 0, 800, 400) == {"": {0: 5.5, 400: 20, 800: 3}}


def test_large_sums_are_compensated() -> None:
    held = source(60, **{"m{i='1'}": [1e100], "m{i='2'}": [1], "m{i='3'}": [-1e100]})
    assert instant(held, "sum(m)") == {"": 1}
    assert instant(source(60, **{"m{i='1'}": [1.7e308], "m{i='2'}": [1.7e308]}), "avg(m)") == {"": 1.7e308}


def test_the_best_come_in_order_and_nan_last() -> None:
    assert list(instant(HELD, "topk(3, m)").values()) == [30, 10, 3]
    assert list(instant(HELD, "bottomk(2, m)").values()) == [1, 3]
    assert instant(HELD, "topk by (g) (1, m)") == {"__name__=m,g=a,i=2": 3, "__name__=m,g=b,i=2": 30}
    found = list(instant(HELD, "topk(5, m)", 120).values())
    assert found[:3] == [30, 3, 2]
    assert math.isnan(found[3])


def test_the_number_of_the_best_may_change_with_time() -> None:
    held = source(60, **{"m{i='1'}": [1, 1, 1], "m{i='2'}": [2, 2, 2], "k": [0, 1, 2]})
    found = ranged(held, "count(topk(scalar(k), m))", 0, 120, 60)
    assert found == {"": {60: 1, 120: 2}}


def test_values_are_counted_as_texts() -> None:
    held = source(60, **{"m{i='1'}": [0.5], "m{i='2'}": [0.5], "m{i='3'}": [1e21], "m{i='4'}": [-0.0]})
    assert instant(held, 'count_values("v", m)') == {"v=0.5": 2, "v=1000000000000000000000": 1, "v=-0": 1}


def test_counting_what_is_not_there_or_too_varied_ends_well() -> None:
    held = source(60, m=[1, STALE])
    assert instant(held, 'count_values("v", m)', 60) == {}
    varied = source(1, **{f"m{{i='{n}'}}": [n + 0.5, n + 0.25] for n in range(50)})
    with pytest.raises(QueryTooLarge):
        Engine(varied).range('count_values("v", m)', 0, 20 * S, S, Limits(max_samples=2000))


def test_a_ratio_and_its_complement_share_all() -> None:
    some = instant(HELD, "limit_ratio(0.4, m)")
    others = instant(HELD, "limit_ratio(-0.6, m)")
    assert not set(some) & set(others)
    assert {**some, **others}.keys() == instant(HELD, "m").keys()
    assert len(instant(HELD, "limitk(3, m)")) == 3


def test_wrong_parameters_are_told() -> None:
    answer = Engine(HELD).instant("quantile(1.5, m)", 0)
    assert answer.values.tolist() == [math.inf]
    assert answer.warnings == ("PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:10)",)
    assert problem(HELD, "topk(NaN, m)") == "Parameter value is NaN"
    assert "overflows int64" in problem(HELD, "topk(1e30, m)")
    assert "invalid label name" in problem(HELD, 'count_values("", m)')


def test_an_aggregation_of_nothing_is_nothing() -> None:
    assert instant(HELD, "sum(nothing)", 300) == {}
    assert len(Engine(HELD).range("topk(2, nothing)", 0, S, S)) == 0
