import gzip
import json
import threading
import time

import pytest

from tests.hub.prometheus.asking import FORM, answer, ask, data, write
from tests.hub.serving import hub

_SLOW = "+".join(["quantile_over_time(0.5, vector(1)[5000s:1s])"] * 50)
_SLOW_RANGE = {"query": _SLOW, "start": 0, "end": 10_999, "step": 1}


@pytest.fixture(scope="module", autouse=True)
def _stored(url):
    lines = [({"__name__": "jobs", "queue": queue}, [(1_000 * s, float(s)) for s in range(61)]) for queue in "abc"]
    assert write(url, lines) == 204


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_instant_query_is_answered(url, method):
    found = data(url, "query", method, query='jobs{queue="a"}', time=60)
    assert found == {
        "resultType": "vector",
        "result": [{"metric": {"__name__": "jobs", "queue": "a"}, "value": [60, "60"]}],
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_range_query_is_answered(url, method):
    found = data(url, "query_range", method, query="sum(jobs)", start="1970-01-01T00:00:10Z", end=20.0, step="5s")
    assert found == {
        "resultType": "matrix",
        "result": [{"metric": {}, "values": [[10, "30"], [15, "45"], [20, "60"]]}],
    }


def test_the_form_comes_before_the_address(url):
    status, _, body = ask(url, "POST", "/api/v1/query?query=1&time=3", "query=2", FORM)
    assert (status, json.loads(body)["data"]["result"]) == (200, [3, "2"])


def test_without_a_time_now_is_meant(url):
    moment, value = data(url, "query", query="7")["result"]
    assert abs(moment - time.time()) < 60
    assert value == "7"


def test_a_limit_leaves_series_out_and_says_so(url):
    for path, params in (("query", {"time": 60}), ("query_range", {"start": 0, "end": 60, "step": 10})):
        told = answer(url, path, query="jobs", limit=2, **params)[1]
        assert [len(told["data"]["result"]), told["warnings"]] == [2, ["results truncated due to limit"]]
        assert "warnings" not in answer(url, path, query="jobs", limit=3, **params)[1]


def test_notes_stand_beside_the_answer(url):
    told = answer(url, "query", query="quantile(2, jobs)", time=60)[1]
    assert told["warnings"] == ["PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)"]
    told = answer(url, "query", query="rate(jobs[1m])", time=60)[1]
    assert told["infos"][0].startswith("PromQL info: metric might not be a counter")


def test_lookback_can_be_shortened(url):
    assert len(data(url, "query", query="jobs", time=100)["result"]) == 3
    assert data(url, "query", query="jobs", time=100, lookback_delta="30s")["result"] == []


def test_statistics_are_told_who_asks(url):
    assert "stats" not in data(url, "query", query="jobs", time=60)
    found = data(url, "query", query="sum_over_time(jobs[1m])", time=60, stats="all")["stats"]
    assert found["samples"]["totalQueryableSamples"] == 180
    assert found["timings"]["evalTotalTime"] > 0


def test_long_answers_are_packed_for_who_can_unpack(url):
    path = "/api/v1/query_range?query=jobs&start=0&end=10000&step=1"
    plain = ask(url, "GET", path)
    packed = ask(url, "GET", path, headers={"accept-encoding": "br, gzip;q=0.5"})
    assert plain[1]["content-encoding"] is None
    assert packed[1]["content-encoding"] == "gzip"
    assert packed[1]["vary"] == "accept-encoding"
    assert gzip.decompress(packed[2]) == plain[2]
    assert len(packed[2]) < len(plain[2]) / 3
    assert ask(url, "GET", path, headers={"accept-encoding": "gzip;q=0"})[2] == plain[2]


@pytest.mark.parametrize(
    ("path", "params", "status", "kind", "text"),
    [
        ("query", {"query": "foo{"}, 400, "bad_data", 'invalid parameter "query": 1:5: parse error:'),
        ("query", {"query": "1", "time": "x"}, 400, "bad_data", 'invalid parameter "time": invalid time value'),
        ("query", {"query": "1", "timeout": "x"}, 400, "bad_data", 'cannot parse "x" to a valid duration'),
        ("query", {"query": "1", "limit": "-1"}, 400, "bad_data", "limit must be non-negative"),
        ("query", {"query": 'label_replace(jobs,"a","","b","(")', "time": 60}, 422, "execution", "regular expression"),
        ("query", {"query": "max_over_time(jobs[365d:1ms])", "time": 60}, 422, "execution", "too many samples"),
        ("query", {"query": "+".join("1" * 5000)}, 400, "bad_data", "nested too deeply"),
        ("query", {"query": "1", "timeout": "0.000000001"}, 503, "timeout", "timed out"),
        ("query_range", {"query": "1"}, 400, "bad_data", 'invalid parameter "start"'),
        ("query_range", {"query": "1", "start": 0, "end": 11_001, "step": 1}, 400, "bad_data", "11,000 points"),
        ("query_range", {"query": "1", "start": 0, "end": 1, "step": 0}, 400, "bad_data", "zero or negative"),
        ("query_range", {"query": "1", "start": 2, "end": 1, "step": 1}, 400, "bad_data", "before start"),
        ("query_range", {"query": "a[5m]", "start": 0, "end": 1, "step": 1}, 400, "bad_data", "range vector"),
        ("query_exemplars", {"query": "a", "start": 2, "end": 1}, 400, "bad_data", "before start"),
        ("nothing", {}, 404, "not_found", "nothing at this address"),
    ],
)
def test_an_error_has_its_type_and_status(url, path, params, status, kind, text):
    for method in ("GET", "POST"):
        got, told = answer(url, path, method, **params)
        assert (got, told["status"], told["errorType"]) == (status, "error", kind)
        assert text in told["error"]


def test_eleven_thousand_steps_are_not_too_many(url):
    (line,) = data(url, "query_range", query="1", start=0, end=11_000, step=1)["result"]
    assert len(line["values"]) == 11_001


def test_there_are_no_exemplars(url):
    assert data(url, "query_exemplars", query="jobs", start=0, end=60) == []


def test_the_limits_are_those_of_the_settings(tmp_path):
    with hub(tmp_path, limits__query_samples=100) as client:
        url = client.server.platform.url
        assert write(url, [({"__name__": "jobs"}, [(1_000 * s, 1.0) for s in range(1, 102)])]) == 204
        assert answer(url, "query", query="count_over_time(jobs[100s])", time=100)[0] == 200
        status, told = answer(url, "query", query="count_over_time(jobs[101s])", time=101)
        assert (status, told["errorType"]) == (422, "execution")
    with hub(tmp_path, limits__query_time_s=0.3) as client:
        status, told = answer(client.server.platform.url, "query_range", "POST", **_SLOW_RANGE)
        assert (status, told["errorType"]) == (503, "timeout")


def test_a_query_ends_when_nobody_waits_and_others_go_on(tmp_path):
    with hub(tmp_path, limits__max_concurrent_queries=2, limits__query_time_s=600.0) as client:
        platform, connection = client.server.platform, client.connect()
        ended = threading.Event()
        connection.request("POST", "/api/v1/query_range", "&".join(f"{k}={v}" for k, v in _slow_form()), FORM)
        _wait_until(lambda: platform.query_gate._inside == 1)
        assert data(platform.url, "query", query="1", time=1)["result"] == [1, "1"]
        assert platform.query_gate._inside == 1
        connection.close()
        _wait_until(lambda: platform.query_gate._inside == 0)
        ended.set()


def _slow_form():
    return [(name, str(value).replace("+", "%2B")) for name, value in _SLOW_RANGE.items()]


def _wait_until(is_so):
    end_s = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_too_many_queries_are_told_to_come_again(tmp_path):
    with hub(tmp_path, limits__max_concurrent_queries=1, limits__max_waiting_queries=1) as client:
        platform, may_go = client.server.platform, threading.Event()
        blocked = [platform.query_gate._pool.submit(may_go.wait, 30)]
        platform.query_gate._inside = 2
        status, headers, body = ask(platform.url, "GET", "/api/v1/query?query=1")
        platform.query_gate._inside = 0
        may_go.set()
        assert (status, headers["retry-after"], json.loads(body)["errorType"]) == (503, "1", "unavailable")
        assert blocked[0].result(30)
