import math

import pytest

from firstlight.query.promql.engine import Engine
from tests.query.promql.series import instant, ranged, source

HELD = source(
    60,
    **{
        "h_bucket{le='1'}": [1, 2],
        "h_bucket{le='2'}": [3, 2],
        "h_bucket{le='4'}": [4, 8],
        "h_bucket{le='+Inf'}": [5, 8],
    },
)


@pytest.mark.parametrize(
    ("q", "value"), [("0.2", 1), ("0.4", 1.5), ("0.1", 0.5), ("0.99", 4), ("-1", -math.inf), ("2", math.inf)]
)
def test_quantiles_lie_on_straight_lines(q: str, value: float) -> None:
    assert instant(HELD, f"histogram_quantile({q}, h_bucket)") == {"": pytest.approx(value)}


def test_steps_may_lack_buckets() -> None:
    held = source(400, **{"h_bucket{le='1'}": [2, None], "h_bucket{le='2'}": [4, 4], "h_bucket{le='+Inf'}": [4, 4]})
    assert ranged(held, "histogram_quantile(0.75, h_bucket)", 0, 400, 400) == {"": {0: 1.5, 400: 1.5}}
    assert ranged(held, "histogram_quantile(0.25, h_bucket)", 0, 400, 400) == {"": {0: 0.5, 400: 0.5}}


def test_shares_lie_on_straight_lines() -> None:
    assert instant(HELD, "histogram_fraction(1, 2, h_bucket)") == {"": pytest.approx(0.4)}
    assert instant(HELD, "histogram_fraction(-Inf, 3, h_bucket)") == {"": pytest.approx(0.7)}
    assert math.isnan(instant(HELD, "histogram_fraction(0, 3, h_bucket)")[""])
    assert instant(HELD, "histogram_fraction(-Inf, +Inf, h_bucket)") == {"": 1}


def test_counts_that_fall_are_repaired_and_told() -> None:
    held = source(60, **{"h_bucket{le='1'}": [3], "h_bucket{le='2'}": [2], "h_bucket{le='+Inf'}": [4]})
    answer = Engine(held).instant("histogram_quantile(0.5, h_bucket)", 0)
    assert answer.values.tolist() == [pytest.approx(2 / 3)]
    assert len(answer.infos) == 1
    assert "needed to be fixed for monotonicity" in answer.infos[0]


def test_histograms_without_a_last_bucket_or_observations_say_nothing() -> None:
    for lines in ({"h_bucket{le='1'}": [3.0]}, {"h_bucket{le='1'}": [0.0], "h_bucket{le='+Inf'}": [0.0]}):
        found = instant(source(60, **lines), "histogram_quantile(0.5, h_bucket)")
        assert math.isnan(found[""])


def test_a_missing_bound_is_told() -> None:
    answer = Engine(source(60, h_bucket=[1])).instant("histogram_quantile(0.5, h_bucket)", 0)
    assert len(answer) == 0
    assert 'bucket label "le" is missing or has a malformed value' in answer.warnings[0]
