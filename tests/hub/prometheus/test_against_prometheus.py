"""The same series and the same questions, asked of the hub and of a real Prometheus."""

import json
import math
from urllib.parse import quote

import pytest

from tests.hub.prometheus.asking import FORM, ask, write
from tests.peers import prometheus

_LINES = [
    ({"__name__": "jobs_total", "queue": queue, "host": host}, [(15_000 * s, float(s * rate)) for s in range(1, 41)])
    for queue, host, rate in (("a", "x", 1), ("b", "x", 2), ("b", "y", 3))
]
_LINES += [({"__name__": "room", "ort": 'Küche, "hell"\\\n'}, [(60_000, 21.5), (120_000, math.inf), (180_000, 1e-9)])]
_LINES += [({"__name__": "dotted.name", "a.b": "c"}, [(60_000, 1.0)])]
_BUCKETS = zip(("0.1", "1", "+Inf"), (1.0, 4.0, 5.0), strict=True)
_LINES += [({"__name__": "spent_bucket", "le": le}, [(60_000, count), (120_000, 3 * count)]) for le, count in _BUCKETS]

_QUERIES = (
    *("1", '"text"', "time()", "vector(1)", "jobs_total", "jobs_total[2m]", "-jobs_total", "nothing", "room"),
    *('{"dotted.name"}', '{"a.b"="c"}', "rate(jobs_total[2m])", "sum by (queue) (rate(jobs_total[2m]))"),
    *("topk(1, jobs_total)", "histogram_quantile(0.9, spent_bucket)", "quantile(7, jobs_total)", "rate(room[2m])"),
    *("jobs_total offset 1m", "max_over_time(jobs_total[2m:30s])", "jobs_total @ 300", "absent(nothing)"),
    *(
        "count_values('v', jobs_total)",
        "jobs_total / on (queue, host) jobs_total",
        "jobs_total > bool 20",
        "sort(jobs_total)",
    ),
)
_WRONG = (
    *("foo{", "foo bar", "rate(foo)", "sum(", "1 +", "foo[5m] + 1", "jobs_total * on (host) jobs_total", "{}"),
    *('label_replace(jobs_total, "a", "$1", "b", "(")', "count_values('1 x', jobs_total[1m])", "unknown(1)"),
)
_TIMES = ("60", "120.5", "1970-01-01T00:02:00Z", "1970-01-01T01:02:00.25+01:00", "1e2", "1_00", "-5")
_PATHS = (
    *(f"query?query={quote(text)}&time=180" for text in (*_QUERIES, *_WRONG)),
    *(f"query_range?query={quote(text)}&start=30&end=300&step=30" for text in (*_QUERIES, *_WRONG)),
    *(f"query?query=time()&time={quote(time)}" for time in (*_TIMES, "x", "1970-01-01", "0x10")),
    *(
        f"query_range?query=time()&start=0&end=100&step={step}"
        for step in ("5", "10s", "1m30s", "1y", "0", "-1", "x", "1.5m")
    ),
    *(
        f"query?query=1&time=1&{more}"
        for more in ("timeout=x", "timeout=1m", "limit=x", "limit=-1", "limit=0", "bogus=1")
    ),
    *(f"query?query=jobs_total&time=180&lookback_delta={text}" for text in ("x", "0", "10s", "-1m")),
    *("query_range?query=1", "query_range?query=1&start=0", "query_range?query=1&start=0&end=1"),
    *("query_range?query=1&start=0&end=0.01&step=0.0015", "query_range?query=1&start=0&end=11001&step=1"),
    *("query_range?query=1&start=10&end=0&step=1", "query_range?query=time()&start=0.0004&end=10.0009&step=5"),
    *("series", "series?match[]=jobs_total", "series?match[]={host=%22x%22}&match[]=room", "series?match[]=x{"),
    *("series?match[]=jobs_total&start=x", "series?match[]=jobs_total&limit=2x", "series?match[]=nothing"),
    *(
        "labels?start=0&end=10000",
        "labels?match[]=room",
        "labels?match[]=x{",
        "labels?limit=-1",
        "labels?start=10000&end=20000",
    ),
    *(
        "label/__name__/values?start=0&end=10000",
        "label/host/values",
        "label/a.b/values",
        "label/U__a_2e_b/values",
        "label/nothing/values",
    ),
    *("label/host/values?match[]=jobs_total{queue=%22b%22}", "label/queue/values?limit=x", "label/le/values"),
    *("metadata?metric=nothing", "metadata?limit=x", "query_exemplars?query=foo&start=0&end=1"),
    *("query_exemplars?query=foo{", "query_exemplars?query=foo&start=2&end=1", "format_query?query=sum(foo)by(a)"),
    *(
        "parse_query?query=sum(rate(foo[5m]offset%201h))by(a)%3Ebool%201",
        "parse_query?query=a",
        "format_query?query=a{",
    ),
    *(
        "rules",
        "rules?type=alert",
        "rules?type=x",
        "rules?match[]=x{",
        "alerts",
        "alertmanagers",
        "targets?state=dropped",
    ),
    *("status/tsdb?limit=x", "status/tsdb?limit=0"),
)
_FORMS = ("query=2&time=1", "query=jobs_total&time=180", "query=%zz", "query=1;x=2", "query=1&query=2&time=1")


@pytest.fixture(scope="module")
def both(url, tmp_path_factory):
    with prometheus(tmp_path_factory.mktemp("prometheus")) as real:
        for place in (url, real):
            assert write(place, _LINES) == 204
        yield url, real


def _told(place, method, path, body=None, headers=None):
    status, told, content = ask(place, method, f"/api/v1/{path}", body, headers)
    found = json.loads(content)
    if isinstance(found.get("data"), dict) and found["data"].get("resultType") == "vector":
        found["data"]["result"].sort(key=str)  # in no order, as Prometheus says
    if "at least one non-empty matcher" in found.get("error", ""):
        found["error"] = "no matcher"  # said by its parser in one place and by its API in the other
    return status, told["content-type"], found


@pytest.mark.parametrize("path", _PATHS)
def test_the_answer_is_that_of_prometheus(both, path):
    ours, theirs = (_told(place, "GET", path) for place in both)
    assert ours == theirs


@pytest.mark.parametrize("form", _FORMS)
def test_a_form_is_read_as_prometheus_does(both, form):
    for path in ("query", "query?query=1&time=3"):
        ours, theirs = (_told(place, "POST", path, form, FORM) for place in both)
        assert ours[0] == theirs[0]
        assert ours[2].get("data") == theirs[2].get("data")
