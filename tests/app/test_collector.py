import asyncio
import json
import os
import threading
import time
from collections.abc import Iterator

import pytest

from firstlight.app.collector import COORDINATION, Collector, RecordedEvent, observe
from firstlight.app.telemetry import build, configure
from firstlight.errors import UsageError
from firstlight.export.memory import MemoryExporter
from firstlight.sdk.client import Telemetry
from firstlight.sdk.delivery import Limits


@pytest.fixture
def memory() -> MemoryExporter:
    return MemoryExporter()


@pytest.fixture
def telemetry(memory: MemoryExporter) -> Iterator[Telemetry]:
    made = build(Limits(linger_s=0.0, lines=3), environ={})
    configure(exporter=memory, telemetry=made, environ={})
    yield made
    made.shutdown()


@pytest.fixture
def collector(telemetry: Telemetry) -> Collector:
    return Collector(telemetry=telemetry)


def value(collector: Collector, name: str) -> object:
    return collector.get_snapshot().plain()["metrics"][name]["value"]


def test_what_was_just_recorded_is_read(collector: Collector) -> None:
    orders = collector.register_counter("orders_total", "Orders")
    length = collector.register_gauge("queue_length", "Waiting")
    seconds = collector.register_histogram("pay_seconds", "Paying", buckets=(0.1, 1.0))
    orders.inc()
    orders.add(2.5)
    length.inc(3)
    length.dec()
    seconds.observe(0.5)
    assert value(collector, "orders_total") == 3.5
    assert value(collector, "queue_length") == 2
    assert value(collector, "pay_seconds") == {"count": 1, "sum": 0.5, "buckets": {"0.1": 0, "1.0": 1, "+Inf": 1}}
    assert collector.get_metric("orders_total") is orders
    assert collector.states(orders)[0].value == 3.5
    assert collector.get_metric("missing") is None


def test_it_goes_where_the_recorder_delivers(
    collector: Collector, telemetry: Telemetry, memory: MemoryExporter
) -> None:
    collector.register_counter("orders_total", labels={"zone": "a"}).add(2)
    collector.record_event("order_paid", {"amount": 5}, {"zone": "a"}, {"by": "card"})
    telemetry.flush()
    assert memory.latest("orders_total", "value") == {(("zone", "a"),): 2.0}
    assert memory.latest("telemetry_events_total", "value") == {(): 1.0}
    (event,) = memory.events
    assert (event.name, event.subsystem) == ("order_paid", "collector")
    assert event.attributes == {"value": {"amount": 5}, "labels": {"zone": "a"}, "metadata": {"by": "card"}}


def test_a_gauge_begins_at_zero_and_keeps_its_value_when_it_is_registered_again(collector: Collector) -> None:
    gauge = collector.register_gauge("queue_length")
    assert value(collector, "queue_length") == 0
    gauge.set(4)
    assert collector.register_gauge("queue_length") is gauge
    assert value(collector, "queue_length") == 4


def test_labels_by_name_are_several_lines_and_by_value_one(collector: Collector) -> None:
    named = collector.register_counter("a_total", labels=("zone",))
    assert collector.get_snapshot().plain()["metrics"]["a_total"] == []
    named.labels("x").inc()
    collector.register_counter("b_total", labels={"zone": "x"}).inc()
    metrics = collector.get_snapshot().plain()["metrics"]
    assert [(one["labels"], one["value"]) for one in metrics["a_total"]] == [({"zone": "x"}, 1)]
    assert (metrics["b_total"]["labels"], metrics["b_total"]["value"]) == ({"zone": "x"}, 1)
    collector.register_counter("b_total", labels={"zone": "y"}).inc()
    metrics = collector.get_snapshot().plain()["metrics"]
    assert [one["labels"] for one in metrics["b_total"]] == [{"zone": "x"}, {"zone": "y"}]


def test_lines_beyond_the_bound_share_one(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    named = collector.register_counter("a_total", labels=("zone",))
    for zone in range(10):
        named.labels(zone).inc()
    states = collector.get_snapshot().metrics["a_total"]
    assert [state.value for state in states] == [1, 1, 1, 7]
    assert states[-1].labels == {"otel.metric.overflow": "true"}
    assert "a_total has more than 3 lines" in caplog.text


def test_a_name_is_taken_once(collector: Collector) -> None:
    collector.register_counter("orders_total")
    with pytest.raises(UsageError, match=r"test_collector\.py.*test_collector\.py"):
        collector.register_gauge("orders_total")


def test_two_collectors_do_not_mix(telemetry: Telemetry) -> None:
    first, second = Collector(telemetry=telemetry), Collector(telemetry=telemetry)
    first.register_counter("orders_total").inc()
    second.register_counter("orders_total")
    assert (value(first, "orders_total"), value(second, "orders_total")) == (1, 0)
    shared = Collector(telemetry=telemetry, scope=first.scope)
    assert shared.register_counter("orders_total") is first.get_metric("orders_total")


def test_the_oldest_events_give_way_and_are_counted(telemetry: Telemetry) -> None:
    collector = Collector(telemetry=telemetry, max_events=3)
    for n in range(10):
        collector.record_event("beat", n)
    assert [event.value for event in collector.events()] == [7, 8, 9]
    snapshot = collector.get_snapshot()
    assert (snapshot.events_count, snapshot.events_dropped) == (10, 7)
    assert value(collector, "telemetry_events_total") == 10


def test_it_is_exact_from_many_threads(telemetry: Telemetry) -> None:
    collector = Collector(telemetry=telemetry, max_events=100)
    observe(collector, COORDINATION)
    seen: list[int] = []
    collector.add_hook("event", lambda event: seen.append(event.value["latency_seconds"]))
    begin = threading.Barrier(4)

    def work() -> None:
        begin.wait()
        for _ in range(2500):
            collector.register_counter("orders_total").inc()
            collector.record_event("coordination_message", {"latency_seconds": 0.5})
            if len(seen) % 500 == 0:
                collector.get_snapshot()

    threads = [threading.Thread(target=work) for _ in range(4)]
    collector.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    collector.stop()
    assert value(collector, "orders_total") == 10_000
    assert value(collector, "coordination_messages_total") == 10_000
    assert value(collector, "coordination_message_latency_seconds")["sum"] == 5000
    assert value(collector, "telemetry_events_total") == len(seen) == 10_000
    assert collector.get_snapshot().events_dropped == 9900


def test_a_collection_tells_of_itself(collector: Collector) -> None:
    async def slow(_: Collector) -> None:
        await asyncio.sleep(0.02)

    collector.add_hook("pre_collection", slow)
    asyncio.run(collector.collect())
    collector.register_counter("orders_total")
    assert value(collector, "telemetry_metrics_count") == 4
    asyncio.run(collector.collect())
    assert value(collector, "telemetry_collection_runs_total") == 2
    assert 0.02 <= value(collector, "telemetry_collection_duration_seconds") < 10
    assert value(collector, "telemetry_metrics_count") == 5


def test_hooks_may_measure(collector: Collector) -> None:
    length = collector.register_gauge("queue_length")
    seen = []
    collector.add_hook("pre_collection", lambda _: length.set(7))
    collector.add_hook("post_collection", lambda one: seen.append(one.states(length)[0].value))
    asyncio.run(collector.collect())
    assert seen == [7]


def test_an_asynchronous_hook_for_events_runs_on_the_collecting_thread(telemetry: Telemetry) -> None:
    collector = Collector(60, telemetry=telemetry)
    seen = threading.Event()
    names = []

    async def see(event: RecordedEvent) -> None:
        names.append((event.name, threading.current_thread().name))
        seen.set()

    collector.add_hook("event", see)
    collector.start()
    collector.record_event("beat")
    assert seen.wait(10)
    collector.stop()
    assert names == [("beat", "firstlight-collector")]


def test_it_goes_on_when_hooks_fail(telemetry: Telemetry) -> None:
    quiet = build(environ={})
    configure(exporter=MemoryExporter(), telemetry=quiet, environ={})
    quiet.troubles._raise_errors = False
    collector = Collector(0.005, telemetry=quiet)
    collector.add_hook("pre_collection", lambda _: 1 / 0)
    collector.start()
    end_s = time.monotonic() + 10
    while value(collector, "telemetry_collection_runs_total") < 3:
        assert time.monotonic() < end_s
        time.sleep(0.005)
    assert collector.running
    collector.stop()
    assert collector.hooks.failures["pre_collection"] >= 3
    quiet.shutdown()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_begins_anew(collector: Collector) -> None:
    orders, length = collector.register_counter("orders_total"), collector.register_gauge("queue_length")
    length.set(4)
    orders.inc()
    collector.record_event("beat")
    collector.start()
    read, write = os.pipe()
    # As if another thread held it.
    with collector._events._lock:
        child = os.fork()
        if child == 0:
            orders.add(5)
            collector.record_event("beat")
            collector.record_event("beat")
            snapshot = collector.get_snapshot().plain()
            found = [snapshot["metrics"][name]["value"] for name in ("orders_total", "queue_length")]
            os.write(write, json.dumps([*found, snapshot["events_count"], snapshot["running"]]).encode())
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert json.loads(os.read(read, 1000)) == [5, None, 2, False]
    os.close(read)
    os.close(write)
    assert collector.running
    collector.stop()
    assert value(collector, "queue_length") == 4


def test_the_interval_is_above_zero_and_may_change(collector: Collector) -> None:
    assert collector.collection_interval_s == 30.0
    collector.collection_interval_s = 5
    assert collector.collection_interval_s == 5.0
    with pytest.raises(UsageError, match="above zero"):
        collector.collection_interval_s = 0


def test_figures_that_json_has_no_number_for(collector: Collector) -> None:
    gauge = collector.register_gauge("a")
    gauge.set(float("inf"))
    assert value(collector, "a") == "+Inf"
    gauge.set(float("nan"))
    assert value(collector, "a") == "NaN"
    gauge.set(2.5)
    assert value(collector, "a") == 2.5
