import pytest

from bench.remote_write_messages import message
from firstlight.model import Batch, Kind, Resource, Series
from tests.hub.prometheus.asking import answer, data, write
from tests.hub.serving import hub

_S = 10**9
_UP = {"__name__": "up", "job": "node", "instance": "a:1"}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with hub(tmp_path_factory.mktemp("hub"), self_metrics_interval_s=86_400.0) as client:
        batch = Batch(Resource(service="shop"))
        own = {"service": "shop", "session_id": "s1"}
        cart = Series(
            "cart.items", (("http.method", "GET"),), **own, kind=Kind.GAUGE, unit="{item}", description="In it."
        )
        sold = Series("sold", (("job", "night"),), **own, kind=Kind.COUNTER)
        spent = [Series("spent", (), **own, field=field, kind=Kind.HISTOGRAM, unit="s") for field in ("sum", "count")]
        for series in (cart, sold, *spent):
            batch.add_sample(series, 100 * _S, 1.0)
        client.server.platform.intake.door("test").append([batch])
        address = client.server.platform.url
        assert (
            write(address, [(_UP, [(100_000, 1.0)]), ({**_UP, "instance": "b:1", "a.b": "x"}, [(900_000, 1.0)])]) == 204
        )
        told = message("MetricMetadata")(type=2, metric_family_name=b"up", help=b"Is it there.")
        assert write(address, [], [told]) == 204
        yield address


def names(found):
    return sorted(one["__name__"] for one in found)


def test_series_are_found_by_what_promql_calls_them(url):
    assert data(url, "series", match_='cart_items{http_method="GET"}') == [
        {"__name__": "cart_items", "http_method": "GET", "instance": "s1", "job": "shop"}
    ]
    assert data(url, "series", match_='up{instance="a:1"}') == [_UP]
    assert names(data(url, "series", "POST", match_=["sold_total", '{__name__=~"spent.*"}'])) == [
        *("sold_total", "spent_count", "spent_sum"),
    ]


def test_series_are_those_of_a_stretch_of_time(url):
    def instances(start, end):
        return sorted(one["instance"] for one in data(url, "series", match_="up", start=start, end=end))

    assert [instances(0, 99), instances(100, 100), instances(101, 899), instances(0, 900)] == [
        *([], ["a:1"], [], ["a:1", "b:1"]),
    ]


def test_labels_are_named(url):
    everything = ["__name__", "a.b", "http_method", "instance", "job"]
    assert data(url, "labels", end=10_000) == everything
    edges = {"start": "-292273086-05-16T16:47:06Z", "end": "292277025-08-18T07:12:54.999999999Z"}
    assert set(data(url, "labels", **edges)) > set(everything)
    assert data(url, "labels", "POST", match_="cart_items") == ["__name__", "http_method", "instance", "job"]
    assert data(url, "labels", end=99) == []


def test_a_label_has_values(url):
    metrics = ["cart_items", "sold_total", "spent_count", "spent_sum", "up"]
    assert data(url, "label/__name__/values", end=10_000) == metrics
    assert data(url, "label/__name__/values", start=800, end=1000) == ["up"]
    assert data(url, "label/job/values", end=10_000) == ["night", "node", "shop"]
    assert data(url, "label/job/values", match_="sold_total") == ["night"]
    assert data(url, "label/instance/values", match_=["up", "sold_total"]) == ["a:1", "b:1", "s1"]
    assert data(url, "label/http_method/values") == ["GET"]
    assert data(url, "label/http.method/values") == []
    assert data(url, "label/nothing/values") == []


def test_a_label_with_odd_letters_can_be_escaped(url):
    assert data(url, "label/U__a_2e_b/values") == ["x"]
    assert data(url, "label/a.b/values") == ["x"]
    assert data(url, "label/U__a_zz_b/values") == []


def test_a_limit_leaves_some_out_and_says_so(url):
    for path, params in (("series", {"match_": "up"}), ("labels", {}), ("label/instance/values", {})):
        told = answer(url, path, limit=1, **params)[1]
        assert (len(told["data"]), told["warnings"]) == (1, ["results truncated due to limit"])


def test_metadata_tells_what_metrics_mean(url):
    gauge = {"type": "gauge", "help": "In it.", "unit": "{item}"}
    assert data(url, "metadata", metric="cart_items") == {"cart_items": [gauge]}
    found = data(url, "metadata")
    assert {
        name: one["type"] for name, (one,) in found.items() if not name.startswith(("firstlight_", "process_"))
    } == {
        "cart_items": "gauge",
        "sold_total": "counter",
        "spent": "histogram",
        "up": "gauge",
    }
    assert found["up"] == [{"type": "gauge", "help": "Is it there.", "unit": ""}]
    assert len(data(url, "metadata", limit=2)) == 2
    assert data(url, "metadata", metric="nothing") == {}


def test_what_has_most_series_is_told(url):
    found = data(url, "status/tsdb", limit=1000)
    assert {"name": "up", "value": 2} in found["seriesCountByMetricName"]
    assert {"name": "instance", "value": 2} in found["labelValueCountByLabelName"]
    assert {"name": "instance", "value": 6} in found["memoryInBytesByLabelName"]
    assert {"name": "job=node", "value": 2} in found["seriesCountByLabelValuePair"]
    counts = [one["value"] for one in found["seriesCountByMetricName"]]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == found["headStats"]["numSeries"]
    assert len(data(url, "status/tsdb", limit=1)["seriesCountByMetricName"]) == 1


@pytest.mark.parametrize(
    ("path", "params", "text"),
    [
        ("series", {}, "no match[] parameter provided"),
        ("series", {"match_": "up{"}, 'invalid parameter "match[]": 1:4: parse error'),
        ("series", {"match_": '{a=~".*"}'}, "at least one non-empty matcher"),
        ("labels", {"match_": "up{"}, "1:4: parse error"),
        ("labels", {"start": "x"}, 'invalid parameter "start": invalid time value'),
        ("label/a/values", {"limit": "x"}, 'parsing "x": invalid syntax'),
        ("metadata", {"limit": "x"}, "limit must be a number"),
        ("status/tsdb", {"limit": 0}, "limit must be a positive number"),
    ],
)
def test_a_wrong_question_is_refused(url, path, params, text):
    status, told = answer(url, path, **params)
    assert (status, told["errorType"]) == (400, "bad_data")
    assert text in told["error"]
