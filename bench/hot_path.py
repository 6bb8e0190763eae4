"""What a call costs the program that records, against the libraries it would otherwise use."""

import gc
import os
import tempfile
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from time import perf_counter_ns, process_time_ns, thread_time_ns

from bench.harness import Bar, Benchmark, Contender, Figures, Group, Running
from firstlight.codecs.otlp.write_wire import encode_wire
from firstlight.export.jsonl import JsonLinesExporter
from firstlight.model import Batch, Level, Resource
from firstlight.sdk.client import Delivery, Limits, Telemetry
from firstlight.sdk.flow.site import Site
from firstlight.sdk.tracing.context import CURRENT
from firstlight.sdk.tracing.spans import Span

EVENTS = 2000
METRIC_CALLS = 20_000
SPANS = 500
PROMETHEUS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)

NOTES = """\
call ns: processor time of the calling thread per call, in bursts with all background threads running; the empty loop
         around it is taken off.  The bars are on this one, because other programs on the machine do not disturb it.
wall ns: the same by the clock, waiting for the interpreter lock, the disk and other programs included.
cpu ns:  processor time of the whole process per call, burst and everything after it: drain, encoding, writing.
         For Firstlight that is OTLP protobuf (or JSON Lines to a file) of every event; the peers format theirs too.
"""

Burst = Callable[[int], None]


class OtlpToNowhere:
    """Encodes as for the hub and throws the bytes away."""

    def export(self, batch: Batch) -> None:
        encode_wire(batch)

    def close(self) -> None:
        pass


def benchmark() -> Benchmark:
    """Return the page."""
    folder = Path(tempfile.mkdtemp(prefix="firstlight-bench-"))
    packages = ("msgspec", "structlog", "orjson", "prometheus-client", "opentelemetry-sdk")
    groups = [_events(folder), _counters(), _histograms(), _spans()]
    return Benchmark("hot_path", NOTES, groups, packages)


def _events(folder: Path) -> Group:
    contenders = [
        Contender("firstlight", lambda: _keyword_events(OtlpToNowhere())),
        Contender("firstlight, JSON Lines", lambda: _keyword_events(JsonLinesExporter(folder))),
        Contender("firstlight, declared", lambda: _declared_events(OtlpToNowhere())),
        Contender("firstlight, log_event", lambda: _log_events(OtlpToNowhere())),
        Contender("firstlight, below level", lambda: _muted_events(OtlpToNowhere())),
        Contender("logging", lambda: _logging(folder / "logging.log")),
        Contender("structlog+orjson", lambda: _structlog(folder / "structlog.jsonl")),
    ]
    bars = [Bar("call ns", "firstlight", "logging", 12), Bar("call ns", "firstlight", "structlog+orjson", 15)]
    # At most twice the price of an event with keywords.
    bars += [Bar("call ns", "firstlight, log_event", "firstlight", 0.5)]
    return Group("event", contenders, bars)


def _counters() -> Group:
    contenders = [
        Contender("firstlight", _our_counter),
        Contender("firstlight, up-down", _our_up_down_counter),
        Contender("firstlight, labels each time", _our_labelled_counter),
        Contender("firstlight, exemplars", lambda: _our_counter(exemplars=True)),
        Contender("firstlight, exemplar taken", lambda: _in_a_span(_our_counter)),
        Contender("prometheus_client", _prometheus_counter),
    ]
    return Group("bound counter", contenders, [Bar("call ns", "firstlight", "prometheus_client", 8)])


def _histograms() -> Group:
    contenders = [
        Contender("firstlight", _our_histogram),
        Contender("firstlight, exponential", lambda: _our_distribution("exponential_histogram")),
        Contender("firstlight, summary", lambda: _our_distribution("summary")),
        Contender("firstlight, exemplars", lambda: _our_histogram(exemplars=True)),
        Contender("firstlight, exemplar taken", lambda: _in_a_span(_our_histogram)),
        Contender("prometheus_client", _prometheus_histogram),
        Contender("opentelemetry, exponential", _opentelemetry_exponential),
    ]
    return Group("bound histogram", contenders, [Bar("call ns", "firstlight", "prometheus_client", 20)])


def _spans() -> Group:
    contenders = [Contender("firstlight", _our_spans), Contender("opentelemetry", _opentelemetry_spans)]
    return Group("span", contenders, [Bar("call ns", "firstlight", "opentelemetry", 15)])


def _turn(burst: Burst, n: int, settle: Callable[[], object]) -> Callable[[], Figures]:
    def turn() -> Figures:
        gc.collect()
        loop_ns = min(_timed(_empty, n) for _ in range(3))
        cpu_ns, start_ns = process_time_ns(), perf_counter_ns()
        call_ns = _timed(burst, n) - loop_ns
        wall_ns = perf_counter_ns() - start_ns - loop_ns
        settle()
        return {"call ns": call_ns / n, "wall ns": wall_ns / n, "cpu ns": (process_time_ns() - cpu_ns - loop_ns) / n}

    return turn


def _timed(burst: Burst, n: int) -> int:
    start_ns = thread_time_ns()
    burst(n)
    return thread_time_ns() - start_ns


def _empty(n: int) -> None:
    for _ in repeat(None, n):
        pass


def _telemetry(exporter: OtlpToNowhere | JsonLinesExporter) -> Telemetry:
    delivery = Delivery(lambda _: exporter, lambda: Resource("bench", "0" * 32, "host", os.getpid()))
    telemetry = Telemetry(delivery, Limits(linger_s=0.0, report_interval_s=3600.0), raise_errors=True)
    telemetry.deliver(delivery)
    return telemetry


def _ours(telemetry: Telemetry, burst: Burst, n: int, recorded: str = "") -> Running:
    done = 0

    def counted(n: int) -> None:
        nonlocal done
        burst(n)
        done += n

    def close() -> None:
        assert telemetry.shutdown(), "the exporter did not take everything"
        counts = telemetry.counts()
        assert not counts.dropped, f"records were dropped: {counts.dropped}"
        assert not recorded or getattr(counts.exported, recorded) == done, f"{counts} after {done} calls"

    return Running(_turn(counted, n, telemetry.flush), close)


def _keyword_events(exporter: OtlpToNowhere | JsonLinesExporter) -> Running:
    telemetry = _telemetry(exporter)
    log = telemetry.scope("pulse.scup")

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            log.info("zone_transition", from_zone="green", to_zone="amber", scup=0.742)

    return _ours(telemetry, burst, EVENTS, "events")


def _declared_events(exporter: OtlpToNowhere) -> Running:
    telemetry = _telemetry(exporter)
    zone = telemetry.scope("pulse.scup").declare("zone_transition", "from_zone", "to_zone", "scup")

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            zone("green", "amber", 0.742)

    return _ours(telemetry, burst, EVENTS, "events")


def _log_events(exporter: OtlpToNowhere) -> Running:
    telemetry = _telemetry(exporter)
    log_event = telemetry.log_event

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            log_event(
                "pulse",
                "scup",
                "zone_transition",
                Level.INFO,
                {"from_zone": "green", "to_zone": "amber", "scup": 0.742},
            )

    return _ours(telemetry, burst, EVENTS, "events")


def _muted_events(exporter: OtlpToNowhere) -> Running:
    telemetry = _telemetry(exporter)
    log = telemetry.scope("pulse.scup")

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            log.debug("zone_transition", from_zone="green", to_zone="amber", scup=0.742)

    return _ours(telemetry, burst, EVENTS)


def _logging(path: Path) -> Running:
    import logging

    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("bench.pulse.scup")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            logger.info("zone_transition from_zone=%s to_zone=%s scup=%s", "green", "amber", 0.742)

    def close() -> None:
        logger.removeHandler(handler)
        handler.close()

    return Running(_turn(burst, EVENTS, handler.flush), close)


def _structlog(path: Path) -> Running:
    import logging

    import orjson
    import structlog

    # structlog's own recipe for speed: https://www.structlog.org/en/stable/performance.html
    file = path.open("ab")
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(file),
    )
    logger = structlog.get_logger().bind(logger="pulse.scup")

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            logger.info("zone_transition", from_zone="green", to_zone="amber", scup=0.742)

    return Running(_turn(burst, EVENTS, file.flush), file.close)


def _our_counter(exemplars: bool = False) -> Running:
    telemetry = _telemetry(OtlpToNowhere())
    requests = telemetry.counter("requests_total", labels=("method",), exemplars=exemplars).labels("GET")

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            requests.inc()

    return _ours(telemetry, burst, METRIC_CALLS)


def _our_up_down_counter() -> Running:
    telemetry = _telemetry(OtlpToNowhere())
    active = telemetry.scope("web").up_down_counter("requests_active", labels=("method",)).labels("GET")

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            active.dec()

    return _ours(telemetry, burst, METRIC_CALLS)


def _our_labelled_counter() -> Running:
    telemetry = _telemetry(OtlpToNowhere())
    requests = telemetry.counter("requests_total", labels=("method",))

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            requests.labels("GET").inc()

    return _ours(telemetry, burst, METRIC_CALLS)


def _in_a_span(make: Callable[..., Running]) -> Running:
    """Run the instrument that ``make`` makes with exemplars inside an open span."""
    running = make(exemplars=True)
    span = Span(Site("bench", Level.INFO), "work")

    def turn() -> Figures:
        mark = CURRENT.set(span)
        try:
            return running.turn()
        finally:
            CURRENT.reset(mark)

    return Running(turn, running.close)


def _prometheus_counter() -> Running:
    from prometheus_client import CollectorRegistry, Counter

    requests = Counter("requests_total", "Requests.", ["method"], registry=CollectorRegistry()).labels("GET")

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            requests.inc()

    return Running(_turn(burst, METRIC_CALLS, lambda: None))


def _our_histogram(exemplars: bool = False) -> Running:
    telemetry = _telemetry(OtlpToNowhere())
    family = telemetry.histogram("request_seconds", labels=("method",), buckets=PROMETHEUS_BUCKETS, exemplars=exemplars)
    seconds = family.labels("GET")

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            seconds.observe(0.0742)

    return _ours(telemetry, burst, METRIC_CALLS)


def _our_distribution(kind: str) -> Running:
    telemetry = _telemetry(OtlpToNowhere())
    seconds = getattr(telemetry.scope("web"), kind)("request_seconds", labels=("method",)).labels("GET")

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            seconds.observe(0.0742)

    return _ours(telemetry, burst, METRIC_CALLS)


def _opentelemetry_exponential() -> Running:
    from opentelemetry.sdk.metrics import Histogram, MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation

    reader = InMemoryMetricReader(preferred_aggregation={Histogram: ExponentialBucketHistogramAggregation()})
    provider = MeterProvider([reader], shutdown_on_exit=False)
    seconds = provider.get_meter("web").create_histogram("request_seconds", unit="s")
    labels = {"method": "GET"}

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            seconds.record(0.0742, labels)

    return Running(_turn(burst, METRIC_CALLS, reader.collect), provider.shutdown)


def _prometheus_histogram() -> Running:
    from prometheus_client import CollectorRegistry, Histogram

    buckets = PROMETHEUS_BUCKETS
    family = Histogram("request_seconds", "Durations.", ["method"], buckets=buckets, registry=CollectorRegistry())
    seconds = family.labels("GET")

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            seconds.observe(0.0742)

    return Running(_turn(burst, METRIC_CALLS, lambda: None))


def _our_spans() -> Running:
    telemetry = _telemetry(OtlpToNowhere())
    log = telemetry.scope("memory.fractal")

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            with log.span("encode", size=3):
                pass

    return _ours(telemetry, burst, SPANS, "spans")


def _opentelemetry_spans() -> Running:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, _: "list[ReadableSpan]") -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    tracer = provider.get_tracer("memory.fractal")

    def burst(n: int) -> None:
        for _ in repeat(None, n):
            with tracer.start_as_current_span("encode", attributes={"size": 3}):
                pass

    return Running(_turn(burst, SPANS, provider.force_flush), provider.shutdown)
