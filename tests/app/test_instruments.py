import threading

from firstlight.app.exposition import exposition
from firstlight.app.instruments import MAX_LABEL_SETS, SECONDS_BOUNDS, Registry
from firstlight.codecs import prometheus_text
from firstlight.model import Kind


def values(registry: Registry, field: str = "value") -> dict[tuple[str, ...], float]:
    points = ((series, value) for series, value in registry.collect() if series.field == field)
    return {(series.name, *(text for _, text in series.labels)): value for series, value in points}


def test_a_counter_counts_by_its_labels() -> None:
    registry = Registry()
    counter = registry.counter("requests_total", "Requests.", ("route", "status"))
    counter.inc("/a", "200")
    counter.inc("/a", "200", by=2)
    counter.inc("/a", "500")
    assert values(registry) == {("requests_total", "/a", "200"): 3, ("requests_total", "/a", "500"): 1}
    assert registry.totals() == {"requests_total": 4}
    assert {series.kind for series, _ in registry.collect()} == {Kind.COUNTER}


def test_counting_from_many_threads_loses_nothing() -> None:
    registry = Registry()
    counter = registry.counter("n_total", "N.", ("who",))

    def count():
        for _ in range(2000):
            counter.inc("all")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.total() == 16_000


def test_a_gauge_is_what_was_set_and_can_be_read_on_demand() -> None:
    registry = Registry()
    gauge = registry.gauge("depth_count", "Depth.")
    registry.before_reading(lambda: gauge.add(1))
    gauge.set(5)
    assert values(registry) == {("depth_count",): 6}
    assert registry.totals() == {}


def test_a_histograms_buckets_are_cumulative_and_include_their_bound() -> None:
    registry = Registry()
    histogram = registry.histogram("wait_seconds", "Waiting.", ("route",))
    for seconds in (0.0005, 0.001, 0.003, 99.0):
        histogram.observe(seconds, "/a")
    buckets = values(registry, "bucket")
    assert len(buckets) == len(SECONDS_BOUNDS) + 1
    assert [buckets["wait_seconds", bound, "/a"] for bound in ("0.001", "0.0025", "0.005", "30.0", "+Inf")] == [
        2,
        2,
        3,
        3,
        4,
    ]
    assert values(registry, "count") == {("wait_seconds", "/a"): 4}
    assert values(registry, "sum") == {("wait_seconds", "/a"): 0.0005 + 0.001 + 0.003 + 99.0}


def test_label_sets_are_bounded_and_nothing_is_lost_in_the_sum() -> None:
    counter = Registry().counter("n_total", "N.", ("who",))
    for number in range(MAX_LABEL_SETS + 50):
        counter.inc(str(number))
    points = counter.points()
    assert len(points) == MAX_LABEL_SETS + 1
    assert counter.total() == MAX_LABEL_SETS + 50
    assert max(value for _, value in points) == 50


def test_the_exposition_reads_back() -> None:
    registry = Registry()
    registry.counter("a_total", "A.", ("x",)).inc('odd "text"\n')
    registry.histogram("b_seconds", "B.").observe(0.2)
    families = {family.name: family for family in prometheus_text.decode(exposition(registry.collect()))}
    assert families["a_total"].samples[0].labels == (("x", 'odd "text"\n'),)
    assert families["b_seconds"].type == "histogram"
    assert [sample.value for sample in families["b_seconds"].samples if sample.suffix == "_count"] == [1]
