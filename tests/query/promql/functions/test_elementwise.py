import math

import pytest

from tests.query.promql.series import instant, source

HELD = source(60, **{"m{i='1'}": [-1.5], "m{i='2'}": [2.5], "t": [1_709_210_096]})  # 2024-02-29T12:34:56Z


@pytest.mark.parametrize(
    ("text", "one", "two"),
    [
        ("abs(m)", 1.5, 2.5),
        ("ceil(m)", -1, 3),
        ("round(m)", -1, 3),
        ("round(m, 2)", -2, 2),
        ("sgn(m)", -1, 1),
        ("clamp(m, 0, 1)", 0, 1),
        ("clamp_min(m, 0)", 0, 2.5),
        ("clamp_max(m, 0)", -1.5, 0),
        ("exp(m)", math.exp(-1.5), math.exp(2.5)),
    ],
)
def test_each_value_by_itself(text: str, one: float, two: float) -> None:
    assert instant(HELD, text) == {"i=1": pytest.approx(one), "i=2": pytest.approx(two)}


def test_a_clamp_between_nothing_is_nothing() -> None:
    assert instant(HELD, "clamp(m, 2, 1)") == {}
    assert all(math.isnan(value) for value in instant(HELD, "clamp(m, NaN, 1)").values())


def test_the_calendar_is_utc() -> None:
    parts = {"year": 2024, "month": 2, "day_of_month": 29, "day_of_year": 60, "days_in_month": 29, "hour": 12}
    for name, value in {**parts, "minute": 34, "day_of_week": 4}.items():
        assert instant(HELD, f"{name}(t)") == {"": value}, name
    assert instant(HELD, "year()", 0) == {"": 1970}
    assert math.isnan(instant(HELD, "hour(vector(NaN))")[""])


def test_scalars_and_vectors_turn_into_each_other() -> None:
    assert instant(HELD, "vector(time())", 90) == {"": 90}
    assert instant(HELD, "scalar(t) + 1") == {"": 1_709_210_097}
    assert math.isnan(instant(HELD, "scalar(m)")[""])
