"""What recording costs a program that does something: processor time of the process, background threads included."""

import gc
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time_ns

from bench.harness import Benchmark, Contender, Figures, Group, Running
from firstlight.codecs.otlp.write_json import encode_json
from firstlight.model import Batch, Resource
from firstlight.sdk.client import Delivery, Limits, Telemetry

LOOPS = 4000
WORK = 900
"""Additions per loop: some 50 microseconds on a machine of 2024."""

NOTES = f"""\
Each loop does a little work (some 50 us), records one event with three fields, one count and one observation.
us per loop: processor time of the process, everything that delivers the records included.
percent: of that, what recording adds to the same {LOOPS} loops without it, measured just before.
"""

Step = Callable[[int], object]


class OtlpToNowhere:
    """Encodes as for the hub and throws the bytes away."""

    def export(self, batch: Batch) -> None:
        encode_json(batch)

    def close(self) -> None:
        pass


def benchmark() -> Benchmark:
    """Return the page."""
    folder = Path(tempfile.mkdtemp(prefix="firstlight-bench-"))
    contenders = [
        Contender("firstlight", _firstlight),
        Contender("logging+prometheus_client", lambda: _logging(folder / "logging.log")),
        Contender("structlog+prometheus_client", lambda: _structlog(folder / "structlog.jsonl")),
    ]
    packages = ("msgspec", "structlog", "orjson", "prometheus-client")
    return Benchmark("app_overhead", NOTES, [Group("loop", contenders)], packages, rounds=11)


def _turn(step: Step, settle: Callable[[], object]) -> Callable[[], Figures]:
    def turn() -> Figures:
        gc.collect()
        bare_ns = _cpu(lambda _: None, lambda: None)
        full_ns = _cpu(step, settle)
        return {"us per loop": full_ns / LOOPS / 1000, "percent": 100 * (full_ns - bare_ns) / bare_ns}

    return turn


def _cpu(step: Step, settle: Callable[[], object]) -> int:
    start_ns = process_time_ns()
    for number in range(LOOPS):
        total = 0
        for addend in range(WORK):
            total += addend
        step(number)
    settle()
    return process_time_ns() - start_ns


def _firstlight() -> Running:
    exporter = OtlpToNowhere()
    delivery = Delivery(lambda _: exporter, lambda: Resource("bench", "0" * 32, "host", os.getpid()))
    telemetry = Telemetry(delivery, Limits())
    telemetry.deliver(delivery)
    log = telemetry.scope("pulse.scup")
    count = log.counter("steps_total").inc
    observe = log.histogram("step_seconds").observe

    def step(number: int) -> None:
        log.info("zone_transition", from_zone="green", to_zone="amber", number=number)
        count()
        observe(0.0742)

    def close() -> None:
        assert telemetry.shutdown(), "the exporter did not take everything"
        assert not telemetry.counts().dropped, f"records were dropped: {telemetry.counts().dropped}"

    return Running(_turn(step, telemetry.flush), close)


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
