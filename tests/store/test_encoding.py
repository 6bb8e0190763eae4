import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.store.encoding import split

SPECIAL = np.array([0x7FF0000000000002, 0x7FF8000000000001, 0xFFF0000000000000, 0x8000000000000000], np.uint64)


def decode(values, divisor, whole, exact):
    back = values.copy()
    back[exact] = whole[exact] / divisor[exact]
    return back


def bits(values):
    return np.asarray(values, np.float64).view(np.uint64).tolist()


doubles = st.one_of(
    st.floats(width=64),
    st.integers(-(2**60), 2**60).map(float),
    st.decimals(min_value=-10_000, max_value=10_000, places=2, allow_nan=False).map(float),
)


@given(st.lists(st.lists(doubles, min_size=1, max_size=8), min_size=1, max_size=6))
def test_every_double_comes_back_bit_for_bit(series):
    values = np.array([v for s in series for v in s], np.float64)
    starts = np.cumsum([0, *map(len, series)])[:-1]
    divisor, whole, exact = split(values, starts)
    assert bits(decode(values, divisor, whole, exact)) == bits(values)
    assert ((divisor > 0) == exact).all()


def test_payloads_infinities_and_negative_zero_stay_doubles_beside_whole_numbers():
    values = np.concatenate([[1.0, 2.0, 3.0], SPECIAL.view(np.float64)])
    divisor, _, exact = split(values, np.array([0]))
    assert exact.tolist() == [True] * 3 + [False] * 4
    assert divisor.tolist() == [1] * 3 + [0] * 4


@pytest.mark.parametrize(("value", "expected"), [(7.0, 1), (0.5, 10), (21.37, 100), (0.1 + 0.2, 0), (1e300, 0)])
def test_the_smallest_power_of_ten_is_taken(value, expected):
    divisor, *_ = split(np.array([value, value]), np.array([0]))
    assert divisor.tolist() == [expected] * 2


def test_each_series_has_its_own_divisor():
    values = np.array([1.0, 2.0, 0.25, 1.0, np.pi, 1.0])
    divisor, *_ = split(values, np.array([0, 2, 4]))
    assert divisor.tolist() == [1, 1, 100, 100, 0, 0]
