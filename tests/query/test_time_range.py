from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from firstlight.app.lake import Lake
from firstlight.model import Batch, Event, Resource
from firstlight.query.sql import TABLES
from firstlight.query.time_range import EVER, MARGIN_US, time_range_us
from tests.query.test_select import seal_all

DAY_US = 86_400_000_000
START = datetime(2025, 3, 1, tzinfo=UTC)
START_US = int(START.timestamp()) * 10**6
LOWER, UPPER = START_US - MARGIN_US, START_US + MARGIN_US


@pytest.fixture(scope="module")
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        yield database


SEEN = [
    ("SELECT * FROM events WHERE time >= '2025-03-01'", None, (LOWER, EVER[1])),
    (
        "SELECT * FROM events e WHERE e.time < TIMESTAMPTZ '2025-03-01 00:00:00+00' AND name = 'x'",
        None,
        (EVER[0], UPPER),
    ),
    ("SELECT count(*) FROM spans WHERE ? > time GROUP BY name ORDER BY 1", [START], (EVER[0], UPPER)),
    ("SELECT * FROM metrics WHERE time BETWEEN $a AND $b", {"a": START, "b": START}, (LOWER, UPPER)),
    ("SELECT * FROM metrics WHERE name = ? AND (time_ns >= ? AND time = ?)", ["x", 5, START], (LOWER, UPPER)),
    ("SELECT * FROM events WHERE NOT time >= '2025-03-01'", None, (EVER[0], UPPER)),
    ("SELECT * FROM events WHERE time_ns < 1740787200000000000", None, (EVER[0], UPPER)),
    ("SELECT * FROM events WHERE time > DATE '2025-03-02' - INTERVAL 1 DAY", None, (LOWER, EVER[1])),
]
UNSEEN = [
    "SELECT * FROM events",
    "SELECT * FROM events WHERE time >= '2025-03-01' OR name = 'x'",
    "SELECT * FROM events WHERE time >= (SELECT max(time) FROM spans)",
    "SELECT * FROM events WHERE time >= '2025-03-01' AND name IN (SELECT name FROM events)",
    "SELECT * FROM events a JOIN events b USING (name) WHERE a.time >= '2025-03-01'",
    "SELECT * FROM events WHERE time >= '2025-03-01' UNION ALL FROM events",
    "WITH x AS (SELECT * FROM events WHERE time >= '2025-03-01') SELECT * FROM x, events",
    "SELECT * FROM (SELECT name AS time FROM events) WHERE time > '2025-03-01'",
    "SELECT * FROM events WHERE time >= to_timestamp(random())",
    "SELECT * FROM events WHERE time >= to_timestamp(level_number)",
    "SELECT * FROM events WHERE time >= 'no time'",
    "SELECT * FROM events WHERE time >= NULL",
    "SELECT * FROM events WHERE time >= ?",
    "SELECT * FROM others WHERE time >= '2025-03-01'",
    "DESCRIBE events",
    "SELECT 1",
]


@pytest.mark.parametrize(("query", "params", "expected"), SEEN)
def test_a_range_that_is_plain_to_see_is_seen(
    cursor: duckdb.DuckDBPyConnection, query: str, params: list[object] | None, expected: tuple[int, int]
) -> None:
    assert time_range_us(cursor, query, params, list(TABLES)) == expected


@pytest.mark.parametrize("query", UNSEEN)
def test_everything_else_looks_at_all_time(cursor: duckdb.DuckDBPyConnection, query: str) -> None:
    assert time_range_us(cursor, query, None, list(TABLES)) == EVER


def test_the_present_is_known(cursor: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT * FROM events WHERE time > now() - INTERVAL 1 HOUR AND time <= now()"
    found = time_range_us(cursor, query, None, list(TABLES))
    now_us = datetime.now(UTC).timestamp() * 10**6
    assert now_us - 3600 * 10**6 - 2 * MARGIN_US < found[0] < now_us - 3600 * 10**6
    assert now_us < found[1] < now_us + 2 * MARGIN_US


def test_segments_beyond_the_range_are_not_opened(tmp_path: Path) -> None:
    with Lake.open(tmp_path, maintain=False) as lake:
        batch = Batch(Resource("shop"))
        batch.events = [Event((START_US + n * DAY_US // 4) * 1000, f"e{n}") for n in range(40)]
        lake.append([batch])
    seal_all(tmp_path)
    first, *_ = sorted((tmp_path / "data" / "main" / "events").iterdir())
    with Lake.open(tmp_path, read_only=True) as lake:
        everything = [row[0] for row in lake.sql("SELECT name FROM events ORDER BY time").rows]
        assert everything == [f"e{n}" for n in range(40)]
        first.write_bytes(b"nothing of use")
        query = "SELECT name FROM events WHERE time >= ? AND time < ? ORDER BY time"
        for day in range(1, 10):
            start = START + timedelta(days=day)
            found = lake.sql(query, [start, start + timedelta(days=1)]).rows
            assert [row[0] for row in found] == everything[day * 4 : day * 4 + 4]
