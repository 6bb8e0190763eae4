import math
import re

import pytest

from firstlight.query.charts.terminal import cut, width
from tests.query.charts.drawn import chart

RISING = [float(number) for number in range(61)]
ANSI = re.compile(r"\x1b\[\d*m")


def test_a_rising_line_goes_from_below_left_to_above_right() -> None:
    lines = chart(RISING).text(40, 8, ascii_only=True).splitlines()
    assert lines[0] == "load"
    body = [line.partition("|")[2] or line.partition("+")[2] for line in lines[1:9]]
    firsts = [line.index("*") for line in body if "*" in line]
    assert firsts == sorted(firsts, reverse=True)
    assert len(firsts) == 8
    assert firsts[-1] == 0


def test_axes_say_values_and_times() -> None:
    text = chart(RISING).text(60, 9)
    lines = text.splitlines()
    assert lines[1].startswith("60 ┤")
    assert lines[9].startswith(" 0 ┤")
    assert re.fullmatch(r"UTC?.*12:00.*12:15.*12:30.*12:45.*", lines[11]) or "12:30" in lines[11]
    assert lines[12].split() == ["last", "min", "max"]
    assert lines[13].split() == ["A", '{cpu="0"}', "60", "0", "60"]


@pytest.mark.parametrize("columns", [30, 40, 80, 200])
@pytest.mark.parametrize("rows", [3, 8, 20])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_wider_than_the_terminal(columns: int, rows: int, ascii_only: bool) -> None:
    made = chart(RISING, RISING[::-1], title="a very long query " * 10, unit="B")
    text = made.text(columns, rows, ascii_only=ascii_only)
    assert max(map(width, text.splitlines())) <= columns
    assert text.isascii() == ascii_only


def test_lines_are_told_apart_without_colours() -> None:
    text = chart([1.0] * 60, [2.0] * 60, [3.0] * 60).text(80, 9)
    body = "\n".join(text.splitlines()[1:10])
    assert [body.count(letter) for letter in "ABC"] == [3, 3, 3]
    assert "\x1b" not in text


def test_colours_add_to_the_letters() -> None:
    made = chart([1.0, 2.0], [2.0, 1.0])
    coloured = made.text(80, 9, colours=True)
    assert len(set(ANSI.findall(coloured))) == 3
    assert ANSI.sub("", coloured) == made.text(80, 9)


def test_gaps_stay_empty() -> None:
    values = [1.0] * 20 + [math.nan] * 20 + [1.0] * 20
    lines = chart(values).text(66, 3, ascii_only=True).splitlines()
    (drawn,) = [line for line in lines if "**" in line]
    runs = re.findall(r"\*+|[ ]+", drawn.partition("+ ")[2] or drawn[drawn.index("*") :])
    assert [run[0] for run in runs] == ["*", " ", "*"]
    assert len(runs[1]) == pytest.approx(len(runs[0]), abs=4)


def test_a_lone_point_is_drawn() -> None:
    assert "*" in chart([5.0]).text(40, 5, ascii_only=True)


def test_infinities_are_left_out_and_the_rest_is_drawn() -> None:
    text = chart([1.0, math.inf, 2.0]).text(60, 6)
    assert "Inf" not in text
    assert "no value" not in text


def test_bars_are_as_long_as_their_values() -> None:
    lines = chart([10.0], [5.0], [0.0], bars=True).text(60).splitlines()[1:]
    lengths = [line.count("█") for line in lines]
    assert lengths[0] == pytest.approx(2 * lengths[1], abs=1)
    assert lengths[2] == 0
    assert [line.split()[1] for line in lines] == ["10", "5", "0"]
    assert max(map(width, lines)) <= 60
    assert chart([-4.0], bars=True).text(60, ascii_only=True).endswith("####")


def test_what_is_left_out_is_said() -> None:
    assert "7 more are not drawn" in chart([1.0], more=7).text()
    assert "no value" in chart().text()


def test_a_text_cannot_steer_the_terminal() -> None:
    assert cut("a\x1b[31mb", 40) == "a\\x1b[31mb"
    assert cut("日本語", 5) == "日本~"
    assert width("日本") == 4
