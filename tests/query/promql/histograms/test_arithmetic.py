from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from firstlight.query.promql.histograms.arithmetic import (
    add,
    coarser,
    divide,
    is_reset,
    multiply,
    same,
    subtract,
    widened,
)
from firstlight.query.promql.histograms.histogram import Buckets, Hint, Histogram, exponential_bounds
from firstlight.query.promql.histograms.sums import mean, total
from firstlight.query.promql.histograms.troubles import Trouble
from tests.query.promql.native import custom, exponential, exponentials


def test_bounds_are_powers_and_end_at_the_largest_number():
    indexes = np.array([-1, 0, 1, 2])
    assert exponential_bounds(indexes, 0).tolist() == [0.5, 1, 2, 4]
    assert exponential_bounds(indexes, -1).tolist() == [0.25, 1, 4, 16]
    assert exponential_bounds(indexes, 1) == pytest.approx([2**-0.5, 1, 2**0.5, 2])
    last = exponential_bounds(np.array([1023, 1024, 1025]), 0)
    assert last.tolist() == [2.0**1023, float(np.finfo(float).max), inf]


def test_spans_are_runs_after_gaps():
    side = Buckets.spans([(-2, 2), (3, 1)], [1, 2, 3])
    assert side.indexes.tolist() == [-2, -1, 3]
    assert side.counts.tolist() == [1, 2, 3]
    assert not Buckets.spans([], [])


def test_two_resolutions_meet_at_the_coarser():
    fine, coarse = exponential(1, [1, 2, 4], schema=1), exponential(0, [8, 16], schema=0)
    both = add(fine, coarse)
    assert isinstance(both, Histogram)
    assert (both.schema, both.count) == (0, 31)
    assert both.positive.indexes.tolist() == [0, 1, 2]
    assert both.positive.counts.tolist() == [8, 19, 4]


def test_two_zero_buckets_meet_at_the_wider_and_beyond_the_bucket_it_would_cut():
    narrow, wide = exponential(-2, [1, 2, 4, 8], zero=(0.1, 16.0)), exponential(3, [1], zero=(0.6, 32.0))
    both = add(narrow, wide)
    assert isinstance(both, Histogram)
    assert both.zero_threshold == 1
    assert both.zero_count == 16 + 32 + 1 + 2 + 4
    assert both.positive.indexes.tolist() == [1, 3]
    assert widened(narrow, 0.05) is narrow


def test_what_cannot_be_added():
    plain, five, two = exponential(1, [1]), custom([5, 10], [1, 1]), custom([2], [1])
    assert add(plain, five) is Trouble.MIXED_SCHEMAS
    assert subtract(five, two) is Trouble.DIFFERENT_BOUNDS
    assert total([five, five, two]) is Trouble.DIFFERENT_BOUNDS
    assert mean([plain, five]) is Trouble.MIXED_SCHEMAS


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (Hint.UNKNOWN, Hint.UNKNOWN, Hint.UNKNOWN),
        (Hint.GAUGE, Hint.RESET, Hint.GAUGE),
        (Hint.NOT_RESET, Hint.GAUGE, Hint.GAUGE),
        (Hint.RESET, Hint.NOT_RESET, Hint.UNKNOWN),
        (Hint.RESET, Hint.RESET, Hint.RESET),
    ],
)
def test_what_a_sum_hints_at(left, right, expected):
    both = exponential(1, [1], hint=left), exponential(1, [1], hint=right)
    assert add(*both).hint is expected
    assert total(both).hint is expected
    assert subtract(*both).hint is Hint.GAUGE


def test_scaling_scales_everything():
    one = exponential(1, [1, 2], zero=(0.5, 4.0), negative=Buckets.dense(2, [8]), total=3.0)
    twice = multiply(one, 2)
    assert (twice.count, twice.sum, twice.zero_count, twice.hint) == (30, 6, 8, Hint.UNKNOWN)
    assert twice.positive.counts.tolist() == [2, 4]
    assert twice.negative.counts.tolist() == [16]
    assert same(divide(twice, 2), one)
    assert multiply(one, -1).hint is Hint.GAUGE
    assert not multiply(one, 0).positive


def test_a_division_by_zero_leaves_no_buckets():
    over_zero = divide(exponential(1, [1], zero=(0.5, 1.0), total=-3.0), 0)
    assert (over_zero.count, over_zero.sum, over_zero.zero_count) == (inf, -inf, inf)
    assert not over_zero.positive
    assert isnan(divide(exponential(), 0).count)


@given(exponentials(), exponentials())
def test_what_is_added_can_be_taken_away(left, right):
    both = add(left, right)
    assert isinstance(both, Histogram)
    assert both.count == left.count + right.count
    assert both.count == both.zero_count + both.positive.counts.sum() + both.negative.counts.sum()
    assert same(subtract(both, right), coarser(left, both.schema))
    assert same(both, add(right, left))


@given(some.lists(exponentials(some.just(1)), min_size=1, max_size=6))
def test_many_are_added_as_two_by_two(histograms):
    one_by_one = histograms[0]
    for histogram in histograms[1:]:
        one_by_one = add(one_by_one, histogram)
    assert same(total(histograms), one_by_one)
    assert mean(histograms).count == pytest.approx(one_by_one.count / len(histograms))


def test_a_mean_is_finite_where_the_sum_is_not():
    large = exponential(1, [1], total=1.5e308)
    assert mean([large, large, large]).sum == pytest.approx(1.5e308)


def test_same_means_bit_for_bit():
    assert same(exponential(1, [1], total=nan), exponential(1, [1], total=nan))
    assert not same(exponential(1, [1]), exponential(2, [1]))
    assert not same(exponential(1, [1], total=0.0), exponential(1, [1], total=-0.0))
    assert not same(custom([1], [1]), custom([2], [1]))
    assert same(exponential(1, [1], hint=Hint.GAUGE), exponential(1, [1]))


@given(exponentials(some.just(0)), exponentials(some.just(0)), some.integers(-2, 0))
def test_what_only_grew_was_not_reset(before, more, schema):
    now = add(before, more)
    assert not is_reset(now, before)
    assert not is_reset(coarser(now, schema), before)
    assert not is_reset(widened(now, 8.0), before) or widened(now, 8.0).zero_threshold == 8.0


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (exponential(1, [2]), exponential(1, [1])),
        (exponential(1, [1, 1]), exponential(1, [5, 0])),
        (exponential(1, [0, 3]), exponential(1, [2, 2, 9])),
        (exponential(1, [1], schema=0), exponential(1, [9], schema=1)),
        (exponential(1, [1], zero=(0.5, 1.0)), exponential(1, [9], zero=(0.25, 1.0))),
        (exponential(1, [1], zero=(0.5, 3.0)), exponential(1, [9], zero=(0.5, 1.0))),
        (exponential(0, [1], zero=(0.1, 0.0)), exponential(1, [9], zero=(0.7, 5.0))),
        (exponential(1, [1]), custom([2], [9])),
        (custom([2], [1]), custom([2, 3], [9])),
        (custom([2], [1, 3]), custom([2], [9, 2])),
        (exponential(1, [1]), exponential(1, [1], hint=Hint.RESET)),
        (exponential(1, [1], negative=Buckets.dense(1, [3])), exponential(1, [9], negative=Buckets.dense(1, [2]))),
    ],
)
def test_what_was_reset(before, now):
    assert is_reset(now, before)
    assert not is_reset(now.hinted(Hint.NOT_RESET), before)
