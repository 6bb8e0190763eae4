import asyncio
import gc
import os
import threading
from collections.abc import Iterator
from time import sleep, time

import psutil
import pytest
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from firstlight.sdk.integrations.runtime import METRICS, Runtime, instrument_runtime, watch_event_loop
from tests.sdk.recorder import Recorder


@pytest.fixture
def watched(recorder: Recorder) -> Iterator[Recorder]:
    undo = instrument_runtime(recorder.telemetry, interval_s=0)
    yield recorder
    undo()
    assert not recorder.telemetry.registry.asks(Runtime)


def value(recorder: Recorder, name: str) -> float:
    return sum(recorder.fresh(name).values())


def test_the_process_is_described_as_psutil_and_the_system_describe_it(watched: Recorder) -> None:
    process = psutil.Process()
    assert value(watched, "process_start_time_seconds") == pytest.approx(process.create_time(), abs=0.1)
    assert value(watched, "process_resident_memory_bytes") == pytest.approx(process.memory_info().rss, rel=0.2)
    assert value(watched, "process_virtual_memory_bytes") == pytest.approx(process.memory_info().vms, rel=0.2)
    times = process.cpu_times()
    assert value(watched, "process_cpu_seconds_total") == pytest.approx(times.user + times.system, abs=1)
    assert value(watched, "process_threads") == process.num_threads()
    assert value(watched, "python_threads") == threading.active_count()
    assert value(watched, "process_max_fds") == process.rlimit(psutil.RLIMIT_NOFILE)[0]
    assert value(watched, "process_resident_memory_peak_bytes") >= process.memory_info().rss * 0.8
    before = value(watched, "process_open_fds")
    reading, writing = os.pipe()
    assert value(watched, "process_open_fds") == before + 2
    os.close(reading)
    os.close(writing)


def test_names_and_labels_are_those_of_prometheus_client(watched: Recorder) -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    PlatformCollector(registry=registry)
    theirs = {(sample.name, *sorted(sample.labels)) for family in registry.collect() for sample in family.samples}
    watched.telemetry.flush()
    ours = {
        (series.name, *(key for key, _ in series.labels))
        for batch in watched.memory.batches
        for series in batch.series.values()
    }
    assert theirs <= ours
    assert set(METRICS) <= {name for name, *_ in ours}
    assert watched.series("python_info").kind == "info"


def test_runs_of_the_garbage_collector_are_counted_and_timed(watched: Recorder) -> None:
    oldest = (("generation", "2"),)
    runs, pauses = watched.fresh("python_gc_collections_total")[oldest], "python_gc_pause_seconds"
    count = watched.fresh(pauses, "count")[oldest]
    gc.collect()
    gc.collect()
    assert watched.fresh("python_gc_collections_total")[oldest] == runs + 2
    assert watched.fresh(pauses, "count")[oldest] == count + 2
    assert 0 < watched.fresh(pauses, "sum")[oldest] < 60


def test_it_is_read_no_more_often_than_wanted() -> None:
    runtime = Runtime(interval_s=3600)
    assert runtime.read() is runtime.read()
    eager = Runtime(interval_s=0)
    assert eager.read() is not eager.read()


def test_a_second_time_changes_nothing_and_the_undo_leaves_nothing(recorder: Recorder) -> None:
    recorder.telemetry.start()
    callbacks = len(gc.callbacks)
    undo = instrument_runtime(recorder.telemetry)
    instrument_runtime(recorder.telemetry)()
    assert len(gc.callbacks) == callbacks + 1
    assert len(recorder.latest("process_cpu_seconds_total")) == 1
    undo()
    undo()
    assert len(gc.callbacks) == callbacks
    assert recorder.fresh("process_cpu_seconds_total") == {}


def test_an_event_loop_that_is_held_up_shows_it(recorder: Recorder) -> None:
    async def work() -> None:
        undo = watch_event_loop(recorder.telemetry, interval_s=0.01)
        await asyncio.sleep(0.02)
        sleep(0.15)  # noqa: ASYNC251 - that is what is to be seen
        await asyncio.sleep(0.02)
        undo()
        taken = recorder.latest("python_event_loop_lag_seconds", "count")[()]
        assert taken >= 2
        await asyncio.sleep(0.03)
        assert recorder.latest("python_event_loop_lag_seconds", "count")[()] == taken

    before_s = time()
    asyncio.run(work())
    lag_s = recorder.latest("python_event_loop_lag_seconds", "sum")[()]
    assert 0.1 < lag_s < time() - before_s


def test_a_loop_may_be_closed_while_it_is_watched(recorder: Recorder) -> None:
    loop = asyncio.new_event_loop()
    undo = watch_event_loop(recorder.telemetry, loop, interval_s=0.001)
    loop.run_until_complete(asyncio.sleep(0.02))
    loop.close()
    undo()
    assert recorder.latest("python_event_loop_lag_seconds", "count")[()] >= 1
