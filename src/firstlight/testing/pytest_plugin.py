"""A plugin of pytest: a fixture that captures what a test records, and a record of the tests themselves.

It is found by its entry point ``pytest11``.  Without ``--firstlight`` it costs a fixture that nobody asks for.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from firstlight.app.telemetry import build, configure
from firstlight.errors import FirstlightError
from firstlight.model import Event, Level, Span
from firstlight.sdk.client import Telemetry
from firstlight.sdk.flow.plain import text
from firstlight.sdk.tracing.ids import new_span_id, new_trace_id
from firstlight.testing.capture import Capture, capture

SCOPE = ("pytest", "")
_NS_PER_S = 1_000_000_000
_LEVELS = {"passed": Level.INFO, "skipped": Level.INFO, "failed": Level.ERROR}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--firstlight``."""
    parser.getgroup("firstlight").addoption(
        "--firstlight",
        metavar="DIRECTORY_OR_URL",
        help="record each test as a span and an event, into the lake in this directory or to the hub at this URL",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to record tests, if that was asked for.

    Raises:
        pytest.UsageError: the place cannot be recorded to.
    """
    # With xdist the workers' reports come to the one process that has them all.
    where = config.getoption("--firstlight", None)
    if where and not hasattr(config, "workerinput"):
        try:
            config.pluginmanager.register(Recorder(_telemetry(where)), "firstlight-recorder")
        except FirstlightError as error:
            raise pytest.UsageError(f"--firstlight: {error}") from error


@pytest.fixture
def firstlight_capture() -> Iterator[Capture]:
    """Return what the test records (``events``, ``spans``, ``value(name)``), from debug level up."""
    with capture(level=Level.DEBUG) as captured:
        yield captured


class Recorder:
    """Records the outcome of each test.

    A test is a span named by its node id, with an event inside for each phase (set-up, call, tear-down), and an event
    ``test_passed``, ``test_failed`` or ``test_skipped``; all tests of a run share one trace under the span
    ``pytest``.

    Args:
        telemetry: the recorder.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._trace_id = new_trace_id()
        self._root_id = new_span_id()
        self._phases: dict[str, list[pytest.TestReport]] = {}
        self._counts: dict[str, int] = {}
        self._start_ns = telemetry.front.now()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the phases of a test until its last one."""
        phases = self._phases.setdefault(report.nodeid, [])
        phases.append(report)
        if report.when == "teardown":
            self._record(report.nodeid, self._phases.pop(report.nodeid))

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Record the run and deliver everything."""
        root = Span(self._start_ns, self._telemetry.front.now(), "pytest", self._trace_id, self._root_id)
        root.subsystem, root.component = SCOPE
        root.status = "error" if exitstatus else "ok"
        root.attributes = {"exit_status": int(exitstatus), **self._counts}
        self._telemetry.hand_over(root)
        # Under pytest a flush raises what went wrong; the run's own outcome must stand.
        with suppress(FirstlightError):
            self._telemetry.shutdown()

    def _record(self, node_id: str, phases: list[pytest.TestReport]) -> None:
        outcome = _outcome(phases)
        self._counts[outcome] = self._counts.get(outcome, 0) + 1
        span = Span(_ns(phases[0].start), _ns(phases[-1].stop), text(node_id), self._trace_id, new_span_id())
        span.end_ns = max(span.end_ns, span.start_ns)
        span.parent_id = self._root_id
        span.subsystem, span.component = SCOPE
        span.status = "error" if outcome == "failed" else "ok"
        span.status_message = _message(phases)
        span.attributes = {"test.outcome": outcome, **{f"{one.when}_seconds": one.duration for one in phases}}
        self._telemetry.hand_over(span, _event(span, outcome, sum(one.duration for one in phases)))


def _event(span: Span, outcome: str, duration_s: float) -> Event:
    attributes: dict[str, Any] = {"test": span.name, "duration_seconds": duration_s}
    event = Event(span.end_ns, f"test_{outcome}", _LEVELS[outcome], *SCOPE, span.status_message, attributes)
    event.trace_id, event.span_id = span.trace_id, span.span_id
    return event


def _outcome(phases: list[pytest.TestReport]) -> str:
    outcomes = {one.outcome for one in phases}
    return next((outcome for outcome in ("failed", "skipped") if outcome in outcomes), "passed")


def _message(phases: list[pytest.TestReport]) -> str:
    return next((text(one.longreprtext) for one in phases if one.outcome == "failed"), "")


def _ns(seconds: float) -> int:
    return round(seconds * _NS_PER_S)


def _telemetry(where: str) -> Telemetry:
    """Return a recorder of its own, so that tests may do what they like with the process's."""
    telemetry = build()
    if "://" in where:
        return configure("pytest", endpoint=where, telemetry=telemetry)
    return configure("pytest", data=where, telemetry=telemetry)
