"""What recording costs a program that does something: processor time of the process, background threads included."""

import gc
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time_ns, thread_time_ns, time_ns

from bench.harness import Bar, Benchmark, Contender, Figures, Group, Running
from bench.hot_path import OtlpToNowhere
from firstlight.export.jsonl import JsonLinesExporter
from firstlight.model import Resource
from firstlight.native import loops
from firstlight.ports import Exporter
from firstlight.sdk.client import Delivery, Limits, Telemetry
from firstlight.sdk.redaction.redact import Redactor

LOOPS = 20_000
BLOCK = 100
WORK_NS = 50_000
BUDGET_PERCENT = 6.0

NOTES = f"""\
Each loop does {WORK_NS // 1000} us of work (additions), records one event with three fields, one
count and one observation.  Firstlight looks through everything for secrets, as ``firstlight.configure()`` sets it up.
us per loop: what recording adds to a loop: processor time of the loop less that of the same loop without recording,
             in turns of {BLOCK}, and all processor time of the other threads, which deliver the records.
percent: of the processor time of the process, what recording takes.
"no C" is the recorder as it is where its loops in C could not be compiled.
"""

Step = Callable[[int], object]


def benchmark() -> Benchmark:
    """Return the page."""
    folder = Path(tempfile.mkdtemp(prefix="firstlight-bench-"))
    contenders = [
        Contender("firstlight, JSON Lines", lambda: _firstlight(JsonLinesExporter(folder))),
        Contender("firstlight, JSON Lines, no C", lambda: _in_python(_firstlight(JsonLinesExporter(folder)))),
        Contender("firstlight, OTLP", lambda: _firstlight(OtlpToNowhere())),
        Contender("logging+prometheus_client", lambda: _logging(folder / "logging.log")),
        Contender("structlog+prometheus_client", lambda: _structlog(folder / "structlog.jsonl")),
        Contender("opentelemetry", _opentelemetry),
        Contender("budget", lambda: Running(lambda: {"percent": BUDGET_PERCENT})),
    ]
    bars = [
        Bar("us per loop", "firstlight, JSON Lines", "structlog+prometheus_client", 5),
        Bar("us per loop", "firstlight, JSON Lines", "opentelemetry", 15),
        Bar("percent", "firstlight, JSON Lines", "budget", 1),
    ]
    packages = ("msgspec", "structlog", "orjson", "prometheus-client", "opentelemetry-sdk")
    return Benchmark("app_overhead", NOTES, [Group("loop", contenders, bars)], packages, rounds=11)


def _turn(step: Step, settle: Callable[[], object]) -> Callable[[], Figures]:
    def turn() -> Figures:
        gc.collect()
        additions = _additions()
        process_ns, main_ns = process_time_ns(), thread_time_ns()
        with_ns = without_ns = 0
        for block in range(LOOPS // BLOCK):
            # Side by side, because the speed of the machine changes from one moment to the next.
            without_ns += _cpu(_nothing, additions, block)
            with_ns += _cpu(step, additions, block)
        settle_ns = -thread_time_ns()
        settle()
        settle_ns += thread_time_ns()
        elsewhere_ns = (process_time_ns() - process_ns) - (thread_time_ns() - main_ns)
        added_ns = with_ns - without_ns + settle_ns + elsewhere_ns
        return {"us per loop": added_ns / LOOPS / 1000, "percent": 100 * added_ns / (without_ns + added_ns)}

    return turn


def _cpu(step: Step, additions: range, block: int) -> int:
    start_ns = thread_time_ns()
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        total = 0
        for addend in additions:
            total += addend
        step(number)
    return thread_time_ns() - start_ns


def _additions() -> range:
    """Return as many numbers as can be added in ``WORK_NS``, as fast as the machine is now."""
    sample = range(1000)
    sample_ns = median(_cpu(_nothing, sample, 0) for _ in range(9)) / BLOCK
    return range(round(len(sample) * WORK_NS / sample_ns))


def _nothing(_: int) -> None:
    """Stand for a step that records nothing."""


def _firstlight(exporter: Exporter) -> Running:
    delivery = Delivery(lambda _: exporter, lambda: Resource("bench", "0" * 32, "host", os.getpid()))
    telemetry = Telemetry(delivery, Limits())
    telemetry.redaction.use(Redactor)
    telemetry.deliver(delivery)
    log = telemetry.scope("pulse.scup")
    count = log.counter("steps_total").inc
    observe = log.histogram("step_seconds").observe

    def step(number: int) -> None:
        log.info("zone_transition", from_zone="green", to_zone="amber", number=number)
        count()
        observe(0.0742)

    measure = _turn(step, telemetry.flush)

    def turn() -> Figures:
        # Started and ended with each turn, so that its threads are awake in none but its own.
        with telemetry:
            figures = measure()
        assert not telemetry.counts().dropped, f"records were dropped: {telemetry.counts().dropped}"
        return figures

    return Running(turn)


def _in_python(running: Running) -> Running:
    """Take the loops in C away during the turns of ``running``."""

    def turn() -> Figures:
        compiled, loops.compiled = loops.compiled, None
        try:
            return running.turn()
        finally:
            loops.compiled = compiled

    return Running(turn, running.close)


def _logging(path: Path) -> Running:
    import logging

    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("bench.app")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    measure = _prometheus()

    def step(number: int) -> None:
        logger.info("zone_transition from_zone=%s to_zone=%s number=%s", "green", "amber", number)
        measure()

    def close() -> None:
        logger.removeHandler(handler)
        handler.close()

    return Running(_turn(step, handler.flush), close)


def _structlog(path: Path) -> Running:
    import orjson
    import structlog

    file = path.open("ab")
    logger = structlog.wrap_logger(
        structlog.BytesLogger(file),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        cache_logger_on_first_use=True,
    ).bind(logger="pulse.scup")
    measure = _prometheus()

    def step(number: int) -> None:
        logger.info("zone_transition", from_zone="green", to_zone="amber", number=number)
        measure()

    return Running(_turn(step, file.flush), file.close)


def _prometheus() -> Callable[[], None]:
    from prometheus_client import CollectorRegistry, Counter, Histogram

    registry = CollectorRegistry()
    count = Counter("steps_total", "Steps.", registry=registry).inc
    observe = Histogram("step_seconds", "Steps.", registry=registry).observe

    def measure() -> None:
        count()
        observe(0.0742)

    return measure


def _opentelemetry() -> Running:
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    class ToNowhere(LogRecordExporter):
        def export(self, batch):
            encode_logs(batch).SerializeToString()
            return LogRecordExportResult.SUCCESS

        def force_flush(self, timeout_millis=0):  # noqa: ARG002
            return True

        def shutdown(self):
            pass

    provider, meters = LoggerProvider(), MeterProvider([InMemoryMetricReader()])
    processor = BatchLogRecordProcessor(ToNowhere(), max_queue_size=2 * LOOPS)
    provider.add_log_record_processor(processor)
    logger, meter = provider.get_logger("pulse.scup"), meters.get_meter("pulse.scup")
    count = meter.create_counter("steps_total").add
    observe = meter.create_histogram("step_seconds").record

    def step(number: int) -> None:
        fields = {"from_zone": "green", "to_zone": "amber", "number": number}
        logger.emit(
            LogRecord(
                timestamp=time_ns(),
                severity_number=SeverityNumber.INFO,
                event_name="zone_transition",
                attributes=fields,
            )
        )
        count(1)
        observe(0.0742)

    def close() -> None:
        provider.shutdown()
        meters.shutdown()

    return Running(_turn(step, provider.force_flush), close)
