import math
import time

import pytest

from firstlight.errors import QueryCanceled, QueryFailed, QueryTimedOut, QueryTooLarge
from firstlight.query.promql.answer_json import answer_data
from firstlight.query.promql.engine import Engine, Options
from firstlight.query.promql.limits import Limits
from firstlight.query.promql.sources.memory import MemorySource
from tests.query.promql.series import STALE, S, instant, problem, ranged, source

HELD = source(60, **{"m{a='1'}": [1, 2, 3], "m{a='2'}": [4, 5, 6]})


def test_names_are_dropped_at_the_end() -> None:
    held = source(60, x=[1], y=[2])
    assert "same labelset" in problem(held, '-{__name__=~"x|y"}')
    assert instant(held, 'label_replace(-{__name__=~"x|y"}, "n", "$1", "__name__", "(.*)")') == {"n=x": -1, "n=y": -2}


def test_series_that_take_turns_become_one() -> None:
    held = source(400, x=[1, None], y=[None, 2])
    assert ranged(held, '-{__name__=~"x|y"}', 0, 400, 400) == {"": {0: -1, 400: -2}}


def test_answers_take_the_form_of_the_api() -> None:
    data = answer_data(Engine(HELD).range('m{a="1"}', 0, 60 * S, 60 * S))
    assert data == {
        "resultType": "matrix",
        "result": [{"metric": {"__name__": "m", "a": "1"}, "values": [[0, "1"], [60, "2"]]}],
    }
    assert answer_data(Engine(HELD).instant("1e-7", 1_500_000_000)) == {
        "resultType": "scalar", "result": [1.5, "0.0000001"]
    }  # fmt: skip
    assert answer_data(Engine(HELD).instant('"x"', 0)) == {"resultType": "string", "result": [0, "x"]}
    vector = answer_data(Engine(HELD).instant("-1/0 * m{a='1'}", 0))
    assert vector["result"] == [{"metric": {"a": "1"}, "value": [0, "-Inf"]}]


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.1, "0.1"), (1e20, "100000000000000000000"), (1e21, "1e+21"), (1e-6, "0.000001"), (-0.0, "-0")],
)
def test_numbers_are_written_as_prometheus_does(value: float, text: str) -> None:
    held = MemorySource()
    held.add({"__name__": "m"}, [(0, value)])
    assert answer_data(Engine(held).instant("m", 0))["result"][0]["value"][1] == text


def test_a_stale_marker_is_no_value_but_nan_is() -> None:
    held = source(60, m=[1, STALE, math.nan])
    assert instant(held, "m", 60) == {}
    assert math.isnan(instant(held, "m", 120)["__name__=m"])


@pytest.mark.parametrize(
    "text",
    ["max(sum_over_time(m[1y:1ms]))", "max_over_time(sum_over_time(vector(1)[1d:1ms])[1y:1m])", "time() * m"],
)
def test_a_query_that_would_fill_memory_is_refused_before(text: str) -> None:
    limits = Limits(max_samples=100_000)
    with pytest.raises(QueryTooLarge):
        Engine(HELD).range(text, 0, 10**6 * S, S, limits)


def test_samples_are_counted() -> None:
    limits = Limits(max_samples=5)
    with pytest.raises(QueryTooLarge, match="too many samples"):
        Engine(HELD).instant("count_over_time(m[1h])", 120 * S, limits)
    limits = Limits(max_samples=6)
    Engine(HELD).instant("count_over_time(m[1h])", 120 * S, limits)
    assert limits.samples == 6


def test_time_and_patience_end() -> None:
    with pytest.raises(QueryTimedOut):
        Engine(HELD).instant("m", 0, Limits(deadline_s=time.monotonic() - 1))
    with pytest.raises(QueryCanceled):
        Engine(HELD).instant("m", 0, Limits(is_canceled=lambda: True))
    with pytest.raises(QueryTimedOut):
        Engine(HELD, Options(timeout_s=-1.0)).instant("m", 0)


def test_ranges_of_time_must_make_sense() -> None:
    for text, start, end, step in (("m", 0, 1, 0), ("m", 1, 0, 1), ("m[5m]", 0, 1, 1), ('"a"', 0, 1, 1)):
        with pytest.raises(QueryFailed):
            Engine(HELD).range(text, start * S, end * S, step * S)


def test_what_says_at_is_the_same_at_all_steps() -> None:
    found = ranged(HELD, "sum_over_time(m[2m] @ 120) + time() * 0", 0, 120, 60)
    assert found == {"a=1": {0: 5, 60: 5, 120: 5}, "a=2": {0: 11, 60: 11, 120: 11}}
