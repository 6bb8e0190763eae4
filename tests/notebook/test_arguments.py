import pytest

from firstlight.errors import UsageError
from firstlight.notebook.arguments import read_cell, read_line

OPTIONS = {"range": True, "data": True, "plot": False, "output": True}


@pytest.mark.parametrize(
    ("line", "question", "values", "name"),
    [
        ("up", "up", {}, ""),
        ('rate(a{b="c d"}[5m])', 'rate(a{b="c d"}[5m])', {}, ""),
        ("--range 1h up", "up", {"range": "1h"}, ""),
        ("--range=1h --plot up", "up", {"range": "1h", "plot": ""}, ""),
        ("--data 'my lake' up", "up", {"data": "my lake"}, ""),
        ("found << --plot up", "up", {"plot": ""}, "found"),
        ("-o found up", "up", {}, "found"),
        ("--output=found up", "up", {}, "found"),
        ("a - --plot", "a - --plot", {}, ""),
        ("-up", "-up", {}, ""),
        ("-old_total", "-old_total", {}, ""),
        ("a << b", "b", {}, "a"),
        ("--plot", "", {"plot": ""}, ""),
    ],
)
def test_a_line_says_options_and_then_the_question(line: str, question: str, values: dict[str, str], name: str) -> None:
    given = read_line(line, OPTIONS)
    assert (given.question, given.values, given.name) == (question, values, name)


@pytest.mark.parametrize(
    ("line", "cell", "says"),
    [
        ("--nothing up", None, "no option --nothing; there are --range"),
        ("--range", None, "--range wants a value"),
        ("a << -o b up", None, "both a << and -o b"),
        ("-o 7 up", None, "no name"),
        ("--plot", None, "no question"),
        ("up", "sum(up)", "stands beside"),
        ("--plot", " \n", "no question"),
    ],
)
def test_what_is_wrong_is_said(line: str, cell: str | None, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_cell(line, cell, OPTIONS)


def test_the_question_of_a_cell_stands_below() -> None:
    assert read_cell("--plot", "\nsum(\n  up)\n", OPTIONS).question == "sum(\n  up)"
