import math
from fractions import Fraction
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.sdk.flow.ledger import Rows
from firstlight.sdk.metrics.histogram import Histogram
from tests.sdk.recorder import Recorder


def test_counter_adds_ones_and_amounts(recorder: Recorder) -> None:
    requests = recorder.telemetry.counter("requests_total", unit="1", help="Requests.")
    requests.inc()
    requests.inc()
    requests.add(0.5)
    assert recorder.latest("requests_total") == {(): 2.5}
    series = next(
        one for batch in recorder.memory.batches for one in batch.series.values() if one.name == "requests_total"
    )
    assert (series.service, series.session_id, series.kind, series.unit) == ("shop", "session", "counter", "1")
    assert series.description == "Requests."


def test_what_is_no_amount_is_counted_and_the_rest_kept(recorder: Recorder) -> None:
    total, sizes, level = (
        recorder.telemetry.counter("c"),
        recorder.telemetry.histogram("h"),
        recorder.telemetry.gauge("g"),
    )
    for value in (1, -1, math.nan, "text", None, Fraction(1, 2)):
        total.add(value)
    for value in (0.2, math.nan, "text", 7, True):
        sizes.observe(value)
    level.set(3)
    level.set("text")
    level.inc("text")
    level.dec("text")
    assert recorder.latest("c") == {(): 1.5}
    assert recorder.latest("h", "count") == {(): 3.0}
    assert recorder.latest("h", "sum") == {(): 8.2}
    assert recorder.latest("g") == {(): 3.0}
    assert recorder.telemetry.counts().dropped == {"invalid": Rows(samples=4 + 2 + 3)}


def test_gauge_applies_steps_in_order_and_is_silent_before(recorder: Recorder) -> None:
    length = recorder.telemetry.gauge("queue_length")
    assert recorder.latest("queue_length") == {}
    length.set(10)
    length.inc()
    length.set(3)
    length.inc(2)
    length.dec()
    assert recorder.latest("queue_length") == {(): 4.0}
    length.dec(4)
    assert recorder.latest("queue_length") == {(): 0.0}


@settings(max_examples=40)
@given(st.lists(st.floats(allow_nan=False, width=32) | st.integers(-5, 5), max_size=200))
def test_histogram_counts_each_value_in_its_bucket_however_many_there_are(values: list[float]) -> None:
    recorder = Recorder(raise_errors=True)
    sizes = recorder.telemetry.histogram("sizes", buckets=(-1, 0, 0.5, 2))
    for value in values:
        sizes.observe(value)
    found = recorder.latest("sizes", "bucket")
    for bound, edge in ((-1.0, "-1.0"), (0.0, "0.0"), (0.5, "0.5"), (2.0, "2.0"), (math.inf, "+Inf")):
        assert found[("le", edge),] == sum(value <= bound for value in values)
    assert recorder.latest("sizes", "count") == {(): len(values)}
    recorder.telemetry.shutdown()


def test_a_counting_line_begins_at_zero_when_it_began(recorder: Recorder) -> None:
    total = recorder.telemetry.counter("c_total")
    began_ns = recorder.clock.time_ns
    total.inc()
    recorder.clock.advance(2)
    recorder.telemetry.flush()
    recorder.clock.advance(5)
    recorder.telemetry.flush()
    points = [
        (time_ns - began_ns, value)
        for batch in recorder.memory.batches
        for id_, time_ns, value in zip(
            batch.samples.series_ids, batch.samples.times_ns, batch.samples.values, strict=True
        )
        if batch.series[id_].name == "c_total"
    ]
    assert points == [(0, 0.0), (2_000_000_000, 1.0), (7_000_000_000, 1.0)]


def test_labels_go_by_position_or_name_and_as_text(recorder: Recorder) -> None:
    family = recorder.telemetry.counter("requests_total", labels=("method", "status"))
    assert family.labels("GET", 200) is family.labels(status="200", method="GET")
    assert family.labels("GET", True) is not family.labels("GET", 1)
    family.labels("GET", 200).inc()
    assert recorder.latest("requests_total")[("method", "GET"), ("status", "200")] == 1


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        (("GET",), {}),
        (("GET", 200, 3), {}),
        (("GET",), {"status": 200}),
        (("GET", 200), {"status": 200}),
        ((), {"method": "GET", "status": 200, "more": 1}),
        ((), {"method": "GET", "more": 1}),
    ],
)
def test_labels_that_do_not_fit_are_a_misuse(values: tuple[object, ...], named: dict[str, object]) -> None:
    recorder = Recorder(raise_errors=False)
    family = recorder.telemetry.counter("requests_total", labels=("method", "status"))
    family.labels("GET", 200).inc()
    family.labels(*values, **named).inc()
    assert recorder.telemetry.counts().misuses == 1
    assert recorder.latest("requests_total")[("otel.metric.overflow", "true"),] == 1.0
    recorder.telemetry.shutdown()


def test_a_value_without_a_hash_is_its_text(recorder: Recorder) -> None:
    family = recorder.telemetry.counter("requests_total", labels=("path",))
    assert family.labels([1, 2]) is family.labels("[1, 2]")
    assert family.labels(path=[1, 2]) is family.labels("[1, 2]")


def test_further_label_values_share_one_line(recorder: Recorder) -> None:
    family = recorder.telemetry.counter("requests_total", labels=("user",))
    for user in range(10):
        family.labels(user).inc()
    found = recorder.latest("requests_total")
    assert found[("otel.metric.overflow", "true"),] == 7
    assert len(found) == 4
    assert recorder.latest("firstlight_sdk_overflows_total") == {(("metric", "requests_total"),): 7}


@settings(max_examples=10, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 40), max_size=300), min_size=2, max_size=4))
def test_folds_are_exact_whatever_the_threads_do(work: list[list[int]]) -> None:
    recorder = Recorder()
    scope = recorder.telemetry.scope("web")
    total, level, moved = scope.counter("total"), scope.gauge("level"), scope.up_down_counter("moved")
    takers = [
        scope.histogram("h", buckets=(0, 1, 10)),
        scope.summary("s", quantiles=(0, 1)),
        scope.exponential_histogram("e"),
    ]

    def record(values: list[int]) -> None:
        for value in values:
            total.inc()
            total.add(abs(value))
            level.inc(value)
            moved.add(value)
            for taker in takers:
                taker.observe(value)

    threads = [Thread(target=record, args=(values,)) for values in work]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        recorder.telemetry.registry.fold()
    values = [value for each in work for value in each]
    assert recorder.latest("total") == {(): len(values) + sum(map(abs, values))}
    assert recorder.latest("moved") == {(): sum(values)}
    assert recorder.latest("level") == ({(): sum(values)} if values else {})
    for name in ("h", "s"):
        assert recorder.latest(name, "count") == {(): len(values)}
        assert recorder.latest(name, "sum") == {(): sum(values)}
    assert list(recorder.latest("h", "bucket").values()) == [
        sum(value <= bound for value in values) for bound in (0, 1, 10, math.inf)
    ]
    point = recorder.points("e")[-1]
    assert (point.count, point.sum, point.zero_count) == (len(values), sum(values), values.count(0))
    recorder.telemetry.shutdown()


def test_registering_again_gives_the_same_and_contradictions_name_both_places(recorder: Recorder) -> None:
    telemetry = recorder.telemetry
    first = telemetry.counter("things_total", labels=("kind",))
    assert telemetry.counter("things_total", labels=("kind",)) is first
    assert telemetry.scope("other").counter("things_total") is not first
    with pytest.raises(UsageError, match=r"test_instruments.py:\d+.*test_instruments.py:\d+"):
        telemetry.gauge("things_total", labels=("kind",))
    with pytest.raises(UsageError, match="label_names"):
        telemetry.counter("things_total", labels=("sort",))
    assert isinstance(telemetry.histogram("seconds", buckets=(1, 2)), Histogram)
    with pytest.raises(UsageError, match="bounds"):
        telemetry.histogram("seconds", buckets=(1, 3))
    telemetry.scope("").up_down_counter("active_requests")
    with pytest.raises(UsageError, match="UpDownCounter.*Gauge"):
        telemetry.gauge("active_requests")


@pytest.mark.parametrize("buckets", [(2, 1), (1, 1), (1, math.inf), (math.nan,)])
def test_impossible_buckets_are_refused(recorder: Recorder, buckets: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="buckets"):
        recorder.telemetry.histogram("seconds", buckets=buckets)


def test_a_span_whose_histogram_name_is_taken_is_still_recorded(recorder: Recorder) -> None:
    recorder.telemetry.counter("work_seconds").inc()
    with recorder.telemetry.span("work"):
        pass
    assert recorder.latest("work_seconds") == {(): 1.0}
    assert [span.name for span in recorder.memory.spans] == ["work"]
