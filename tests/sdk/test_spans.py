from collections.abc import Iterator

import pytest

from firstlight.errors import UsageError
from firstlight.export.memory import MemoryExporter
from firstlight.model import Resource
from firstlight.sdk.client import Delivery, Limits, Telemetry
from firstlight.sdk.context import current_span
from firstlight.testing import Capture, FakeClock, capture


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    made = Telemetry(Delivery(lambda _: MemoryExporter(), Resource), Limits(linger_s=0.0))
    yield made
    made.shutdown()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def captured(telemetry: Telemetry, clock: FakeClock) -> Iterator[Capture]:
    with capture(telemetry=telemetry, clock=clock) as found:
        yield found


def test_a_span_has_times_attributes_and_moments(telemetry: Telemetry, captured: Capture, clock: FakeClock) -> None:
    with telemetry.scope("memory.fractal").span("encode", size=3) as span:
        clock.advance(0.25)
        span.set(ratio=0.5)
        span.event("half", done=True)
        clock.advance(0.25)
    (row,) = captured.spans
    assert (row.name, row.subsystem, row.component) == ("encode", "memory", "fractal")
    assert row.end_ns - row.start_ns == 500_000_000
    assert row.attributes == {"size": 3, "ratio": 0.5}
    assert [(moment.name, moment.time_ns - row.start_ns, moment.attributes) for moment in row.events] == [
        ("half", 250_000_000, {"done": True})
    ]
    assert row.status == "unset"
    assert (span.trace_id, span.span_id) == (row.trace_id, row.span_id)
    assert captured.value("encode_seconds", "sum") == 0.5


def test_an_exception_passes_through_and_marks_the_span(telemetry: Telemetry, captured: Capture) -> None:
    with pytest.raises(ZeroDivisionError), telemetry.span("work"):
        _ = 1 / 0
    (row,) = captured.spans
    assert (row.status, row.status_message) == ("error", "ZeroDivisionError: division by zero")
    assert row.events[0].attributes == {"exception.type": "ZeroDivisionError", "exception.message": "division by zero"}
    assert current_span() is None


def test_a_span_can_fail_without_an_exception(telemetry: Telemetry, captured: Capture) -> None:
    with telemetry.span("work") as span:
        span.fail("no room")
    assert (captured.spans[0].status, captured.spans[0].status_message) == ("error", "no room")


def test_a_decorated_function_is_a_new_span_each_time_also_when_it_calls_itself(
    telemetry: Telemetry, captured: Capture
) -> None:
    @telemetry.span("fall", kind="recursive")
    def fall(depth: int) -> int:
        """Fall."""
        return depth if depth == 0 else fall(depth - 1)

    assert fall(2) == 0
    assert (fall.__name__, fall.__doc__) == ("fall", "Fall.")
    inner, middle, outer = captured.spans
    assert (inner.parent_id, middle.parent_id, outer.parent_id) == (middle.span_id, outer.span_id, "")
    assert {row.attributes["kind"] for row in captured.spans} == {"recursive"}


def test_generators_cannot_be_decorated(telemetry: Telemetry) -> None:
    def numbers() -> Iterator[int]:
        yield 1

    with pytest.raises(UsageError, match="numbers"):
        telemetry.span("work")(numbers)


def test_a_clock_that_steps_back_makes_no_negative_span(
    telemetry: Telemetry, captured: Capture, clock: FakeClock
) -> None:
    with telemetry.span("work"):
        clock.advance(-5)
    assert captured.spans[0].end_ns == captured.spans[0].start_ns


def test_ids_are_lower_case_hex_and_differ(telemetry: Telemetry, captured: Capture) -> None:
    for _ in range(100):
        with telemetry.span("work"):
            pass
    for row in captured.spans:
        assert len(bytes.fromhex(row.trace_id)) == 16
        assert len(bytes.fromhex(row.span_id)) == 8
        assert row.trace_id.islower() or row.trace_id.isdigit()
    assert len({row.trace_id for row in captured.spans}) == len({row.span_id for row in captured.spans}) == 100


def test_ids_may_be_asked_for_at_any_time(telemetry: Telemetry, captured: Capture) -> None:
    span = telemetry.span("work")
    early = span.trace_id, span.span_id
    with span:
        pass
    (row,) = captured.spans
    assert (row.trace_id, row.span_id) == early


def test_attributes_added_after_the_end_do_no_harm(telemetry: Telemetry, captured: Capture) -> None:
    with telemetry.span("work") as span:
        pass
    assert captured.spans[0].attributes == {}
    span.set(late=1)
    assert captured.spans[0].attributes == {}
