import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from firstlight.model import SpanLink
from firstlight.sdk.client import Telemetry
from firstlight.sdk.tracing.context import current_span, in_context
from firstlight.sdk.tracing.remote import RemoteSpan
from firstlight.testing import Capture, FakeClock, capture


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


def test_a_generators_span_lasts_as_long_as_its_body(telemetry: Telemetry, captured: Capture, clock: FakeClock) -> None:
    inside: list[object] = []

    @telemetry.span("count", upto=3)
    def numbers(upto: int) -> Iterator[int]:
        for number in range(upto):
            inside.append(current_span())
            clock.advance(1)
            got = yield number
            inside.append(got)
        return "end"

    with telemetry.span("reader") as reader:
        counting = numbers(2)
        assert next(counting) == 0
        assert current_span() is reader
        with telemetry.span("between") as between:
            assert counting.send("sent") == 1
            assert current_span() is between
        with pytest.raises(StopIteration, match="end"):
            next(counting)
        assert current_span() is reader
    rows = {row.name: row for row in captured.spans}
    assert rows["count"].end_ns - rows["count"].start_ns == 2_000_000_000
    assert rows["count"].parent_id == reader.span_id
    assert inside[0].name == inside[2].name == "count"
    assert inside[1] == "sent"


def test_a_generator_that_is_left_early_has_not_failed(telemetry: Telemetry, captured: Capture) -> None:
    closed = []

    @telemetry.span("count")
    def numbers() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(current_span().name)

    for _ in numbers():
        break
    (row,) = captured.spans
    assert row.status == "unset"
    assert closed == ["count"]


def test_what_is_thrown_into_a_generator_reaches_its_body(telemetry: Telemetry, captured: Capture) -> None:
    @telemetry.span("count")
    def numbers() -> Iterator[object]:
        try:
            yield 1
        except KeyError as error:
            yield error
        raise ValueError("no more")

    counting = numbers()
    next(counting)
    assert isinstance(counting.throw(KeyError("x")), KeyError)
    with pytest.raises(ValueError, match="no more"):
        next(counting)
    assert captured.spans[0].status_message == "ValueError: no more"


async def read_all(numbers: AsyncIterator[int]) -> list[tuple[int, object]]:
    return [(number, current_span()) async for number in numbers]


def test_async_generators_too(telemetry: Telemetry, captured: Capture) -> None:
    @telemetry.span("count")
    async def numbers() -> AsyncIterator[int]:
        for number in range(2):
            await asyncio.sleep(0)
            assert current_span().name == "count"
            yield number

    assert asyncio.run(read_all(numbers())) == [(0, None), (1, None)]
    assert [row.name for row in captured.spans] == ["count"]


def test_a_span_may_belong_to_another_process(telemetry: Telemetry, captured: Capture) -> None:
    caller = RemoteSpan("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    log = telemetry.scope("web.shop")
    link = SpanLink("1" * 32, "2" * 16)
    with telemetry.span("outer") as outer:
        with log.make_span(
            "GET /", kind="server", parent=caller, links=[link], attributes={"url.path": "/"}
        ) as request:
            assert current_span() is request
            with log.span("inner"):
                pass
        assert current_span() is outer
    inner, served, _ = captured.spans
    assert (served.trace_id, served.parent_id, served.kind) == (caller.trace_id, caller.span_id, "server")
    assert (served.links, served.attributes) == ([link], {"url.path": "/"})
    assert (inner.trace_id, inner.parent_id, inner.kind) == (caller.trace_id, served.span_id, "internal")


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


def test_a_thread_may_run_where_it_was_started(telemetry: Telemetry, captured: Capture) -> None:
    def work() -> None:
        with telemetry.span("work"):
            telemetry.event("working")

    with telemetry.span("request") as request, ThreadPoolExecutor(4) as pool:
        carried = in_context(work)
        for done in [pool.submit(carried) for _ in range(8)]:
            done.result()
        pool.submit(work).result()
    parents = Counter(row.parent_id for row in captured.spans if row.name == "work")
    assert parents == {request.span_id: 8, "": 1}
    assert {event.trace_id for event in captured.events[:8]} == {request.trace_id}
    assert len({event.thread_id for event in captured.events} - {0, threading.get_ident()}) >= 1
