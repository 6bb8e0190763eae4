import math

import pytest

from firstlight.query.promql.engine import Engine
from tests.query.promql.series import STALE, S, instant, problem, ranged, source

INF, NAN = math.inf, math.nan


def of(values: list[float | None], text: str, at_s: float, step_s: float = 10) -> float | None:
    found = instant(source(step_s, m_total=values), text, at_s)
    return next(iter(found.values()), None)


def test_a_range_is_open_on_the_left() -> None:
    assert of([1, 2, 4, 8], "sum_over_time(m_total[20s])", 30) == 12


def test_stale_markers_are_invisible_to_ranges_and_end_vectors() -> None:
    assert of([1, 2, STALE, 8], "count_over_time(m_total[1m])", 30) == 3
    assert of([1, 2, STALE], "m_total", 25) is None
    assert of([1, NAN], "count_over_time(m_total[1m])", 30) == 2


def test_a_vector_looks_back_five_minutes_and_no_more() -> None:
    assert of([7], "m_total", 299.999) == 7
    assert of([7], "m_total", 300) is None


def test_infinities_and_cancellation_stay_in_their_windows() -> None:
    values: list[float | None] = [1e100, 1, -1e100, INF, 5, 6, -INF, INF, 1, 2]
    found = ranged(source(10, m=values), "sum_over_time(m[30s])", 20, 90, 10)[""]
    assert found[20] == 1
    assert found[30] == INF
    assert found[60] == -INF
    assert math.isnan(found[70])
    assert found[90] == INF


def test_a_mean_survives_a_sum_that_does_not() -> None:
    assert of([1.7e308, 1.7e308, 1.7e308], "avg_over_time(m_total[1m])", 20) == pytest.approx(1.7e308)


def test_equal_values_do_not_vary() -> None:
    assert of([0.1] * 7, "stddev_over_time(m_total[2m])", 60) == 0
    assert of([0.1] * 7, "deriv(m_total[2m])", 60) == 0


def test_a_long_window_is_as_good_as_a_short_one() -> None:
    values: list[float | None] = [float(n % 7) for n in range(2000)]
    assert of(values, "stdvar_over_time(m_total[7000s])", 10000) == pytest.approx(4.0, rel=1e-3)
    line: list[float | None] = [3.0 * n for n in range(2000)]
    assert of(line, "deriv(m_total[7000s])", 10000) == pytest.approx(0.3)
    assert of(line, "predict_linear(m_total[7000s], 100)", 19990) == pytest.approx(6027)


def test_rates_go_on_after_resets() -> None:
    assert of([0, 10, 20, 5, 15], "increase(m_total[40s])", 40) == pytest.approx((15 - 10 + 20) * 4 / 3)


def test_nan_is_the_least_of_a_quantile() -> None:
    assert math.isnan(of([NAN, 1, 2], "quantile_over_time(0, m_total[1m])", 20) or 0.0)
    assert of([NAN, 1, 2], "quantile_over_time(1, m_total[1m])", 20) == 2
    assert of([1, 2, 3], "quantile_over_time(2, m_total[1m])", 20) == INF


def test_smoothing_factors_are_checked() -> None:
    held = source(10, m=[1, 2, 3, 4])
    assert of([1, 2, 3, 4], "double_exponential_smoothing(m_total[1m], 0.5, 0.5)", 30) == pytest.approx(4)
    assert "invalid smoothing factor" in problem(held, "double_exponential_smoothing(m[1m], 1, 0.5)", 30)
    assert "invalid trend factor" in problem(held, "double_exponential_smoothing(m[1m], 0.5, 0)", 30)


def test_rates_of_what_may_be_no_counter_are_pointed_out() -> None:
    answer = Engine(source(10, temperature=[1, 2, 3])).instant("1 +\n rate(temperature[1m])", 30 * S)
    message = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket"
    assert answer.infos == (f'PromQL info: {message}: "temperature" (2:7)',)
