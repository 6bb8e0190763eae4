from threading import Thread

import pytest

from firstlight.sdk.tracing.spans import Span
from tests.sdk.recorder import Recorder


def test_a_bucket_shows_the_newest_value_measured_inside_a_span(recorder: Recorder) -> None:
    sizes = recorder.telemetry.scope("web").histogram("sizes", buckets=(1, 2, 4), exemplars=True)
    sizes.observe(0.1)
    with recorder.telemetry.span("first"):
        sizes.observe(1.5)
    with recorder.telemetry.span("second") as second:
        sizes.observe(1.75)
        sizes.observe(99)
    found = recorder.exemplars()
    assert [(series.field, dict(series.labels)["le"], one.value) for series, one in found] == [
        ("bucket", "2.0", 1.75),
        ("bucket", "+Inf", 99.0),
    ]
    assert {(one.trace_id, one.span_id) for _, one in found} == {second.ids()}
    assert {one.time_ns for _, one in found} == {recorder.clock.time_ns}
    assert recorder.latest("sizes", "count") == {(): 4.0}
    assert recorder.latest("sizes", "sum") == {(): 102.35}


def test_an_exemplar_is_told_once(recorder: Recorder) -> None:
    sizes = recorder.telemetry.scope("web").histogram("sizes", buckets=(1, 2), labels=("a",), exemplars=True)
    with recorder.telemetry.span("first"):
        sizes.labels("x").observe(1.5)
    assert len(recorder.exemplars()) == 1
    assert recorder.exemplars() == []
    with recorder.telemetry.span("second"):
        sizes.labels("y").observe(3)
    assert [one.value for _, one in recorder.exemplars()] == [3.0]


def test_an_exemplar_leads_to_no_trace_that_is_not_kept(recorder: Recorder) -> None:
    recorder.telemetry.registry.keeps_trace = lambda span: span.name == "kept"
    total = recorder.telemetry.counter("total", labels=("a",), exemplars=True)
    for name in ("kept", "dropped"):
        with recorder.telemetry.span(name):
            total.labels(name).inc()
    assert [dict(series.labels)["a"] for series, _ in recorder.exemplars()] == ["kept"]
    assert sum(recorder.latest("total").values()) == 2.0


def test_counters_and_exponential_histograms_have_them_too(recorder: Recorder) -> None:
    scope = recorder.telemetry.scope("web")
    total = scope.counter("requests_total", exemplars=True)
    sizes = scope.exponential_histogram("sizes", exemplars=True)
    total.inc()
    total.add(2)
    with recorder.telemetry.span("first"):
        total.inc()
        total.add(4)
        for size in (1, 1.5, 3, -3):
            sizes.observe(size)
    found = [(series.name, series.field, one.value) for series, one in recorder.exemplars()]
    assert found == [("requests_total", "value", 4.0), *(("sizes", "value", size) for size in (1.5, 3.0, -3.0))]
    assert recorder.latest("requests_total") == {(): 8.0}
    assert recorder.points("sizes")[-1].count == 4


def test_who_does_not_ask_for_them_neither_pays_nor_gets_them(recorder: Recorder) -> None:
    scope = recorder.telemetry.scope("web")
    plain = scope.histogram("plain")
    assert type(plain.observe) is type([].append)
    recorder.telemetry.registry.exemplars = True
    asked, refused = scope.histogram("asked"), scope.histogram("refused", exemplars=False)
    with recorder.telemetry.span("first"):
        for sizes in (plain, asked, refused):
            sizes.observe(1)
    assert {series.name for series, _ in recorder.exemplars()} == {"asked"}


def test_what_is_no_number_is_counted_and_noted_nowhere(recorder: Recorder) -> None:
    sizes = recorder.telemetry.scope("web").histogram("sizes", exemplars=True)
    total = recorder.telemetry.counter("total", exemplars=True)
    other = recorder.telemetry.scope("web").exponential_histogram("other", exemplars=True)
    with recorder.telemetry.span("first"):
        for take in (total.add, other.observe):
            take("text")
            take(10**400)
        sizes.observe("text")
        sizes.observe(float("nan"))
        sizes.observe((1, 2))
    sizes.observe(None)
    assert recorder.exemplars() == []
    assert recorder.telemetry.counts().dropped["invalid"].samples == 8


def test_no_value_of_any_thread_is_lost(recorder: Recorder) -> None:
    sizes = recorder.telemetry.scope("web").histogram("sizes", exemplars=True)
    total = recorder.telemetry.counter("total", exemplars=True)

    def work() -> None:
        for at in range(500):
            with recorder.telemetry.span("each"):
                sizes.observe(at)
                total.inc()
            sizes.observe(at)
            total.inc()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        recorder.telemetry.registry.fold()
    assert recorder.latest("sizes", "count") == {(): 4000.0}
    assert recorder.latest("total") == {(): 4000.0}


@pytest.mark.parametrize("amount", [1, 0.5])
def test_the_span_is_the_innermost(recorder: Recorder, amount: float) -> None:
    total = recorder.telemetry.counter("total", exemplars=True)
    with recorder.telemetry.span("outer"), recorder.telemetry.span("inner") as inner:
        total.add(amount)
    assert isinstance(inner, Span)
    ((_, one),) = recorder.exemplars()
    assert (one.value, one.trace_id, one.span_id) == (amount, *inner.ids())
