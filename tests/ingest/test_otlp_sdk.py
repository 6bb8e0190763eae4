"""The OpenTelemetry SDK for Python as the client: what a program records arrives as it was recorded."""

import logging

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, StatusCode

from firstlight.model import Level
from tests.ingest.otlp_server import MemoryStore, serving

RESOURCE = Resource(
    {"service.name": "demo", "service.instance.id": "i-1", "host.name": "h", "process.pid": 7, "team": "blue"}
)


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def base(store):
    with serving(store) as address:
        yield address


def test_spans(store, base):
    provider = TracerProvider(resource=RESOURCE)
    exporter = OTLPSpanExporter(f"{base}/v1/traces", compression=Compression.Gzip)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=2000, max_export_batch_size=300))
    tracer = provider.get_tracer("shop.web.cart")
    with tracer.start_as_current_span("outer", kind=SpanKind.SERVER) as outer:
        context = outer.get_span_context()
        for number in range(1000):
            with tracer.start_as_current_span("inner", attributes={"n": number, "big": 2**62, "f": 0.1, "l": ["a"]}):
                pass
        try:
            with tracer.start_as_current_span("broken", links=[Link(context, {"why": "x"})]):
                raise ValueError("no")
        except ValueError:
            outer.set_status(StatusCode.OK)
    provider.shutdown()

    spans = store.rows("spans")
    assert len(spans) == 1002
    by_name = {span.name: span for span in spans}
    outer, broken = by_name["outer"], by_name["broken"]
    assert (outer.kind, outer.status, outer.parent_id) == ("server", "ok", "")
    assert (outer.subsystem, outer.component) == ("shop", "web.cart")
    assert outer.trace_id == trace.format_trace_id(context.trace_id)
    inner = [span for span in spans if span.name == "inner"]
    assert [span.attributes for span in inner] == [
        {"n": number, "big": 2**62, "f": 0.1, "l": ["a"]} for number in range(1000)
    ]
    assert {(span.parent_id, span.trace_id) for span in inner} == {(outer.span_id, outer.trace_id)}
    assert len({span.span_id for span in spans}) == 1002
    assert all(outer.start_ns <= span.start_ns <= span.end_ns <= outer.end_ns for span in spans)
    assert (broken.status, broken.status_message) == ("error", "ValueError: no")
    assert [(link.span_id, link.attributes) for link in broken.links] == [(outer.span_id, {"why": "x"})]
    (moment,) = broken.events
    assert (moment.name, moment.attributes["exception.type"]) == ("exception", "ValueError")
    resource = store.batches[0].resource
    assert (resource.service, resource.session_id, resource.host, resource.pid) == ("demo", "i-1", "h", 7)
    assert resource.attributes["team"] == "blue"


def meter_provider(base, views=(), **temporality):
    exporter = OTLPMetricExporter(f"{base}/v1/metrics", **temporality)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    return MeterProvider(resource=RESOURCE, metric_readers=[reader], views=views)


def last_values(store):
    """The last value of every series as ``{(name, field, le): value}``."""
    return {
        (series.name, series.field, dict(series.labels).get("le", "")): value for series, _, value in store.samples()
    }


def test_metrics(store, base):
    bounds = [0.5, 5.0]
    provider = meter_provider(base)
    meter = provider.get_meter("shop.web")
    counter = meter.create_counter("requests", unit="1", description="Requests answered")
    depth = meter.create_up_down_counter("queue.depth")
    latency = meter.create_histogram("latency", unit="s", explicit_bucket_boundaries_advisory=bounds)
    meter.create_observable_gauge("temperature", callbacks=[lambda _: [metric_observation(21.5, {"room": "a"})]])
    for step in range(3):
        counter.add(2, {"route": "/", "ok": True})
        depth.add(-4)
        latency.record(0.25 * 4**step, {"route": "/"})
        provider.force_flush()
    provider.shutdown()

    values = last_values(store)
    assert values[("requests", "value", "")] == 6.0
    assert values[("queue.depth", "value", "")] == -12.0
    assert values[("temperature", "value", "")] == 21.5
    histogram = {key[1:]: value for key, value in values.items() if key[0] == "latency"}
    assert histogram == {
        ("bucket", "0.5"): 1.0,
        ("bucket", "5.0"): 3.0,
        ("bucket", "+Inf"): 3.0,
        ("count", ""): 3.0,
        ("sum", ""): 5.25,
        ("min", ""): 0.25,
        ("max", ""): 4.0,
    }
    (requests,) = {series for series, _, _ in store.samples() if series.name == "requests"}
    assert requests.labels == (("ok", "true"), ("route", "/"))
    assert (requests.kind, requests.unit, requests.description) == ("counter", "1", "Requests answered")
    assert (requests.service, requests.session_id, requests.scope) == ("demo", "i-1", "shop.web")
    assert {series.kind for series, _, _ in store.samples() if series.name == "queue.depth"} == {"gauge"}


def metric_observation(value, attributes):
    from opentelemetry.metrics import Observation

    return Observation(value, attributes)


def test_delta_metrics_arrive_as_totals(store, base):
    delta = {Counter: AggregationTemporality.DELTA, Histogram: AggregationTemporality.DELTA}
    provider = meter_provider(base, preferred_temporality=delta)
    meter = provider.get_meter("shop.web")
    counter, latency = meter.create_counter("requests"), meter.create_histogram("latency")
    for _ in range(3):
        counter.add(2)
        latency.record(7.0)
        provider.force_flush()
    provider.shutdown()
    values = last_values(store)
    assert values[("requests", "value", "")] == 6.0
    assert (values[("latency", "count", "")], values[("latency", "bucket", "10.0")]) == (3.0, 3.0)


def test_exponential_histograms(store, base):
    views = [View(instrument_name="latency", aggregation=ExponentialBucketHistogramAggregation())]
    provider = meter_provider(base, views)
    latency = provider.get_meter("shop.web").create_histogram("latency")
    for value in (0.0, 1.5, 3.0):
        latency.record(value)
    provider.shutdown()
    (point,) = store.rows("exponential")
    assert (point.count, point.sum, point.zero_count, sum(point.positive)) == (3, 4.5, 1, 2)
    base_ratio = 2 ** (2**-point.scale)
    edges = [base_ratio ** (point.positive_offset + i) for i, count in enumerate(point.positive) if count]
    assert edges[0] < 1.5 <= edges[0] * base_ratio
    assert edges[1] < 3.0 <= edges[1] * base_ratio


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_logs(store, base):
    from opentelemetry.sdk._logs import LoggingHandler

    provider = LoggerProvider(resource=RESOURCE)
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{base}/v1/logs")))
    logger = logging.getLogger("shop.web.checkout")
    handler = LoggingHandler(logger_provider=provider)
    logger.addHandler(handler)
    logger.propagate = False
    tracer = TracerProvider(resource=RESOURCE).get_tracer("t")
    try:
        with tracer.start_as_current_span("s") as span:
            for number in range(500):
                logger.warning("item %d is gone", number, extra={"item": number})
        logger.error("bad")
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
        provider.shutdown()

    events = store.rows("events")
    assert [event.body for event in events] == [*(f"item {number} is gone" for number in range(500)), "bad"]
    assert [event.level for event in events] == [Level.WARN] * 500 + [Level.ERROR]
    assert events[3].attributes["item"] == 3
    assert (events[0].subsystem, events[0].component) == ("shop", "web.checkout")
    assert events[0].trace_id == trace.format_trace_id(span.get_span_context().trace_id)
    assert events[0].span_id == trace.format_span_id(span.get_span_context().span_id)
    assert events[-1].trace_id == ""
