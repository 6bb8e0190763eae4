import math
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import msgspec
import pyarrow as pa
import pytest

from firstlight.hub.values import answer, plain
from firstlight.query.rows import RowSet


def test_an_answer_says_what_is_missing() -> None:
    rows = RowSet(pa.table({"count": [3]}), ["BIGINT"], warnings=("12 rows of events are missing",))
    assert msgspec.json.decode(answer(rows, 1.0))["warnings"] == ["12 rows of events are missing"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        ("text", "text"),
        (1.5, 1.5),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (2**63 - 1, 2**63 - 1),
        (datetime(2026, 1, 2, 3, 4, 5, 678, UTC), "2026-01-02T03:04:05.000678Z"),
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:00:00Z"),
        (datetime.fromisoformat("2026-01-02T03:04:05"), "2026-01-02T03:04:05Z"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(3, 4), "03:04:00"),
        (timedelta(seconds=1.5), 1.5),
        (Decimal("1.25"), 1.25),
        (b"\x00\xff", "00ff"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({1: [math.nan, {"a": None}]}, {"1": ["NaN", {"a": None}]}),
        ((1, 2), [1, 2]),
    ],
)
def test_every_value_has_a_form_in_json(value, expected) -> None:
    assert msgspec.json.decode(msgspec.json.encode(plain(value))) == expected


def test_integers_of_any_size_stay_integers() -> None:
    assert msgspec.json.encode([plain(2**100), plain(-(2**100))]) == f"[{2**100},{-(2**100)}]".encode()
