from collections.abc import Iterator

import pytest

from firstlight.errors import UsageError
from firstlight.sdk.flow.ledger import Rows
from tests.sdk.recorder import Recorder


def test_a_number_or_one_for_each_line(recorder: Recorder) -> None:
    scope = recorder.telemetry.scope("sensors")
    scope.observe_gauge("temperature_celsius", lambda: 21.5, unit="Cel", help="Indoors.")
    scope.observe_counter("reads_total", {("a",): 1, ("b",): 2}.items, labels=("room",))
    scope.observe_up_down_counter("open", lambda: [({"room": "a"}, 3), ("b", 4)], labels=("room",))
    assert recorder.latest("temperature_celsius") == {(): 21.5}
    series = recorder.series("temperature_celsius")
    assert (series.kind, series.unit, series.description) == ("gauge", "Cel", "Indoors.")
    assert (series.service, series.session_id, series.scope) == ("shop", "session", "sensors")
    assert recorder.latest("reads_total") == {(("room", "a"),): 1.0, (("room", "b"),): 2.0}
    assert recorder.series("reads_total").kind == "counter"
    assert recorder.latest("open") == {(("room", "a"),): 3.0, (("room", "b"),): 4.0}


def test_it_is_asked_when_a_report_is_due_and_at_no_other_time(recorder: Recorder) -> None:
    asked = []
    recorder.telemetry.scope("").observe_gauge("temperature", lambda: asked.append(1) or len(asked))
    for _ in range(3):
        recorder.telemetry._drain.tick()
    assert asked == []
    assert recorder.latest("temperature") == {(): 1.0}
    assert recorder.latest("temperature") == {(): 2.0}


def test_lines_that_are_gone_are_not_reported_again(recorder: Recorder) -> None:
    rooms = {"a": 1, "b": 2}
    recorder.telemetry.scope("").observe_gauge("temperature", rooms.items, labels=("room",))
    assert len(recorder.latest("temperature")) == 2
    del rooms["a"]
    assert recorder.fresh("temperature") == {(("room", "b"),): 2.0}


def test_lines_have_a_bound_and_the_rest_is_counted(recorder: Recorder) -> None:
    def many() -> Iterator[tuple[dict[str, int], float]]:
        return (({"room": room % 10}, 1.0) for room in range(20))

    recorder.telemetry.scope("").observe_gauge("temperature", many, labels=("room",))
    assert len(recorder.latest("temperature")) == 3
    assert recorder.telemetry.registry.overflows == {"temperature": 14}
    assert recorder.memory.latest("firstlight_sdk_overflows_total") == {(("metric", "temperature"),): 14}


def test_what_is_no_number_is_counted(recorder: Recorder) -> None:
    recorder.telemetry.scope("").observe_gauge("temperature", lambda: [("a", "text"), ("b", 1)], labels=("room",))
    recorder.telemetry.scope("").observe_gauge("pressure", lambda: None)
    assert recorder.latest("temperature") == {(("room", "b"),): 1.0}
    assert recorder.telemetry.counts().dropped == {"invalid": Rows(samples=2)}


@pytest.mark.parametrize("answer", [[("a", "b", 1)], [({"hall": 1}, 1)], [1, 2], [(("a", "b"), 1)]])
def test_an_answer_that_does_not_fit_is_a_failure(answer: object) -> None:
    recorder = Recorder(raise_errors=False)
    recorder.telemetry.scope("").observe_gauge("temperature", lambda: answer, labels=("room",))
    assert recorder.latest("temperature") == {}
    assert recorder.telemetry.registry.callback_failures() == {"error": 1}
    recorder.telemetry.shutdown()


def test_after_its_stop_it_is_silent_and_the_name_free(recorder: Recorder) -> None:
    scope = recorder.telemetry.scope("")
    first = scope.observe_counter("x_total", lambda: 1)
    with pytest.raises(UsageError, match=r"test_observable.py:\d+.*test_observable.py:\d+"):
        scope.observe_counter("x_total", lambda: 2)
    with pytest.raises(UsageError, match="Observable.*Counter"):
        scope.counter("x_total")
    first.stop()
    first.stop()
    assert recorder.latest("x_total") == {}
    scope.observe_counter("x_total", lambda: 2)
    assert recorder.latest("x_total") == {(): 2.0}
