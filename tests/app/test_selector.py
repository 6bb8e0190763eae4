import pytest

from firstlight.app.moments import parse_moment, parse_time
from firstlight.app.selector import parse_selector
from firstlight.errors import UsageError
from firstlight.model import Matcher

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "matchers"),
    [
        ("up", [("__name__", "=", "up")]),
        ("host.cpu-busy", [("__name__", "=", "host.cpu-busy")]),
        (
            'up{a="1", b!=\'2\' ,c=~"x|y",d!~"z"}',
            [("__name__", "=", "up"), ("a", "=", "1"), ("b", "!=", "2"), ("c", "=~", "x|y"), ("d", "!~", "z")],
        ),
        ('{a="with \\"quotes\\", \\\\ and }\\n",}', [("a", "=", 'with "quotes", \\ and }\n')]),
        ("up{}", [("__name__", "=", "up")]),
    ],
)
def test_series_are_named_as_prometheus_has_it(text: str, matchers: list[tuple]) -> None:
    assert list(parse_selector(text)) == [Matcher(*one) for one in matchers]


@pytest.mark.parametrize(
    "text", ["", "{}", "up{", 'up{a="1"', "up{a=1}", 'up{a=="1"}', 'up{a="1" b="2"}', 'up{a="1"}x', "a b"]
)
def test_what_names_no_series_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="names no series"):
        parse_selector(text)


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("now", 1000 * SECOND),
        ("-15m", 100 * SECOND),
        ("-2d", 1000 * SECOND - 2 * 86_400 * SECOND),
        ("1970-01-02", 86_400 * SECOND),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1970-01-01 01:00:00.123456789+01:00", 123_456_789),
        ("1970-01-01T00:01", 60 * SECOND),
        ("1760000000", 1_760_000_000 * SECOND),
        ("1760000000.5", 1_760_000_000_500_000_000),
        ("1760000000123", 1_760_000_000_123_000_000),
        ("1760000000123456", 1_760_000_000_123_456_000),
        ("1760000000123456789", 1_760_000_000_123_456_789),
        ("1677-09-22", -9223286400 * SECOND),
    ],
)
def test_moments_as_people_write_them(text: str, time_ns: int) -> None:
    assert parse_moment(text, 1000 * SECOND) == time_ns


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "9999-01-01", "nan", "1e400", "-15", "12:30", "15m"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    if text == "-15":
        assert parse_moment(text, 0) == -15 * SECOND
        return
    with pytest.raises(UsageError, match="is no moment"):
        parse_moment(text, 0)


def test_a_number_counts_in_the_unit_that_is_given() -> None:
    assert [parse_time("1500", unit) for unit in ("s", "ms", "us", "ns")] == [
        1500 * SECOND,
        15 * 10**8,
        1_500_000,
        1500,
    ]
