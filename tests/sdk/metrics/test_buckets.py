import math
from fractions import Fraction
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics._internal.aggregation import (
    AggregationTemporality,
    _ExponentialBucketHistogramAggregation,
)
from opentelemetry.sdk.metrics._internal.exemplar import SimpleFixedSizeExemplarReservoir
from opentelemetry.sdk.metrics._internal.measurement import Measurement

from firstlight.sdk.metrics.buckets import MAX_SCALE, Buckets, dense, indexes

LEAST_SCALE = -10
"""Where two buckets hold every double."""
NORMAL = st.floats(min_value=2.3e-308, max_value=1.7e308)
MODEST = st.floats(min_value=1e-6, max_value=1e6)
SIGNED = st.lists(NORMAL | NORMAL.map(lambda size: -size) | st.just(0.0) | MODEST | st.integers(-10, 10), max_size=60)
MAX_BUCKETS = st.sampled_from([2, 5, 20, 160])


def counted(values: list[float], max_buckets: int, scale: int = MAX_SCALE) -> Buckets:
    buckets = Buckets(max_buckets, scale)
    buckets.add(values)
    return buckets


def state(buckets: Buckets) -> tuple[object, ...]:
    return (
        buckets.scale,
        dict(buckets.positive),
        dict(buckets.negative),
        buckets.zeros,
        buckets.count,
        buckets.min,
        buckets.max,
    )


@pytest.mark.parametrize("scale", [*range(LEAST_SCALE, 7), MAX_SCALE])
def test_powers_of_two_are_upper_bounds_and_their_neighbours_lie_where_they_should(scale: int) -> None:
    for power in (-1022, -1021, -37, -1, 0, 1, 10, 512, 1023):
        at = 2.0**power
        expected = math.floor(Fraction(power) * Fraction(2) ** scale - Fraction(1, 2**60))
        assert indexes([at], scale) == [expected]
        above, below = math.nextafter(at, math.inf), math.nextafter(at, 0)
        after = math.floor(Fraction(power) * Fraction(2) ** scale)
        assert indexes([above], scale) == [after]
        if power > -1022:
            assert indexes([below], scale) == [expected]


@given(NORMAL, st.integers(LEAST_SCALE, 5))
def test_a_value_lies_between_the_bounds_of_its_bucket(value: float, scale: int) -> None:
    # Exact: value > 2 ** (i / 2 ** s) means value ** (2 ** s) > 2 ** i.
    (index,) = indexes([value], scale)
    raised = Fraction(value) ** (2**scale) if scale >= 0 else Fraction(value)
    step = 1 if scale >= 0 else 2**-scale
    slack = Fraction(1, 2**40) if scale > 0 else 0
    assert raised > Fraction(2) ** (index * step) * (1 - slack)
    assert raised <= Fraction(2) ** ((index + 1) * step) * (1 + slack)


def opentelemetry(values: list[float], max_buckets: int) -> tuple[object, ...]:
    peer = _ExponentialBucketHistogramAggregation(
        {},
        partial(SimpleFixedSizeExemplarReservoir),
        AggregationTemporality.DELTA,
        0,
        max_size=max_buckets,
    )
    for value in values:
        peer.aggregate(Measurement(value, 0, None, None, {}), should_sample_exemplar=False)
    point = peer.collect(AggregationTemporality.CUMULATIVE, 1)
    positive, negative = (
        {one.offset + at: count for at, count in enumerate(one.bucket_counts) if count}
        for one in (point.positive, point.negative)
    )
    return point.scale, positive, negative, point.zero_count, point.count, point.min, point.max


def is_clear_of_bounds(value: float) -> bool:
    """Tell whether another way to compute the logarithm must find the same bucket at every scale."""
    if value == 0:
        return True
    # The peer's own logarithm is off by some 1e-16 of up to 710, times two to the 20.
    places = [math.log2(abs(value)) * 2.0**scale for scale in range(MAX_SCALE + 1)]
    return math.frexp(abs(value))[0] == 0.5 or all(abs(place - round(place)) > 1e-6 for place in places)


@settings(max_examples=200, deadline=None)
@given(SIGNED.map(lambda values: list(filter(is_clear_of_bounds, values))), MAX_BUCKETS)
def test_it_counts_as_the_opentelemetry_sdk_does(values: list[float], max_buckets: int) -> None:
    if any(values):
        assert state(counted(values, max_buckets)) == opentelemetry(values, max_buckets)


@settings(max_examples=200)
@given(SIGNED, SIGNED, SIGNED, MAX_BUCKETS)
def test_merging_is_counting_together_in_any_order(
    one: list[float], two: list[float], three: list[float], max_buckets: int
) -> None:
    whole = state(counted([*one, *two, *three], max_buckets))
    left, middle, right = (counted(values, max_buckets) for values in (one, two, three))
    left.merge(middle)
    left.merge(right)
    assert state(left) == whole
    right, middle = counted(three, max_buckets), counted(two, max_buckets)
    middle.merge(right)
    middle.merge(counted(one, max_buckets))
    assert state(middle) == whole
    piecewise = Buckets(max_buckets)
    for value in [*three, *one, *two]:
        piecewise.add([value])
    assert state(piecewise) == whole


@given(SIGNED, MAX_BUCKETS)
def test_no_sign_has_more_buckets_than_allowed_and_no_finer_scale_would_do(
    values: list[float], max_buckets: int
) -> None:
    buckets = counted(values, max_buckets)
    assert len(dense(buckets.positive)[1]) <= max_buckets
    assert len(dense(buckets.negative)[1]) <= max_buckets
    assert sum(buckets.positive.values()) + sum(buckets.negative.values()) + buckets.zeros == len(values)
    if any(values) and buckets.scale < MAX_SCALE:
        spans = []
        for sign in (1, -1):
            sizes = [sign * value for value in values if sign * value > 0]
            finer = indexes(sizes, buckets.scale + 1)
            spans.append(max(finer) - min(finer) + 1 if finer else 0)
        assert max(spans) > max_buckets


@settings(max_examples=300)
@given(SIGNED.filter(len), st.floats(0, 1), st.sampled_from([20, 160, 2048]))
def test_a_quantile_is_off_by_no_more_than_it_says(values: list[float], ratio: float, max_buckets: int) -> None:
    buckets = counted(values, max_buckets, scale=6)
    true = sorted(values)[int(ratio * (len(values) - 1))]
    assert abs(buckets.quantile(ratio) - true) <= (buckets.error_ratio + 1e-9) * abs(true)


@given(st.lists(st.floats(min_value=1e-3, max_value=1e6), min_size=1))
def test_the_usual_range_is_resolved_to_about_half_a_percent(values: list[float]) -> None:
    buckets = counted(values, 2048, scale=6)
    assert buckets.scale == 6
    assert buckets.error_ratio < 0.0055


@settings(max_examples=100)
@given(
    st.lists(MODEST | st.sampled_from([0.25, 1.0, 8.0, 2**0.5, 2**0.25, 2 ** (1 / 64)]), min_size=1, max_size=5),
    MAX_BUCKETS,
)
def test_many_values_at_once_are_counted_as_each_by_itself(values: list[float], max_buckets: int) -> None:
    near = [math.nextafter(value, to) for value in values for to in (0, math.inf)]
    many = [*values, *near] * (10 * max_buckets)
    single = counted([*values, *near], max_buckets)
    together = counted(many, max_buckets)
    assert together.scale == single.scale
    assert together.positive == {index: 10 * max_buckets * number for index, number in single.positive.items()}


def test_subnormal_values_count_as_the_smallest_normal_one() -> None:
    assert dict(counted([5e-324, 1e-310, 2.0**-1022], 160).positive) == {(-1022 << MAX_SCALE) - 1: 3}


def test_dense_counts_have_no_gaps() -> None:
    buckets = counted([1.0, 2.0, 16.0], 5)
    assert buckets.scale == 0
    assert dense(buckets.positive) == (-1, [1, 1, 0, 0, 1])
    assert dense(buckets.negative) == (0, [])
