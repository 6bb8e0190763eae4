import math
import subprocess
from collections.abc import Callable, Iterator

import prometheus_client as peer
import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from firstlight.sdk.integrations.prometheus_client import FirstlightCollector, report_prometheus_client
from firstlight.sdk.integrations.runtime import instrument_runtime
from tests.peers import peer as program
from tests.sdk.recorder import Recorder

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def theirs() -> peer.CollectorRegistry:
    return peer.CollectorRegistry()


@pytest.fixture
def reported(recorder: Recorder, theirs: peer.CollectorRegistry) -> Iterator[Callable[[], None]]:
    undo = report_prometheus_client(recorder.telemetry, theirs)
    yield undo
    undo()


@pytest.mark.usefixtures("reported")
def test_every_kind_of_theirs_is_reported_as_ours(recorder: Recorder, theirs: peer.CollectorRegistry) -> None:
    requests = peer.Counter("requests", "Requests.", ["method"], registry=theirs)
    requests.labels("GET").inc(3)
    peer.Gauge("temperature_celsius", "Now.", unit="celsius", registry=theirs).set(math.nan)
    seconds = peer.Histogram("seconds", "Durations.", buckets=(0.1, 1), registry=theirs)
    seconds.observe(0.5)
    peer.Summary("sizes", "Sizes.", registry=theirs).observe(7)
    peer.Info("build", "Built.", registry=theirs).info({"version": "1"})
    peer.Enum("job", "State.", states=["on", "off"], registry=theirs).state("off")
    assert recorder.latest("requests_total") == {(("method", "GET"),): 3.0}
    series = recorder.series("requests_total")
    assert (series.service, series.scope, series.kind, series.description) == (
        "shop",
        "prometheus_client",
        "counter",
        "Requests.",
    )
    assert math.isnan(recorder.latest("temperature_celsius")[()])
    assert recorder.series("temperature_celsius").unit == "celsius"
    assert recorder.latest("seconds", "bucket") == {
        (("le", "0.1"),): 0.0,
        (("le", "1.0"),): 1.0,
        (("le", "+Inf"),): 1.0,
    }
    assert recorder.latest("seconds", "sum") == {(): 0.5}
    assert recorder.latest("seconds", "count") == {(): 1.0}
    assert (recorder.latest("sizes", "sum"), recorder.latest("sizes", "count")) == ({(): 7.0}, {(): 1.0})
    assert recorder.series("sizes", "sum").kind == "summary"
    assert recorder.latest("build_info") == {(("version", "1"),): 1.0}
    assert recorder.series("build_info").kind == "info"
    assert recorder.latest("job") == {(("job", "on"),): 0.0, (("job", "off"),): 1.0}
    assert recorder.series("job").kind == "stateset"
    assert not [name for batch in recorder.memory.batches for name in batch.series.values() if "created" in name.name]


@pytest.mark.usefixtures("reported")
def test_their_exemplars_come_along_once(recorder: Recorder, theirs: peer.CollectorRegistry) -> None:
    requests = peer.Counter("requests", "Requests.", registry=theirs)
    requests.inc(2, {"trace_id": TRACE, "span_id": SPAN, "user": "a"})
    ((series, one),) = recorder.exemplars()
    assert (series.name, one.value, one.trace_id, one.span_id, one.labels) == (
        "requests_total",
        2.0,
        TRACE,
        SPAN,
        (("user", "a"),),
    )
    assert one.time_ns > 1_600_000_000 * 10**9
    assert recorder.exemplars() == []
    requests.inc(3, {"trace_id": TRACE})
    assert [one.value for _, one in recorder.exemplars()] == [3.0]


def test_after_the_undo_nothing_of_theirs_is_reported(
    recorder: Recorder, theirs: peer.CollectorRegistry, reported: Callable[[], None]
) -> None:
    peer.Gauge("temperature", "Now.", registry=theirs).set(1)
    assert recorder.latest("temperature") == {(): 1.0}
    reported()
    assert recorder.fresh("temperature") == {}
    assert recorder.fresh("firstlight_sdk_prometheus_client_reads_total") == {(): 1.0}


def filled(recorder: Recorder) -> None:
    scope = recorder.telemetry.scope("web")
    scope.counter("requests_total", help="Requests.", labels=("method",), exemplars=True).labels("GET").inc()
    scope.gauge("queue.length").set(4)
    with recorder.telemetry.span("work"):
        scope.histogram("wait_seconds", buckets=(0.1, 1), exemplars=True).observe(0.5)
    scope.exponential_histogram("sizes_bytes").observe(3)
    scope.summary("lag_seconds", quantiles=(0.5,)).observe(2)
    scope.facts("build_info", {"version": "1"})
    scope.enumeration("job", ("on", "off"))
    scope.observe_gauge("temperature", lambda: 21.5)


def test_our_instruments_appear_in_theirs_and_both_formats_can_be_read(
    recorder: Recorder, theirs: peer.CollectorRegistry
) -> None:
    filled(recorder)
    theirs.register(FirstlightCollector(recorder.telemetry))
    text = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parse_text(generate_latest(theirs).decode())
        for sample in family.samples
    }
    expected = {
        ("requests_total", ("method", "GET")): 1.0,
        ("queue_length",): 4.0,
        ("wait_seconds_bucket", ("le", "0.1")): 0.0,
        ("wait_seconds_bucket", ("le", "1.0")): 1.0,
        ("wait_seconds_count",): 1.0,
        ("wait_seconds_sum",): 0.5,
        ("sizes_bytes_bucket", ("le", "+Inf")): 1.0,
        ("sizes_bytes_sum",): 3.0,
        ("lag_seconds", ("quantile", "0.5")): pytest.approx(2, rel=0.0055),
        ("lag_seconds_count",): 1.0,
        ("build_info", ("version", "1")): 1.0,
        ("job", ("job", "on")): 1.0,
        ("job", ("job", "off")): 0.0,
        ("temperature",): 21.5,
    }
    assert {key: text.get(key) for key in expected} == expected
    for _ in range(2):
        families = {family.name: family for family in parse_openmetrics(generate_openmetrics(theirs).decode())}
        assert (families["requests"].type, families["build"].type, families["job"].type) == (
            "counter",
            "info",
            "stateset",
        )
        (exemplar,) = (one.exemplar for one in families["wait_seconds"].samples if one.exemplar)
        assert exemplar.value == 0.5
        assert set(exemplar.labels) == {"trace_id", "span_id"}
    assert theirs.get_sample_value("queue_length") == 4.0


def test_promtool_has_nothing_to_say_about_it(recorder: Recorder, theirs: peer.CollectorRegistry) -> None:
    filled(recorder)
    undo = instrument_runtime(recorder.telemetry)
    theirs.register(FirstlightCollector(recorder.telemetry))
    check = subprocess.run(
        [program("promtool"), "check", "metrics"], input=generate_latest(theirs), capture_output=True, check=False
    )
    undo()
    assert (check.returncode, check.stdout, check.stderr) == (0, b"", b"")


@pytest.mark.usefixtures("reported")
def test_both_ways_at_once_each_metric_is_there_once(recorder: Recorder, theirs: peer.CollectorRegistry) -> None:
    peer.Gauge("of_theirs", "Now.", registry=theirs).set(1)
    recorder.telemetry.gauge("of_ours").set(2)
    theirs.register(FirstlightCollector(recorder.telemetry))
    names = [family.name for family in theirs.collect()]
    assert sorted(name for name in names if name.startswith("of_")) == ["of_ours", "of_theirs"]
    assert recorder.fresh("of_ours") == {(): 2.0}
    assert recorder.fresh("of_theirs") == {(): 1.0}
    scopes = [series.scope for batch in recorder.memory.batches for series in batch.series.values()]
    assert scopes.count("prometheus_client") == 1


def test_showing_ours_takes_nothing_from_what_is_reported(recorder: Recorder, theirs: peer.CollectorRegistry) -> None:
    filled(recorder)
    theirs.register(FirstlightCollector(recorder.telemetry))
    generate_latest(theirs)
    assert [one.value for _, one in recorder.exemplars()] == [0.5]
    assert recorder.latest("requests_total") == {(("method", "GET"),): 1.0}
