import json
import math
import time

import pytest

from firstlight.model import Batch, Kind, Resource, Series
from tests.hub.serving import JSON, Client, logs

SECOND = 10**9


@pytest.fixture(scope="module", autouse=True)
def _stored(client: Client) -> None:
    platform = client.server.platform
    batch = Batch(Resource(service="demo"))
    for place, offset in (("north", 0.0), ("south", 100.0)):
        series = Series("room_temperature", (("place", place),), "demo", kind=Kind.GAUGE, unit="Cel")
        for second in range(60):
            batch.add_sample(series, (1000 + second) * SECOND, offset + second)
    odd = Series("odd_values", (), "demo")
    for second, value in enumerate((math.nan, math.inf, -math.inf, 1.5)):
        batch.add_sample(odd, (1000 + second) * SECOND, value)
    platform.intake.door("test").append([batch])
    for level in (5, 9, 13, 17):
        client.send_logs(logs(3, "shop", f"level {level}", level, time_ns=level * SECOND))


def test_sql_answers_columns_and_rows(client: Client) -> None:
    answer = client.sql("select 1 as one, 'a' as letter, [1, 2] as list, null as nothing").json
    elapsed_ms = answer.pop("elapsed_ms")
    assert elapsed_ms > 0
    assert answer == {
        "columns": [
            {"name": "one", "type": "INTEGER"},
            {"name": "letter", "type": "VARCHAR"},
            {"name": "list", "type": "INTEGER[]"},
            {"name": "nothing", "type": "INTEGER"},
        ],
        "rows": [[1, "a", [1, 2], None]],
        "row_count": 1,
        "truncated": False,
        "warnings": [],
    }


def test_sql_values_survive_json(client: Client) -> None:
    query = "select time, value, {'a': 1.5::decimal(4, 1)} from metrics where name = 'odd_values' order by time"
    assert client.sql(query).json["rows"] == [
        ["1970-01-01T00:16:40Z", "NaN", {"a": 1.5}],
        ["1970-01-01T00:16:41Z", "+Inf", {"a": 1.5}],
        ["1970-01-01T00:16:42Z", "-Inf", {"a": 1.5}],
        ["1970-01-01T00:16:43Z", 1.5, {"a": 1.5}],
    ]
    assert client.sql("select 9007199254740993, -9223372036854775808, 18446744073709551615::ubigint").json["rows"] == [
        [9007199254740993, -9223372036854775808, 18446744073709551615]
    ]


def test_sql_takes_values_and_a_limit(client: Client) -> None:
    assert client.sql("select ? + ?", params=[1, 2]).json["rows"] == [[3]]
    assert client.sql("select $a * 2", params={"a": 4}).json["rows"] == [[8]]
    answer = client.sql("select * from range(100)", limit=7).json
    assert (answer["row_count"], answer["truncated"]) == (7, True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "selekt 1"}, "BAD_QUERY"),
        ({"query": "drop table metrics"}, "BAD_QUERY"),
        ({"query": "select * from read_csv('/etc/passwd')"}, "BAD_QUERY"),
        ({"query": "select 1", "limit": -1}, "BAD_REQUEST"),
        ({"query": "select 1", "limt": 1}, "BAD_REQUEST"),
        ({}, "BAD_REQUEST"),
        ("no json", "BAD_REQUEST"),
    ],
)
def test_a_bad_question_is_400_and_says_why(client: Client, body, code) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    answer = client.ask("POST", "/api/sql", content, {"content-type": JSON})
    assert (answer.status, answer.json["status"], answer.code) == (400, "error", code)
    assert "Traceback" not in answer.json["error"]["message"]


def test_a_question_has_a_longest_body(client: Client) -> None:
    answer = client.sql("select " + "1 + " * 400_000 + "1")
    assert (answer.status, answer.code) == (413, "TOO_LARGE")


def test_a_query_ends_when_its_client_leaves(client: Client) -> None:
    connection = client.connect()
    query = "select count(*) from range(1000000000) a, range(1000000000) b"
    connection.request("POST", "/api/sql", json.dumps({"query": query}), {"content-type": JSON})
    gate = client.server.platform.query_gate
    wait_until(lambda: gate._inside == 1)
    connection.close()
    wait_until(lambda: gate._inside == 0)


def wait_until(condition) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came true")


def test_events_are_the_newest_oldest_first(client: Client) -> None:
    events = client.get("/api/events?service=shop&limit=4").json["events"]
    assert [event["time_ns"] for event in events] == [13 * SECOND + 2, 17 * SECOND, 17 * SECOND + 1, 17 * SECOND + 2]
    assert events[-1] == {
        "time": "1970-01-01T00:00:17.000000002Z",
        "time_ns": 17 * SECOND + 2,
        "level": "ERROR",
        "subsystem": "shop",
        "component": "cart",
        "name": "sold",
        "body": "level 17",
        "attributes": {},
        "trace_id": "",
        "span_id": "",
        "service": "shop",
    }


@pytest.mark.parametrize(
    ("query", "levels"),
    [
        ("level=warn", ["WARN"] * 3 + ["ERROR"] * 3),
        ("level=ERROR", ["ERROR"] * 3),
        ("subsystem=shop&level=error", ["ERROR"] * 3),
        ("subsystem=other", []),
        (f"after_ns={17 * SECOND}", ["ERROR"] * 2),
        ("level=critical", []),
        ("search=level+17", ["ERROR"] * 3),
        ("search=LEVEL+13&ignore_case=true&limit=2", ["WARN"] * 2),
        ("search=13+level&words=true&level=warn", ["WARN"] * 3),
        (f"search=level+17&after_ns={17 * SECOND}", ["ERROR"] * 2),
    ],
)
def test_events_are_filtered(client: Client, query, levels) -> None:
    events = client.get(f"/api/events?service=shop&{query}").json["events"]
    assert [event["level"] for event in events] == levels


@pytest.mark.parametrize(
    "query", ["level=loud", "limit=0", "limit=ten", "after_ns=99999999999999999999999", "search=.&words=true"]
)
def test_a_wrong_filter_is_400(client: Client, query) -> None:
    assert client.get(f"/api/events?{query}").status == 400


def test_series_are_found_by_prefix(client: Client) -> None:
    series = client.get("/api/series?name=room_").json["series"]
    assert sorted(found["labels"]["place"] for found in series) == ["north", "south"]
    assert {found["name"] for found in series} == {"room_temperature"}
    assert all(int(found.pop("series_id")) for found in series)
    assert client.get("/api/series?name=none").json == {"series": [], "truncated": False}


def test_a_range_is_means_over_equal_steps(client: Client) -> None:
    query = f"name=room_temperature&start_ns={1000 * SECOND}&end_ns={1060 * SECOND}&points=6&labels.place=south"
    answer = client.get(f"/api/range?{query}").json
    assert (answer["name"], answer["step_ns"], answer["truncated"]) == ("room_temperature", 10 * SECOND, False)
    (series,) = answer["series"]
    assert (series["labels"], series["service"], series["kind"], series["unit"]) == (
        {"place": "south"},
        "demo",
        "gauge",
        "Cel",
    )
    assert series["times_ns"] == [(1000 + 10 * step) * SECOND for step in range(6)]
    assert series["values"] == [104.5 + 10 * step for step in range(6)]


def test_a_range_of_all_series_and_of_none(client: Client) -> None:
    span = f"start_ns={1000 * SECOND}&end_ns={1060 * SECOND}"
    assert len(client.get(f"/api/range?name=room_temperature&{span}").json["series"]) == 2
    assert client.get(f"/api/range?name=nothing&{span}").json["series"] == []
    assert client.get("/api/range?name=room_temperature").json["series"] == []  # not in the last hour


def test_a_step_without_a_finite_mean_is_null(client: Client) -> None:
    answer = client.get(f"/api/range?name=odd_values&start_ns={1000 * SECOND}&end_ns={1004 * SECOND}&points=4").json
    assert answer["series"][0]["values"] == [None, None, None, 1.5]


@pytest.mark.parametrize("query", ["", "name=x&points=0", "name=x&start_ns=5&end_ns=5", "name=x&end_ns=late"])
def test_a_wrong_range_is_400(client: Client, query) -> None:
    assert client.get(f"/api/range?{query}").status == 400
