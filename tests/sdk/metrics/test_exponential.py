import math
from threading import Thread

import pytest

from firstlight.errors import UsageError
from firstlight.model import ExponentialPoint
from firstlight.sdk.flow.ledger import Rows
from tests.sdk.recorder import Recorder


def test_the_state_is_a_cumulative_point_that_began_at_zero(recorder: Recorder) -> None:
    sizes = recorder.telemetry.scope("web").exponential_histogram("sizes", unit="By", max_buckets=4)
    began_ns = recorder.clock.time_ns
    recorder.clock.advance(1)
    for size in (1, 2, 16, 0, -4):
        sizes.observe(size)
    zero, point = recorder.points("sizes")
    assert (zero.time_ns, zero.count, zero.sum) == (began_ns, 0, 0.0)
    assert point == ExponentialPoint(
        zero.series_id, began_ns + 10**9, 5, 15.0, -1, 1, 0.0, -1, [1, 1, 1], 0, [1], -4.0, 16.0
    )
    series = recorder.series("sizes")
    assert (series.kind, series.field, series.unit, series.scope) == ("histogram", "value", "By", "web")
    sizes.observe(1)
    assert [point.count for point in recorder.points("sizes")] == [0, 5, 6]


def test_what_is_no_finite_number_is_counted_and_the_rest_kept(recorder: Recorder) -> None:
    sizes = recorder.telemetry.scope("web").exponential_histogram("sizes")
    for value in (math.inf, -math.inf, math.nan, "text", None, 2.5, 10**400, True):
        sizes.observe(value)
    *_, point = recorder.points("sizes")
    assert (point.count, point.sum) == (2, 3.5)
    assert recorder.telemetry.counts().dropped == {"invalid": Rows(samples=6)}


def test_no_value_of_any_thread_is_lost(recorder: Recorder) -> None:
    family = recorder.telemetry.scope("web").exponential_histogram("sizes", labels=("thread",))

    def work(name: int) -> None:
        own = family.labels(name % 2)
        for at in range(10_000):
            own.observe(at)

    threads = [Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        recorder.telemetry.registry.fold()
    latest = recorder.points("sizes")[-2:]
    assert [(point.count, point.sum) for point in latest] == [(20_000, 99_990_000.0)] * 2
    assert all(sum(point.positive) + point.zero_count == 20_000 for point in latest)


def test_too_few_buckets_are_refused(recorder: Recorder) -> None:
    with pytest.raises(UsageError, match="max_buckets"):
        recorder.telemetry.scope("web").exponential_histogram("sizes", max_buckets=1)
