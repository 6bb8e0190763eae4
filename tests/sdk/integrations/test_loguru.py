import threading
from collections.abc import Iterator

import loguru
import pytest

import firstlight
from firstlight.model import Level
from firstlight.sdk.integrations.loguru import FirstlightSink
from firstlight.testing import Capture


@pytest.fixture
def logger() -> Iterator["loguru.Logger"]:
    loguru.logger.remove()
    yield loguru.logger
    loguru.logger.remove()


@pytest.mark.parametrize("enqueue", [False, True])
def test_a_message_becomes_an_event(captured: Capture, logger, enqueue: bool) -> None:
    logger.add(FirstlightSink(firstlight.get()), format="{message}", enqueue=enqueue)
    with firstlight.span("pay"):
        logger.bind(article="lamp").warning("only {} left", 2)
    logger.complete()
    (event,) = captured.events
    assert (event.body, event.level) == ("only 2 left", Level.WARN)
    assert event.attributes["article"] == "lamp"
    assert event.attributes["code.file.path"] == __file__
    assert f"{event.subsystem}.{event.component}".rstrip(".") == __name__
    assert event.thread_id == threading.get_ident()
    if not enqueue:
        assert event.span_id == captured.spans[0].span_id


def test_the_recorders_level_holds_and_exceptions_come_along(captured: Capture, logger) -> None:
    logger.add(FirstlightSink(firstlight.get()), level=0)
    logger.trace("too quiet")
    logger.success("fine")
    try:
        raise KeyError("card")
    except KeyError:
        logger.exception("refused")
    fine, refused = captured.events
    assert (fine.level, refused.level) == (Level.INFO, Level.ERROR)
    assert refused.attributes["exception.type"] == "KeyError"
    assert "raise KeyError" in refused.attributes["exception.stacktrace"]
