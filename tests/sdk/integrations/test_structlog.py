import pytest
import structlog

import firstlight
from firstlight.model import Level
from firstlight.sdk.integrations.structlog import FirstlightProcessor
from firstlight.testing import Capture


def logger(*processors):
    written = structlog.testing.LogCapture()
    chain = [structlog.stdlib.add_log_level, *processors, written]
    wrapped = structlog.wrap_logger(None, chain, structlog.BoundLogger)
    return wrapped, written.entries


def test_a_line_becomes_an_event_and_goes_on(captured: Capture) -> None:
    log, written = logger(FirstlightProcessor(firstlight.get()))
    with firstlight.span("pay"):
        log.bind(logger="shop.checkout").warning("order_paid", amount=12.5)
    (event,) = captured.events
    (span,) = captured.spans
    assert (event.name, event.level) == ("order_paid", Level.WARN)
    assert (event.subsystem, event.component) == ("shop", "checkout")
    assert event.attributes == {"amount": 12.5}
    assert event.span_id == span.span_id
    assert written[0]["event"] == "order_paid"
    assert written[0]["amount"] == 12.5


def test_it_can_end_the_chain(captured: Capture) -> None:
    log, written = logger(FirstlightProcessor(firstlight.get(), drop=True))
    log.info("order_paid")
    assert [event.name for event in captured.events] == ["order_paid"]
    assert written == []


def test_exceptions_in_each_of_their_forms(captured: Capture) -> None:
    log, _ = logger(FirstlightProcessor(firstlight.get()))
    try:
        raise KeyError("card")
    except KeyError as error:
        log.exception("refused")
        log.error("refused", exc_info=True)  # noqa: G201 - of structlog
        log.error("refused", exc_info=error)
        log.error("refused", exc_info=(KeyError, error, error.__traceback__))
    log.error("refused", exc_info=True)  # noqa: LOG014 - as above
    types = [event.attributes.get("exception.type") for event in captured.events]
    assert types == ["KeyError"] * 4 + [None]
    assert "raise KeyError" in captured.events[0].attributes["exception.stacktrace"]
    assert {event.level for event in captured.events} == {Level.ERROR}


def test_what_cannot_be_recorded_is_no_trouble_of_the_line(captured: Capture) -> None:
    class Unspeakable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    log, written = logger(FirstlightProcessor(firstlight.get()))
    log.info(Unspeakable())
    assert len(written) == 1
    with pytest.raises(RuntimeError):
        _ = captured.events
