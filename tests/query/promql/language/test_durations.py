import pytest

from firstlight.query.promql.language.durations import duration_ns, duration_text, seconds_ns

S = 10**9


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("1h30m", 5400), ("250ms", 0.25), ("1y1w1d", (365 + 7 + 1) * 86400), ("0s", 0), ("5m", 300)],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert duration_ns(text) == round(seconds * S)


@pytest.mark.parametrize("text", ["", "1", "m", "1x", "1m1h", "1s1s", "-1s", "1.5s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a valid duration"):
        duration_ns(text)


def test_a_duration_that_no_clock_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="out of range"):
        duration_ns("300y")
    with pytest.raises(ValueError, match="out of range"):
        seconds_ns(float("inf"))


@pytest.mark.parametrize("text", ["1h30m", "250ms", "2w", "8d", "1y", "366d", "1m1s5ms", "-5m", "0s"])
def test_durations_are_written_as_they_are_read(text: str) -> None:
    ns = -duration_ns(text[1:]) if text.startswith("-") else duration_ns(text)
    assert duration_text(ns) == text
