import threading
import time
from collections.abc import Iterator

import pytest

from firstlight.app.lake import Lake
from firstlight.app.lake_limits import LakeLimits
from firstlight.errors import QueryError
from firstlight.model import Batch, Event, Resource, Series, Span


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with Lake.open(tmp_path_factory.mktemp("lake"), limits=LakeLimits(time_limit_s=2.0)) as opened:
        batch = Batch(Resource("shop"))
        now_ns = time.time_ns()
        for n in range(100):
            batch.events.append(Event(now_ns + n, f"e{n}", 9 + n % 2 * 8, trace_id=f"{n:032x}"))
            batch.spans.append(Span(now_ns, now_ns + n, "op", f"{n:032x}", f"{n:016x}"))
            batch.add_sample(Series("load", (("n", str(n % 4)),), service="shop"), now_ns + n, n)
        opened.append([batch])
        yield opened


def test_signals_join(lake: Lake) -> None:
    query = "SELECT count(*), max(duration_ns) FROM events JOIN spans USING (trace_id) WHERE level = 'ERROR'"
    assert lake.sql(query).rows == [(50, 99)]


def test_labels_and_time_filter(lake: Lake) -> None:
    query = "SELECT sum(value) FROM metrics WHERE labels['n'] = '1' AND time > now() - INTERVAL 1 HOUR"
    assert lake.sql(query).rows == [(sum(range(1, 100, 4)),)]


def test_parameters_are_bound(lake: Lake) -> None:
    assert lake.sql("SELECT count(*) FROM events WHERE name = ?", ["e1' OR '1'='1"]).rows == [(0,)]
    assert lake.sql("SELECT count(*) FROM events WHERE name = $name", {"name": "e1"}).rows == [(1,)]


def test_a_sum_of_large_integers_is_exact(lake: Lake) -> None:
    ((total,),) = lake.sql("SELECT sum(time_ns) FROM events").rows
    ((times,),) = lake.sql("SELECT list(time_ns) FROM events").rows
    assert type(total) is int
    assert total == sum(times)


def test_a_limit_is_kept_and_said(lake: Lake) -> None:
    rows = lake.sql("SELECT name FROM events ORDER BY time_ns", limit=3)
    assert (rows.rows, rows.truncated) == ([("e0",), ("e1",), ("e2",)], True)
    assert not lake.sql("SELECT name FROM events", limit=100).truncated


@pytest.mark.parametrize(
    "query",
    [
        "DROP TABLE lake.events",
        "INSERT INTO lake.events SELECT * FROM lake.events",
        "COPY (SELECT 1) TO 'x.csv'",
        "ATTACH 'other.db'",
        "SET memory_limit = '10GB'",
        "CALL pragma_version()",
        "CREATE TABLE x (a INT)",
        "SELECT 1; SELECT 2",
        "",
        "SELEC 1",
        "SELECT * FROM nowhere",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/hostname.csv'",
        "SELECT * FROM ducklake_expire_snapshots('lake', older_than => now())",
    ],
)
def test_what_is_not_reading_the_lake_is_refused(lake: Lake, query: str) -> None:
    with pytest.raises(QueryError):
        lake.sql(query)
    assert lake.sql("SELECT count(*) FROM events").rows == [(100,)]


OTHER_WAYS = ["DESCRIBE metrics", "EXPLAIN SELECT * FROM spans", "SUMMARIZE events", "FROM series"]


@pytest.mark.parametrize("query", OTHER_WAYS)
def test_other_ways_of_looking_are_allowed(lake: Lake, query: str) -> None:
    assert lake.sql(query).rows


ENDLESS = "SELECT count(*) FROM range(1000000000) a, range(10000) b WHERE (a.range * b.range) % 7 = 8"


def test_a_long_query_is_stopped(lake: Lake) -> None:
    with pytest.raises(QueryError, match="longer than 2 s"):
        lake.sql(ENDLESS)
    assert lake.sql("SELECT 1").rows == [(1,)]


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.05, 0.2])
def test_a_query_can_be_cancelled_at_any_time(lake: Lake, after_s: float) -> None:
    cancel = threading.Event()
    threading.Timer(after_s, cancel.set).start()
    with pytest.raises(QueryError, match="cancelled"):
        lake.sql(ENDLESS, cancel=cancel)


def test_many_threads_ask_at_once(lake: Lake) -> None:
    answers: list[int] = []

    def ask() -> None:
        answers.extend(lake.sql("SELECT count(*) FROM metrics").rows[0][0] for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [100] * 40
