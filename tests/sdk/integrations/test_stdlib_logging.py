import logging
import logging.config
import logging.handlers
import queue
import sys
import threading
import time
from collections.abc import Iterator

import pytest

import firstlight
from firstlight.model import Level
from firstlight.sdk.integrations.stdlib_logging import SpanStamp, install_logging
from firstlight.testing import capture


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    logger = logging.getLogger("shop.checkout.cart")
    handler = firstlight.LoggingHandler()
    logger.addHandler(handler)
    logger.setLevel(1)
    yield logger
    logger.removeHandler(handler)


def test_a_line_becomes_an_event_with_its_scope_level_place_and_extras(log: logging.Logger) -> None:
    with capture() as captured:
        log.warning("only %d left", 2, extra={"article": "lamp"})
    (event,) = captured.events
    assert (event.subsystem, event.component, event.level) == ("shop", "checkout.cart", Level.WARN)
    assert (event.name, event.body) == ("only %d left", "only 2 left")
    assert event.attributes["article"] == "lamp"
    assert event.attributes["code.file.path"] == __file__
    assert event.attributes["code.function.name"] == sys._getframe().f_code.co_name


@pytest.mark.parametrize(
    ("number", "level"),
    [(1, Level.TRACE), (10, Level.DEBUG), (20, Level.INFO), (25, Level.INFO), (40, Level.ERROR), (50, Level.CRITICAL)],
)
def test_levels_are_rounded_down(log: logging.Logger, number: int, level: Level) -> None:
    with capture(level="trace") as captured:
        log.log(number, "x")
    assert [event.level for event in captured.events] == [level]


def test_the_recorders_level_holds_here_too(log: logging.Logger) -> None:
    with capture(level="error") as captured:
        log.info("quiet")
        log.error("loud")
    assert [event.body for event in captured.events] == ["loud"]


def test_an_exception_and_the_span_around_it_come_along(log: logging.Logger) -> None:
    with capture() as captured, firstlight.span("pay"):
        try:
            raise KeyError("card")
        except KeyError:
            log.exception("refused")
    (event,) = captured.events
    (span,) = captured.spans
    assert event.attributes["exception.type"] == "KeyError"
    assert "raise KeyError" in event.attributes["exception.stacktrace"]
    assert (event.trace_id, event.span_id) == (span.trace_id, span.span_id)


def test_a_formatter_decides_the_body(log: logging.Logger) -> None:
    log.handlers[0].setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    with capture() as captured:
        log.info("x")
    assert captured.events[0].body == "INFO x"


def test_own_lines_do_not_feed_themselves() -> None:
    logger = logging.getLogger("firstlight.sdk")
    handler = firstlight.LoggingHandler()
    logger.addHandler(handler)
    with capture() as captured:
        logger.error("cannot deliver")
    logger.removeHandler(handler)
    assert captured.events == []


def test_a_line_that_does_not_format_is_reported_as_logging_does(capsys) -> None:
    line = logging.LogRecord("shop", logging.INFO, __file__, 1, "%d", ("no number",), None)
    with capture() as captured:
        firstlight.LoggingHandler().handle(line)
    assert captured.events == []
    assert "--- Logging error ---" in capsys.readouterr().err


def test_it_is_set_up_by_name() -> None:
    handlers = {"hub": {"class": "firstlight.LoggingHandler", "level": "ERROR"}}
    loggers = {"by.name": {"handlers": ["hub"], "level": "DEBUG"}}
    logging.config.dictConfig(
        {"version": 1, "disable_existing_loggers": False, "handlers": handlers, "loggers": loggers}
    )
    with capture() as captured:
        logging.getLogger("by.name").info("quiet")
        logging.getLogger("by.name").error("loud")
    assert [event.body for event in captured.events] == ["loud"]


def test_a_line_without_arguments_has_no_name(log: logging.Logger) -> None:
    with capture() as captured:
        log.info("started at 12:03:55")
        log.info("100% done")
    assert [event.name for event in captured.events] == ["", ""]


def test_behind_a_queue_time_thread_and_span_are_those_of_the_call() -> None:
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    sender = logging.handlers.QueueHandler(waiting)
    sender.addFilter(SpanStamp())
    listener = logging.handlers.QueueListener(waiting, firstlight.LoggingHandler())
    logger = logging.getLogger("shop.queued")
    logger.setLevel(1)
    logger.addHandler(sender)
    with capture() as captured:
        before_ns = time.time_ns()
        with firstlight.span("pay"):
            logger.warning("only %d left", 2, extra={"article": "lamp"})
        after_ns = time.time_ns()
        logger.debug("below the recorder's level")
        listener.start()
        listener.stop()
    logger.removeHandler(sender)
    (event,) = captured.events
    (span,) = captured.spans
    assert (event.body, event.level, event.attributes["article"]) == ("only 2 left", Level.WARN, "lamp")
    assert before_ns - 1000 <= event.time_ns <= after_ns + 1000
    assert event.thread_id == threading.get_ident()
    assert (event.trace_id, event.span_id) == (span.trace_id, span.span_id)
    assert "firstlight_ids" not in event.attributes


def test_a_line_written_while_one_is_recorded_does_not_go_round(log: logging.Logger) -> None:
    class Talkative:
        def __str__(self) -> str:
            log.info("being written")
            return "talkative"

    # Other handlers would format the line, too.
    log.propagate = False
    with capture() as captured:
        log.info("%s", Talkative())
    log.propagate = True
    assert [event.body for event in captured.events] == ["talkative"]


def test_it_is_installed_and_taken_away() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with capture() as captured:
        undo = install_logging(firstlight.get(), logging.INFO)
        logging.getLogger("somebody").info("heard")
        logging.getLogger("somebody").debug("too quiet")
        undo()
        logging.getLogger("somebody").error("no more")
    assert [event.body for event in captured.events] == ["heard"]
    assert (root.handlers, root.level) == (handlers, level)
