from math import inf, nan

import pytest

from firstlight.query.promql.histograms.arithmetic import multiply
from firstlight.query.promql.histograms.histogram import Buckets
from firstlight.query.promql.histograms.text import api_form, api_number, go_number, text_form
from tests.query.promql.native import custom, exponential


def test_the_api_has_buckets_in_ascending_order():
    both = exponential(1, [1, 0, 2], total=7.5, zero=(0.25, 3.0), negative=Buckets.dense(1, [4]))
    assert api_form(both) == {
        "count": "10",
        "sum": "7.5",
        "buckets": [[1, "-2", "-1", "4"], [3, "-0.25", "0.25", "3"], [0, "1", "2", "1"], [0, "4", "8", "2"]],
    }
    assert api_form(exponential()) == {"count": "0", "sum": "0"}


def test_the_api_has_custom_buckets():
    assert api_form(custom([5], [1, 2]))["buckets"] == [[3, "-Inf", "5", "1"], [0, "5", "+Inf", "2"]]


def test_the_api_has_no_bucket_inside_of_the_zero_bucket_nor_a_negative_zero_bucket():
    assert api_form(exponential(1, [1], zero=(1.5, 1.0)))["buckets"][1] == [0, "1.5", "2", "1"]
    assert api_form(multiply(exponential(zero=(1.5, 1.0)), -1)) == {"count": "-1", "sum": "-0"}


def test_the_text_form():
    both = exponential(0, [1, 2], total=5.0, zero=(0.001, 2.0), negative=Buckets.dense(0, [3]))
    assert text_form(both) == "{count:8, sum:5, [-1,-0.5):3, [-0.001,0.001]:2, (0.5,1]:1, (1,2]:2}"
    assert text_form(custom([5], [1, 2])) == "{count:3, sum:0, [-Inf,5]:1, (5,+Inf]:2}"


@pytest.mark.parametrize(
    ("value", "api", "go"),
    [
        (0.0, "0", "0"),
        (-0.0, "-0", "-0"),
        (100.0, "100", "100"),
        (123456.0, "123456", "123456"),
        (1e6, "1000000", "1e+06"),
        (1234567.25, "1234567.25", "1.23456725e+06"),
        (1e21, "1e+21", "1e+21"),
        (-1.5e-7, "-1.5e-07", "-1.5e-07"),
        (0.0001, "0.0001", "0.0001"),
        (0.00001, "0.00001", "1e-05"),
        (9.9999999, "9.9999999", "9.9999999"),
        (5e-324, "5e-324", "5e-324"),
        (inf, "+Inf", "+Inf"),
        (-inf, "-Inf", "-Inf"),
        (nan, "NaN", "NaN"),
    ],
)
def test_numbers(value, api, go):
    assert api_number(value) == api
    assert go_number(value) == go
