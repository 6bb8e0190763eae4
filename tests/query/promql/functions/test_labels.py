import time

from tests.query.promql.series import instant, problem, source

HELD = source(60, **{"m{a='x-1',b='u'}": [1], "m{a='y-22'}": [2]})


def replaced(template: str, expression: str) -> list[str]:
    found = instant(HELD, f'label_replace(m{{b="u"}}, "c", "{template}", "a", "{expression}")')
    return [part.partition("=")[2] for part in next(iter(found)).split(",") if part.startswith("c=")]


def test_labels_are_replaced_where_the_whole_value_matches() -> None:
    assert replaced("$1/${2}0", r"(\\w)-(\\d)") == ["x/10"]
    assert replaced("q", "x") == []
    assert replaced("$name", "(?P<name>.)-(.)") == ["x"]
    assert replaced("$$1$9", "(.*)") == ["$1"]
    assert replaced(r"a\\1b$10", "(.)(.*)") == [r"a\1b"]
    assert replaced("$1", "[(](.)|(.*)") == []
    assert replaced("$2", "[(](.)|(.*)") == ["x-1"]
    assert replaced("$1", "(?:x)(.*)") == ["-1"]


def test_an_empty_value_removes_the_label() -> None:
    assert instant(HELD, 'label_replace(m{b="u"}, "a", "", "", "")') == {"__name__=m,b=u": 1}


def test_a_name_given_anew_stays() -> None:
    found = instant(HELD, 'label_replace(-m{b="u"}, "__name__", "neg", "a", ".*")')
    assert found == {"__name__=neg,a=x-1,b=u": -1}


def test_labels_are_joined() -> None:
    found = instant(HELD, 'label_join(m{b="u"}, "j", "+", "a", "none", "b")')
    assert found == {"__name__=m,a=x-1,b=u,j=x-1++u": 1}


def test_what_cannot_be_is_an_error() -> None:
    assert "invalid regular expression" in problem(HELD, 'label_replace(m, "c", "", "a", "(")')
    assert "invalid destination label name" in problem(HELD, r'label_replace(m, "\xff", "", "a", "")')
    held = source(60, **{"m{a='1'}": [1], "m{a='2'}": [2]})
    assert "same labelset" in problem(held, 'label_replace(m, "a", "", "", "")')


def test_an_expression_cannot_hold_the_engine_up() -> None:
    held = source(60, **{"m{a='" + "a" * 5000 + "!'}": [1]})
    began = time.process_time()
    instant(held, 'label_replace(m, "c", "$1", "a", "(a+)+(a+)+(a+)+b")')
    assert time.process_time() - began < 5


def test_series_are_sorted_by_labels_as_people_count() -> None:
    held = source(60, **{"m{a='n10'}": [1], "m{a='n9'}": [2], "m{a='n100'}": [3]})
    assert list(instant(held, 'sort_by_label(m, "a")').values()) == [2, 1, 3]
    assert list(instant(held, 'sort_by_label_desc(m, "a")').values()) == [3, 1, 2]
    assert list(instant(held, "sort_desc(m)").values()) == [3, 2, 1]
