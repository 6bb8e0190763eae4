import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from firstlight.query.promql.histograms import rates as histogram_rates
from firstlight.query.promql.histograms.arithmetic import add
from firstlight.query.promql.histograms.histogram import Hint, Histogram
from firstlight.query.promql.histograms.rates import (
    HistogramWindows,
    change_flags,
    instant_rates,
    reset_flags,
    window_rates,
)
from firstlight.query.promql.histograms.text import text_form
from firstlight.query.promql.histograms.troubles import Trouble
from tests.query.promql.native import custom, exponential, exponentials

_S = 1_000_000_000


def objects(histograms):
    column = np.empty(len(histograms), object)
    column[:] = histograms
    return column


def windows(histograms, times_s, ends_s, range_s):
    times_ns, ends_ns = np.array(times_s) * _S, np.array(ends_s) * _S
    starts_ns = ends_ns - range_s * _S
    first, end = times_ns.searchsorted(starts_ns, "right"), times_ns.searchsorted(ends_ns, "right")
    return HistogramWindows(objects(histograms), times_ns, first, end, starts_ns, ends_ns)


def one(histograms, *, counter=True, per_second=False, range_s=100):
    """The answer over ten-second steps that fill the window."""
    times_s = range(10, 10 * len(histograms) + 1, 10)
    step = windows(histograms, times_s, [times_s[-1]], 10 * (len(histograms) - 1) + 1)
    answers, troubles = window_rates(step, counter=counter, per_second=per_second)
    return answers[0], troubles


def test_an_increase_is_carried_on_to_the_edge():
    counts = [exponential(1, [n, 2 * n], total=float(n)) for n in range(1, 6)]
    answers, troubles = window_rates(
        windows(counts, [10, 20, 30, 40, 50], [50, 65], 60), counter=True, per_second=False
    )
    assert [answer.count for answer in answers] == pytest.approx([12 * 45 / 40, 12 * 50 / 40])
    assert answers[0].positive.counts.tolist() == pytest.approx([4.5, 9])
    assert answers[0].sum == pytest.approx(4.5)
    assert answers[0].hint is Hint.GAUGE
    assert troubles == set()


def test_a_rate_is_per_second_of_the_range():
    counts = [exponential(1, [n]) for n in range(1, 6)]
    answers, _ = window_rates(windows(counts, [10, 20, 30, 40, 50], [50], 41), counter=True, per_second=True)
    assert answers[0].count == pytest.approx(4 * 41 / 40 / 41)


def test_what_a_reset_took_is_counted():
    answer, troubles = one([exponential(1, [5, 1]), exponential(1, [7, 1]), exponential(1, [2, 3])])
    factor = 21 / 20
    assert answer.positive.counts.tolist() == pytest.approx([(2 + 7 - 5) * factor, (3 + 1 - 1) * factor])
    assert troubles == set()


def test_a_delta_looks_at_the_outer_two_and_wants_gauges():
    gauges = [exponential(1, [n], hint=Hint.GAUGE) for n in (9, 1, 4)]
    assert one(gauges, counter=False)[1] == set()
    answer, troubles = one([exponential(1, [n]) for n in (9, 1, 4)], counter=False)
    assert answer.count == pytest.approx(-5 * 21 / 20)
    assert troubles == {Trouble.NOT_GAUGE}
    assert one(gauges)[1] == {Trouble.NOT_COUNTER}


def test_windows_with_too_few_or_with_floats_have_no_answer():
    mixed = [exponential(1, [1]), None, exponential(1, [2]), exponential(1, [3]), None]
    answers, troubles = window_rates(
        windows(mixed, [10, 20, 30, 40, 50], [10, 20, 40, 50, 90], 15), counter=True, per_second=True
    )
    assert [answer is not None for answer in answers] == [False, False, True, False, False]
    assert troubles == {Trouble.MIXED_FLOATS}


def test_the_layout_before_the_first_reset_does_not_matter():
    answer, troubles = one([exponential(1, [1]), custom([5], [1, 1]), custom([5], [2, 1])])
    assert (answer.custom, answer.count, troubles) == (True, pytest.approx(3 * 21 / 20), set())
    assert one([custom([5], [1]), custom([2], [1]), custom([5], [2])]) == (None, {Trouble.DIFFERENT_BOUNDS})
    assert one([custom([5], [1]), exponential(1, [1]), custom([5], [2])]) == (None, {Trouble.MIXED_SCHEMAS})


def test_resolutions_in_between_count():
    series = [exponential(1, [1, 1], schema=1), exponential(1, [3], schema=0), exponential(1, [2, 4], schema=1)]
    answer, _ = one(series)
    assert answer.schema == 0


@settings(max_examples=60)
@given(some.lists(exponentials(some.just(0)), min_size=2, max_size=9), some.booleans(), some.booleans())
def test_all_windows_at_once_are_each_by_itself(parts, counter, grows):
    series = [parts[0]]
    for part in parts[1:]:
        series.append(add(series[-1], part) if grows and len(series) % 4 else part)
    times_s = range(10, 10 * len(series) + 1, 10)
    view = windows(series, times_s, range(20, 10 * len(series) + 30, 7), 35)
    at_once, troubles = window_rates(view, counter=counter, per_second=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(histogram_rates, "table_of", lambda histograms: None)
        by_itself, same_troubles = window_rates(view, counter=counter, per_second=True)
    assert list(map(_shown, at_once)) == list(map(_shown, by_itself))
    assert troubles == same_troubles


def _shown(histogram: Histogram | None) -> str | None:
    return None if histogram is None else text_form(histogram)


def test_instant_rates_are_of_the_last_two():
    series = [exponential(1, [1]), exponential(1, [5]), None, exponential(1, [2]), exponential(1, [1])]
    view = windows(series, [10, 20, 30, 40, 50], [20, 29, 30, 45, 50], 25)
    answers, troubles = instant_rates(view, counter=True)
    assert [answer and answer.count for answer in answers] == [0.4, 0.4, None, None, 0.1]
    assert troubles == {Trouble.MIXED_FLOATS}
    answers, troubles = instant_rates(view, counter=False)
    assert [answer and answer.count for answer in answers] == [4, 4, None, None, -1]
    assert troubles == {Trouble.MIXED_FLOATS, Trouble.NOT_GAUGE}


def test_instant_differences_need_one_layout_and_instant_rates_do_not():
    view = windows([custom([2], [3]), custom([5], [3])], [10, 20], [20], 20)
    assert instant_rates(view, counter=True)[0][0].count == pytest.approx(0.3)
    answers, troubles = instant_rates(view, counter=False)
    assert (answers[0], troubles) == (None, {Trouble.NOT_GAUGE, Trouble.DIFFERENT_BOUNDS})


def test_resets_and_changes_between_neighbours():
    up, down = exponential(1, [5]), exponential(1, [4])
    histograms = objects([None, None, None, up, up, down, None])
    values = np.array([1.0, float("nan"), float("nan"), 0.0, 0.0, 0.0, 9.0])
    assert reset_flags(values, histograms).tolist() == [False, False, False, True, False, True, True]
    assert change_flags(values, histograms).tolist() == [False, True, False, True, False, True, True]
