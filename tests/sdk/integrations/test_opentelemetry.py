import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import firstlight
from firstlight.export.memory import MemoryExporter
from firstlight.model import Batch, Level
from firstlight.sdk.integrations.opentelemetry import FirstlightLogRecordExporter, FirstlightSpanProcessor
from firstlight.sdk.integrations.opentelemetry_metrics import report_opentelemetry
from firstlight.testing import Capture


@pytest.fixture
def traced() -> Iterator[TracerProvider]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(FirstlightSpanProcessor(firstlight.get()))
    yield provider
    provider.shutdown()


def test_a_span_is_recorded_with_all_it_has(captured: Capture, traced: TracerProvider) -> None:
    tracer = traced.get_tracer("shop.checkout.cart")
    elsewhere = trace.SpanContext(0xABC, 0xDEF, is_remote=True)
    with tracer.start_as_current_span("order") as outer:
        link = trace.Link(elsewhere, {"why": "retry"})
        with tracer.start_as_current_span("pay", kind=trace.SpanKind.CLIENT, links=[link]) as inner:
            inner.set_attributes({"amount": 12.5, "tags": ["a", "b"]})
            inner.add_event("asked", {"n": 1})
            inner.set_status(trace.StatusCode.ERROR, "no money")
    pay, order = captured.spans
    assert (order.name, order.parent_id, order.status, order.kind) == ("order", "", "unset", "internal")
    assert order.trace_id == f"{outer.get_span_context().trace_id:032x}"
    assert (pay.trace_id, pay.parent_id) == (order.trace_id, order.span_id)
    assert pay.span_id == f"{inner.get_span_context().span_id:016x}"
    assert (pay.kind, pay.status, pay.status_message) == ("client", "error", "no money")
    assert (pay.subsystem, pay.component) == ("shop", "checkout.cart")
    assert pay.attributes == {"amount": 12.5, "tags": ["a", "b"]}
    assert [(event.name, event.attributes) for event in pay.events] == [("asked", {"n": 1})]
    assert [(link.trace_id, link.span_id) for link in pay.links] == [(f"{0xABC:032x}", f"{0xDEF:016x}")]
    assert order.start_ns <= pay.start_ns <= pay.end_ns <= order.end_ns <= time.time_ns()


def test_spans_that_are_not_sampled_are_left(captured: Capture) -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(FirstlightSpanProcessor(firstlight.get()))
    with provider.get_tracer("x").start_as_current_span("y"):
        pass
    assert provider.force_flush()
    assert captured.spans == []


@pytest.mark.parametrize("make", [SimpleLogRecordProcessor, BatchLogRecordProcessor])
def test_a_log_record_is_recorded_with_its_ids(captured: Capture, traced: TracerProvider, make) -> None:
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(make(FirstlightLogRecordExporter(firstlight.get())))
    logger = provider.get_logger("shop.checkout")
    now_ns = time.time_ns()
    with traced.get_tracer("x").start_as_current_span("pay"):
        logger.emit(
            LogRecord(
                timestamp=now_ns,
                severity_number=SeverityNumber.WARN2,
                body="only 2 left",
                attributes={"article": "lamp"},
                event_name="stock_low",
            )
        )
        logger.emit(LogRecord(timestamp=now_ns + 1, body={"plain": "fields"}))
    assert provider.force_flush()
    provider.shutdown()
    low, plain = captured.events
    (span,) = captured.spans
    assert (low.time_ns, low.name, low.level, low.body) == (now_ns, "stock_low", 14, "only 2 left")
    assert (low.subsystem, low.component, low.attributes) == ("shop", "checkout", {"article": "lamp"})
    assert (low.trace_id, low.span_id) == (span.trace_id, span.span_id)
    assert (plain.level, plain.body, plain.attributes) == (Level.INFO, "", {"plain": "fields"})


def test_what_is_not_understood_is_no_trouble_of_the_program(captured: Capture) -> None:
    FirstlightLogRecordExporter(firstlight.get()).export([SimpleNamespace()])
    with pytest.raises(AttributeError):
        _ = captured.events


def samples(batches: list[Batch], scope: str) -> dict[tuple[str, str, str], float]:
    """Return the newest value by metric, field and bound."""
    return {
        (series.name, series.field, dict(series.labels).get("le", "")): value
        for batch in batches
        for series_id, value in zip(batch.samples.series_ids, batch.samples.values, strict=True)
        if (series := batch.series[series_id]).scope == scope
    }


def test_metrics_are_reported_with_our_own(traced: TracerProvider) -> None:
    views = [View(instrument_name="size", aggregation=ExponentialBucketHistogramAggregation())]
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], views=views, shutdown_on_exit=False)
    meter = provider.get_meter("shop.checkout")
    kept = MemoryExporter()
    telemetry = firstlight.configure(exporter=kept)
    undo = report_opentelemetry(telemetry, reader)
    paid = meter.create_counter("orders_paid", "1", "Orders that were paid.")
    took = meter.create_histogram("took", "s", explicit_bucket_boundaries_advisory=[0.5, 1.0])
    with traced.get_tracer("x").start_as_current_span("pay") as span:
        paid.add(3, {"currency": "EUR"})
        took.record(0.7)
    took.record(2.0)
    meter.create_up_down_counter("open").add(-2)
    meter.create_gauge("level").set(1.5)
    meter.create_histogram("size").record(3.0)
    telemetry.flush()
    telemetry.flush()
    undo()
    before_undo = len(kept.batches)
    telemetry.flush()
    found = samples(list(kept.batches)[:before_undo], "shop.checkout")
    assert samples(list(kept.batches)[before_undo:], "shop.checkout") == {}
    assert found["orders_paid", "value", ""] == 3
    assert (found["open", "value", ""], found["level", "value", ""]) == (-2, 1.5)
    assert [found["took", "bucket", bound] for bound in ("0.5", "1.0", "+Inf")] == [0, 1, 2]
    assert (found["took", "sum", ""], found["took", "count", ""]) == (2.7, 2)
    assert (found["size", "bucket", "+Inf"], found["size", "sum", ""]) == (1, 3)
    series = {one.name: one for batch in kept.batches for one in batch.series.values()}
    assert (series["orders_paid"].kind, series["orders_paid"].unit) == ("counter", "1")
    assert series["orders_paid"].labels == (("currency", "EUR"),)
    assert (series["open"].kind, series["took"].kind) == ("gauge", "histogram")
    exemplars = [(one.value, one.span_id) for batch in kept.batches for one in batch.exemplars]
    span_id = f"{span.get_span_context().span_id:016x}"
    assert sorted(exemplars) == [(0.7, span_id), (3.0, span_id)]
    provider.shutdown()


def test_changes_are_not_taken_for_states() -> None:
    delta = {Counter: AggregationTemporality.DELTA, Histogram: AggregationTemporality.DELTA}
    reader = InMemoryMetricReader(preferred_temporality=delta)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    provider.get_meter("delta").create_counter("orders").add(1)
    kept = MemoryExporter()
    telemetry = firstlight.configure(exporter=kept)
    undo = report_opentelemetry(telemetry, reader)
    telemetry.flush()
    undo()
    assert samples(list(kept.batches), "delta") == {}
    provider.shutdown()


def test_nothing_of_opentelemetry_is_imported() -> None:
    folder = Path(firstlight.__file__).parent / "sdk" / "integrations"
    for name in ("opentelemetry", "opentelemetry_metrics", "structlog", "loguru"):
        text = (folder / f"{name}.py").read_text()
        assert f"import {name.partition('_')[0]}" not in text
        assert f"from {name.partition('_')[0]}" not in text
