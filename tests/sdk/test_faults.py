"""Whatever fails inside telemetry is counted or said, raised in tests, and never the host's problem."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from firstlight.export.memory import MemoryExporter
from firstlight.model import Resource
from firstlight.sdk.client import Delivery, Limits, Telemetry
from firstlight.sdk.redaction.hiding import Policy
from firstlight.sdk.redaction.redact import Redactor


class Bug(Exception):
    pass


def fail(*_: Any, **__: Any) -> Any:
    raise Bug("injected")


class Broken(MemoryExporter):
    def __init__(self, *methods: str) -> None:
        super().__init__()
        for method in methods:
            setattr(self, method, fail)


class Unspeakable:
    __str__ = __repr__ = fail


def exporter_that_fails_to_be_made(telemetry: Telemetry) -> None:
    telemetry.deliver(Delivery(fail, Resource))


def exporter_that_fails_to_export(telemetry: Telemetry) -> None:
    telemetry.deliver(Delivery(lambda _: Broken("export"), Resource))


def exporter_that_fails_to_close(telemetry: Telemetry) -> None:
    telemetry.deliver(Delivery(lambda _: Broken("close"), Resource))


def sender_that_nobody_can_describe(telemetry: Telemetry) -> None:
    telemetry.deliver(Delivery(lambda _: MemoryExporter(), fail))


def redactor_that_fails(telemetry: Telemetry) -> None:
    telemetry.redaction.use(lambda: Redactor(Policy(finders={"own": fail})))


def redactor_that_fails_to_be_made(telemetry: Telemetry) -> None:
    telemetry.redaction.use(fail)


def callback_that_fails(telemetry: Telemetry) -> None:
    telemetry.observe_gauge("broken", fail)


def source_that_fails(telemetry: Telemetry) -> None:
    telemetry.registry.add_source(fail)


PORTS = [
    exporter_that_fails_to_be_made,
    exporter_that_fails_to_export,
    exporter_that_fails_to_close,
    sender_that_nobody_can_describe,
    redactor_that_fails,
    redactor_that_fails_to_be_made,
    callback_that_fails,
    source_that_fails,
]


@contextmanager
def recorder(
    *, raise_errors: bool, now: Callable[[], int] = time.time_ns
) -> Iterator[tuple[Telemetry, MemoryExporter]]:
    exporter = MemoryExporter()
    delivery = Delivery(lambda _: exporter, Resource)
    telemetry = Telemetry(delivery, Limits(linger_s=0.0), raise_errors=raise_errors, now=now)
    telemetry.deliver(delivery)
    try:
        yield telemetry, exporter
    finally:
        telemetry.troubles._raise_errors = False
        telemetry.shutdown(1.0)


def use(telemetry: Telemetry) -> None:
    """Do what hosts do, with what hosts hand over."""
    log = telemetry.scope("shop.till")
    log.info("step", odd=Unspeakable(), deep=[[[[[[{}]]]]]], huge=10**400, name="text", cycle=[])
    log.event("step", level="no such level" if not telemetry.troubles._raise_errors else "info")
    log.counter("steps_total").add(2)
    log.histogram("sizes").observe(1.0)
    telemetry.log_event("shop", "till", "step", data={"text": "long enough to be looked at"})
    with log.span("work", odd=Unspeakable()):
        pass
    with pytest.raises(ZeroDivisionError), log.span("fails"):
        _ = 1 / 0


@pytest.mark.parametrize("inject", PORTS)
def test_the_host_goes_on(inject: Callable[[Telemetry], None], caplog: pytest.LogCaptureFixture) -> None:
    with recorder(raise_errors=False) as (telemetry, _), caplog.at_level(logging.WARNING):
        inject(telemetry)
        for _ in range(2):
            use(telemetry)
            telemetry.flush(1.0)
        telemetry.shutdown(1.0)
        counts = telemetry.counts()
    waits_or_lost = counts.recorded.events - counts.exported.events - sum(r.events for r in counts.dropped.values())
    assert counts.recorded.events == 6
    assert waits_or_lost == 0
    assert "injected" in caplog.text or telemetry.registry.callback_failures() or counts.redacted


@pytest.mark.parametrize(
    "inject", [exporter_that_fails_to_export, redactor_that_fails_to_be_made, sender_that_nobody_can_describe]
)
def test_a_test_hears_of_it(inject: Callable[[Telemetry], None]) -> None:
    with recorder(raise_errors=True) as (telemetry, _):
        inject(telemetry)
        telemetry.event("step")
        with pytest.raises(Bug):
            telemetry.flush(1.0)


def test_a_clock_that_fails_is_replaced_by_the_systems() -> None:
    before_ns = time.time_ns()
    with recorder(raise_errors=False, now=fail) as (telemetry, exporter):
        use(telemetry)
        telemetry.flush()
        assert len(exporter.events) == 3
        assert all(event.time_ns >= before_ns for event in exporter.events)
        assert all(span.end_ns >= span.start_ns >= before_ns for span in exporter.spans)
