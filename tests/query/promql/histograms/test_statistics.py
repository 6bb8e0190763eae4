from math import inf, isnan, nan, sqrt

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as some
from msgspec.structs import replace

from firstlight.query.promql.histograms.histogram import Buckets
from firstlight.query.promql.histograms.quantiles import quantiles
from firstlight.query.promql.histograms.statistics import average, deviation, fraction, quantile, variance
from firstlight.query.promql.histograms.troubles import Trouble
from tests.query.promql.native import custom, exponential, exponentials


def test_quantiles_lie_evenly_on_a_logarithmic_scale():
    four = exponential(1, [4])
    assert quantile(four, 0.5) == (pytest.approx(sqrt(2)), None)
    assert quantile(four, 1) == (pytest.approx(2), None)
    mirrored = exponential(negative=Buckets.dense(1, [4]))
    assert quantile(mirrored, 0.25)[0] == pytest.approx(-(2**0.75))


def test_quantiles_lie_evenly_in_the_zero_bucket():
    assert quantile(exponential(zero=(0.5, 2.0)), 0.25)[0] == -0.25
    assert quantile(exponential(3, [2], zero=(0.5, 2.0)), 0.25)[0] == 0.25
    assert quantile(exponential(zero=(0.5, 2.0), negative=Buckets.dense(3, [2])), 0.75)[0] == -0.25


def test_quantiles_lie_evenly_between_custom_bounds():
    spread = custom([1, 3], [2, 4, 2])
    assert quantile(spread, 0.5)[0] == 2
    assert quantile(spread, 0.125)[0] == 0.5
    assert quantile(spread, 0.99)[0] == 3
    assert quantile(custom([-5, 3], [2, 4]), 0.1)[0] == -5


def test_quantiles_outside_of_zero_to_one_and_of_nothing():
    assert quantile(exponential(1, [1]), -0.1) == (-inf, None)
    assert quantile(exponential(1, [1]), 1.1) == (inf, None)
    assert isnan(quantile(exponential(1, [1]), nan)[0])
    assert isnan(quantile(exponential(), 0.5)[0])


def test_observations_of_nan_count_as_the_largest():
    some_nan = replace(exponential(1, [8], total=nan), count=10.0)
    assert quantile(some_nan, 0.4) == (pytest.approx(sqrt(2)), Trouble.QUANTILE_SKEWED)
    value, trouble = quantile(some_nan, 0.9)
    assert isnan(value)
    assert trouble is Trouble.QUANTILE_NAN
    assert fraction(some_nan, -inf, inf) == (0.8, Trouble.FRACTION_NAN)
    assert quantile(exponential(1, [8], total=nan), 0.5)[1] is None


@given(exponentials(), some.floats(0.01, 0.99))
def test_a_fraction_undoes_a_quantile(histogram, q):
    assume(histogram.count > 0)
    value, _ = quantile(histogram, q)
    rest = fraction(histogram, value, inf)[0]
    assert fraction(histogram, -inf, value)[0] + rest == pytest.approx(1)
    assert fraction(histogram, -inf, value)[0] == pytest.approx(q, abs=1e-9)


def test_fractions_of_buckets():
    three = exponential(1, [1, 2, 1], zero=(0.5, 4.0))
    assert fraction(three, 1, 2)[0] == 1 / 8
    assert fraction(three, 0, 0.25)[0] == 2 / 8
    assert fraction(three, 2, 1)[0] == 0
    assert isnan(fraction(three, nan, 1)[0])
    assert isnan(fraction(exponential(), 0, 1)[0])
    assert fraction(custom([5, 10], [1, 2, 1]), 5, 7.5)[0] == 0.25


def test_means_and_spreads():
    assert average(exponential(1, [4], total=6.0)) == 1.5
    assert isnan(average(exponential()))
    assert variance(custom([2, 4], [0, 2], 6.0)) == 0
    assert deviation(exponential(1, [1], total=1.0)) == pytest.approx(sqrt(2) - 1)
    assert variance(exponential(zero=(0.5, 2.0), total=2.0)) == 1
    assert isnan(deviation(exponential(1, [1], total=nan)))


@given(some.lists(some.tuples(exponentials(some.just(1)), some.floats(-0.1, 1.1)), min_size=8, max_size=20))
def test_many_quantiles_are_those_of_each(given_pairs):
    histograms, qs = zip(*given_pairs, strict=True)
    values, troubles = quantiles(histograms, np.array(qs))
    assert values.tolist() == pytest.approx([quantile(one, q)[0] for one, q in given_pairs], nan_ok=True)
    assert troubles == set()


@given(
    some.sampled_from([[-3.0, 2.0], [1.0, 2.0, 4.0], [0.0, 1.0]]),
    some.lists(some.tuples(some.lists(some.integers(0, 4), min_size=4, max_size=4), some.floats(0, 1)), min_size=8),
)
def test_many_quantiles_between_custom_bounds_are_those_of_each(bounds, rows):
    histograms = [custom(bounds, counts[: len(bounds) + 1]) for counts, _ in rows]
    qs = np.array([q for _, q in rows])
    values, _ = quantiles(histograms, qs)
    expected = [quantile(one, q)[0] for one, q in zip(histograms, qs.tolist(), strict=True)]
    assert values.tolist() == pytest.approx(expected, nan_ok=True)


def test_many_quantiles_say_what_is_doubtful():
    some_nan = replace(exponential(1, [8], total=nan), count=10.0)
    values, troubles = quantiles([exponential(1, [4])] * 8 + [some_nan], np.full(9, 0.5))
    assert values.tolist() == pytest.approx([sqrt(2)] * 8 + [quantile(some_nan, 0.5)[0]])
    assert troubles == {Trouble.QUANTILE_SKEWED}
