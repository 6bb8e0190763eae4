import pytest

from firstlight.errors import UsageError
from tests.sdk.recorder import Recorder


@pytest.mark.parametrize("name", ["", "1st", "a b", "naïve", "a{b}", "x" * 256])
def test_a_name_that_nobody_would_take_is_refused(recorder: Recorder, name: str) -> None:
    with pytest.raises(UsageError, match="name"):
        recorder.telemetry.counter(name)


@pytest.mark.parametrize("label", ["", "1st", "a-b", "__name__", "le"])
def test_a_label_that_nobody_would_take_is_refused(recorder: Recorder, label: str) -> None:
    with pytest.raises(UsageError, match="label"):
        recorder.telemetry.histogram("x_seconds", labels=(label,))


def test_labels_must_differ(recorder: Recorder) -> None:
    with pytest.raises(UsageError, match="differ"):
        recorder.telemetry.gauge("x", labels=("a", "a"))


def test_names_that_opentelemetry_uses_are_taken(recorder: Recorder) -> None:
    recorder.telemetry.counter("http.server.requests/all-of:them", labels=("http.route", "_x")).labels("/", 1).inc()
    assert list(recorder.latest("http.server.requests/all-of:them").values()) == [1.0]


def test_two_metrics_that_would_come_to_the_same_name_are_refused_and_both_places_named(recorder: Recorder) -> None:
    scope = recorder.telemetry.scope("web")
    places = r"test_naming.py:\d+.*test_naming.py:\d+.*"
    scope.histogram("x_seconds")
    with pytest.raises(UsageError, match=places + "x_seconds_count"):
        scope.counter("x_seconds_count")
    scope.gauge("y_sum")
    with pytest.raises(UsageError, match=places + "y_sum"):
        scope.summary("y")
    scope.counter("z")
    with pytest.raises(UsageError, match=places + "z_total"):
        scope.counter("z_total")
    scope.counter("x_seconds_max")
    recorder.telemetry.scope("other").counter("x_seconds_count")
    with pytest.raises(UsageError, match=r"ExponentialHistogram"):
        scope.exponential_histogram("x_seconds")
