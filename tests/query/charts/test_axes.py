import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.query.charts.axes import NS_PER_S, time_marks, unit_of, value_marks, value_text

NOON_NS = 1_760_011_200 * NS_PER_S


@given(st.floats(-1e12, 1e12), st.floats(1e-3, 1e12), st.integers(2, 8))
def test_marks_are_round_and_enclose_the_values(low: float, size: float, count: int) -> None:
    high = low + size
    marks = value_marks(low, high, count)
    step = marks[1] - marks[0]
    assert marks[0] <= low + step * 1e-6
    assert marks[-1] >= high - step * 1e-6
    assert 2 <= len(marks) <= count + 2


def test_marks_of_one_value_lie_around_it() -> None:
    assert value_marks(5.0, 5.0, 3) == [4.5, 5.0, 5.5]
    assert value_marks(0.0, 0.0, 3) == [-1.0, 0.0, 1.0]
    assert value_marks(0.1, 0.9, 5) == [0.0, 0.2, 0.4, pytest.approx(0.6), 0.8, 1.0]


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (0.5, ["12:00:00", "12:00:10", "12:00:20", "12:00:30"]),
        (60, ["12:00", "12:15", "12:30", "12:45", "13:00"]),
        (24 * 60, ["12:00", "18:00", "Oct 10", "06:00", "12:00"]),
        (4 * 24 * 60, ["Oct 10", "Oct 11", "Oct 12", "Oct 13"]),
    ],
)
def test_times_are_marked_at_round_moments(minutes: float, expected: list[str]) -> None:
    marks = time_marks(NOON_NS, NOON_NS + int(minutes * 60) * NS_PER_S, 4)
    assert [text for _, text in marks] == expected
    assert all(NOON_NS <= time_ns <= NOON_NS + minutes * 60 * NS_PER_S for time_ns, _ in marks)


def test_a_span_of_years_and_one_of_nothing_have_marks() -> None:
    assert 1 < len(time_marks(0, 40 * 365 * 86_400 * NS_PER_S, 6)) <= 8
    assert time_marks(NOON_NS, NOON_NS, 4) == [(NOON_NS, "12:00:00")]


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.0, "", "0"),
        (0.0, "s", "0 s"),
        (1234.5, "", "1.234k"),
        (-2_500_000.0, "", "-2.5M"),
        (0.25, "", "0.25"),
        (1e-7, "", "1e-07"),
        (1e30, "", "1e+15P"),
        (1536.0, "B", "1.5 KiB"),
        (12.0, "B", "12 B"),
        (0.0025, "s", "2.5 ms"),
        (90.0, "s", "90 s"),
        (7200.0, "s", "2 h"),
        (0.125, "%", "12.5%"),
        (math.nan, "B", "NaN"),
        (-math.inf, "", "-Inf"),
    ],
)
def test_values_are_read_by_people(value: float, unit: str, expected: str) -> None:
    assert value_text(value, unit) == expected


def test_marks_have_the_digits_that_tell_them_apart() -> None:
    assert [value_text(value, "", 0.5) for value in (1000.0, 1000.5)] == ["1k", "1.0005k"]
    assert [value_text(value, "%", 0.005) for value in (0.995, 1.0)] == ["99.5%", "100%"]
    assert value_text(0.30000000000000004, "", 0.1) == "0.3"


def test_a_unit_is_said_by_the_names_of_all() -> None:
    assert unit_of({"host_memory_used_bytes", "sent_bytes"}) == "B"
    assert unit_of({"took_seconds"}) == "s"
    assert unit_of({"took_seconds", "sent_bytes"}) == ""
    assert unit_of({""}) == ""
