from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest

from firstlight.app.asked_times import POINTS, At, Stretch, asked_times, default_step_ns, duration_ns
from firstlight.errors import UsageError

S = 10**9
NOW_NS = 1_760_000_000 * S


@pytest.mark.parametrize(
    ("at", "expected_ns"),
    [
        (None, NOW_NS),
        ("now", NOW_NS),
        ("-1h", NOW_NS - 3600 * S),
        ("2025-10-09T08:53:20Z", NOW_NS),
        ("2025-10-09T10:53:20+02:00", NOW_NS),
        (1_760_000_000, NOW_NS),
        (1_760_000_000.25, NOW_NS + S // 4),
        (NOW_NS, NOW_NS),
        (datetime(2025, 10, 9, 8, 53, 20, 1, UTC), NOW_NS + 1000),
        (datetime(2025, 10, 9, 8, 53, 20), NOW_NS),  # noqa: DTZ001 - what notebooks have
        (datetime(2025, 10, 9, 10, 53, 20, tzinfo=timezone(timedelta(hours=2))), NOW_NS),
        (pd.Timestamp(NOW_NS + 7, tz="UTC"), NOW_NS + 7),
    ],
)
def test_a_moment_is_written_in_many_ways(at: Any, expected_ns: int) -> None:
    assert asked_times(NOW_NS, at=at) == At(expected_ns)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"range": "1h"}, (-3600, 0)),
        ({"range": 60}, (-60, 0)),
        ({"range": timedelta(minutes=2)}, (-120, 0)),
        ({"start": "-2h"}, (-7200, 0)),
        ({"start": "-2h", "range": "30m"}, (-7200, -5400)),
        ({"end": "-1h"}, (-7200, -3600)),
        ({"end": "-1h", "range": "1m30s"}, (-3690, -3600)),
        ({"start": "-3h", "end": "-1h"}, (-10_800, -3600)),
        ({"step": "1m"}, (-3600, 0)),
        ({"start": "now", "end": "now", "step": 1}, (0, 0)),
    ],
)
def test_a_stretch_needs_no_more_than_one_word(given: dict[str, Any], expected: tuple[int, int]) -> None:
    found = asked_times(NOW_NS, **given)
    assert isinstance(found, Stretch)
    assert (found.start_ns, found.end_ns) == tuple(NOW_NS + seconds * S for seconds in expected)


def test_a_step_is_a_round_time_that_makes_about_so_many_points() -> None:
    assert asked_times(NOW_NS, range="1h") == Stretch(NOW_NS - 3600 * S, NOW_NS, 15 * S)
    assert asked_times(NOW_NS, range="1h", step="90s") == Stretch(NOW_NS - 3600 * S, NOW_NS, 90 * S)
    for range_ns in (1, S, 60 * S, 86_400 * S, 400 * 86_400 * S):
        step_ns = default_step_ns(range_ns)
        assert step_ns >= 1
        assert range_ns // step_ns <= POINTS
    assert default_step_ns(86_400 * S) == 600 * S


@pytest.mark.parametrize(
    ("text", "expected_s"), [("15s", 15), ("1h30m", 5400), ("250ms", 0.25), ("1.5h", 5400), ("15", 15), (0.5, 0.5)]
)
def test_a_length_of_time_is_text_or_seconds(text: Any, expected_s: float) -> None:
    assert duration_ns(text, "step") == expected_s * S


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"at": "yesterday"}, "at='yesterday' is no moment"),
        ({"at": float("nan")}, "at=nan"),
        ({"at": [1]}, "at="),
        ({"start": "soon"}, "start='soon'"),
        ({"step": "fast"}, "step='fast'"),
        ({"step": 0}, "step=0"),
        ({"step": "-1m"}, "step='-1m'"),
        ({"step": float("inf")}, "step=inf"),
        ({"range": "1h2"}, "range='1h2'"),
        ({"at": "now", "range": "1h"}, "say end"),
        ({"start": "-1h", "end": "now", "range": "1h"}, "two of them"),
        ({"start": "now", "end": "-1h"}, "after the end"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        asked_times(NOW_NS, **given)
