"""What promtool and Grafana's data source for Prometheus ask."""

import json
import subprocess
import time

import pytest

from tests.hub.prometheus.asking import FORM, ask, data, write
from tests.hub.serving import hub
from tests.peers import peer


@pytest.fixture(scope="module")
def now_s(url):
    now_s = int(time.time())
    lines = [
        ({"__name__": "up", "job": job}, [((now_s - 15 * s) * 1000, 1.0) for s in range(20, -1, -1)]) for job in "ab"
    ]
    buckets = (("1", 2.0), ("+Inf", 4.0))
    lines += [({"__name__": "took_bucket", "le": le}, [(now_s * 1000, count)]) for le, count in buckets]
    assert write(url, lines) == 204
    return now_s


def promtool(*arguments):
    command = [str(peer("promtool")), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_promtool_queries(url, now_s):
    assert promtool("query", "instant", f"--time={now_s}", url, "sum(up)").stdout == f"{{}} => 2 @[{now_s}]\n"
    told = promtool("query", "range", f"--start={now_s - 30}", f"--end={now_s}", "--step=15s", url, "sum(up)")
    assert told.stdout == "{} =>\n" + "".join(f"2 @[{now_s - ago}]\n" for ago in (30, 15, 0))


def test_promtool_lists(url, now_s):
    told = promtool("query", "series", "--match=up", f"--start={now_s - 60}", f"--end={now_s}", url)
    assert sorted(told.stdout.split("\n")) == ["", '{__name__="up", job="a"}', '{__name__="up", job="b"}']
    assert promtool("query", "labels", "--match=up", url, "job").stdout == "a\nb\n"


def test_promtool_analyzes_and_checks(url, now_s):
    told = promtool("query", "analyze", f"--server={url}", "--type=histogram", "--match=took_bucket", f"--time={now_s}")
    assert told.returncode == 0, told.stderr
    assert "Bucket stats" in told.stdout
    assert promtool("check", "healthy", f"--url={url}").returncode == 0
    assert promtool("check", "ready", f"--url={url}").returncode == 0


def test_promtool_shows_an_error(url):
    told = promtool("query", "instant", url, "up{")
    assert told.returncode == 1
    assert "bad_data" in told.stderr
    assert "parse error" in told.stderr


def test_promtool_pushes(url, tmp_path):
    (tmp_path / "metrics").write_text("# TYPE pushed_total counter\npushed_total 5\n")
    assert promtool("push", "metrics", f"{url}/api/v1/write", tmp_path / "metrics").returncode == 0
    (found,) = data(url, "query", query="pushed_total")["result"]
    assert (found["metric"]["__name__"], found["value"][1]) == ("pushed_total", "5")


def test_grafana_looks_who_it_is(url):
    build = data(url, "status/buildinfo")
    assert build["version"].startswith("3.5.")
    assert set(build) == {"version", "revision", "branch", "buildUser", "buildDate", "goVersion"}
    assert data(url, "query", "POST", query="1+1", time=4)["result"] == [4, "2"]
    assert data(url, "status/flags")["query.lookback-delta"] == "5m"
    assert data(url, "status/runtimeinfo")["storageRetention"] == "0s"
    assert "query_samples" in data(url, "status/config")["yaml"]


def test_grafana_fills_its_query_builder(url, now_s):
    span = {"start": now_s - 3600, "end": now_s}
    assert "up" in data(url, "label/__name__/values", **span)
    assert data(url, "label/job/values", match_='{__name__="up"}', **span) == ["a", "b"]
    assert data(url, "labels", "POST", match_='{__name__="up",job="a"}', **span) == ["__name__", "job"]
    assert data(url, "series", "POST", match_="up", limit=40_000, **span)[0] == {"__name__": "up", "job": "a"}
    assert isinstance(data(url, "metadata", limit=40_000), dict)
    assert data(url, "rules") == {"groups": []}


def test_grafana_draws(url, now_s):
    asked = f"query=sum+by%28job%29+%28up%29&start={now_s - 300}&end={now_s}.000&step=15"
    status, headers, body = ask(url, "POST", "/api/v1/query_range", asked, {**FORM, "accept-encoding": "gzip"})
    assert (status, headers["content-type"]) == (200, "application/json")
    found = json.loads(body)["data"]["result"]
    assert [(line["metric"], len(line["values"])) for line in found] == [({"job": "a"}, 21), ({"job": "b"}, 21)]
    exemplars = data(url, "query_exemplars", "POST", query="sum(rate(took_bucket[1m]))", start=now_s - 300, end=now_s)
    assert exemplars == []


def test_a_token_is_taken_the_way_grafana_sends_it(tmp_path):
    with hub(tmp_path, hub__token="a-long-enough-secret") as client:
        headers = {"authorization": "Bearer a-long-enough-secret", "user-agent": "Grafana/12.0"}
        assert ask(client.server.platform.url, "GET", "/api/v1/query?query=1", headers=headers)[0] == 200
        assert ask(client.server.platform.url, "GET", "/api/v1/status/buildinfo")[0] == 401
