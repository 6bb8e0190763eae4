import logging

import pytest

import firstlight
from firstlight.export.memory import MemoryExporter
from firstlight.model import Level
from firstlight.sdk.integrations.logging_bridge import listen_to_logging
from firstlight.testing import capture


@pytest.fixture(autouse=True)
def _listening(monkeypatch: pytest.MonkeyPatch) -> None:
    firstlight.configure(exporter=MemoryExporter())
    monkeypatch.setattr(logging.Logger, "callHandlers", logging.Logger.callHandlers)
    listen_to_logging(logging, firstlight.get())


def test_lines_become_events_and_handlers_get_what_they_got_before() -> None:
    heard = []
    handler = logging.Handler()
    handler.emit = heard.append
    logger = logging.getLogger("shop.bridge")
    logger.propagate = False
    logger.addHandler(handler)
    with capture() as captured:
        logger.warning("only %d left", 2)
    assert [record.getMessage() for record in heard] == ["only 2 left"]
    (event,) = captured.events
    assert (event.subsystem, event.component, event.level, event.body) == ("shop", "bridge", Level.WARN, "only 2 left")


def test_the_programs_levels_and_filters_hold() -> None:
    logger = logging.getLogger("shop.filtered")
    logger.addHandler(logging.NullHandler())
    logger.setLevel(logging.ERROR)
    with capture() as captured:
        logger.warning("too quiet")
        logger.addFilter(lambda record: False)
        logger.error("filtered")
    assert captured.events == []


def test_a_line_that_reaches_a_handler_of_ours_is_recorded_once() -> None:
    logger = logging.getLogger("shop.handled.below")
    logging.getLogger("shop.handled").addHandler(firstlight.LoggingHandler())
    with capture() as captured:
        logger.warning("once")
        logger.propagate = False
        logger.warning("no longer")
    assert [event.body for event in captured.events] == ["once", "no longer"]


def test_our_own_lines_are_not_recorded() -> None:
    with capture() as captured:
        logging.getLogger("firstlight").warning("trouble")
    assert captured.events == []
