import pytest

from firstlight.errors import QueryError
from firstlight.model import Matcher, parse_selector


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cpu", [("__name__", "=", "cpu")]),
        (" cpu { } ", [("__name__", "=", "cpu")]),
        ('cpu{a="b"}', [("__name__", "=", "cpu"), ("a", "=", "b")]),
        ("""{a=~"x{2}|y", b != 'it"s' , }""", [("a", "=~", "x{2}|y"), ("b", "!=", 'it"s')]),
        ('{"http.server", x!~`a\\d,`}', [("__name__", "=", "http.server"), ("x", "!~", "a\\d,")]),
        (r'cpu{a="q\"\\\u00e9"}', [("__name__", "=", "cpu"), ("a", "=", 'q"\\é')]),
        ('http.server.duration{"odd label"="s"}', [("__name__", "=", "http.server.duration"), ("odd label", "=", "s")]),
        (r"{a='it\'s'}", [("a", "=", "it's")]),
    ],
)
def test_a_selector_is_a_list_of_matchers(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert parse_selector(text) == tuple(Matcher(*one) for one in expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "{}", "cpu{a}", 'cpu{a="b"', "cpu a", 'cpu{a="b" c="d"}', "cpu{a=b}", '{a="\\x"}']
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="select"):
        parse_selector(text)
