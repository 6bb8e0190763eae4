from time import sleep

import pytest

from tests.sdk.recorder import Recorder


@pytest.mark.parametrize("kind", ["histogram", "summary"])
def test_it_observes_the_seconds_inside_even_of_what_fails(recorder: Recorder, kind: str) -> None:
    watch = getattr(recorder.telemetry.scope("web"), kind)("x_seconds").time()
    with watch:
        sleep(0.002)
    with pytest.raises(ZeroDivisionError), watch:
        raise ZeroDivisionError
    assert recorder.latest("x_seconds", "count") == {(): 2.0}
    assert recorder.latest("x_seconds", "sum")[()] >= 0.002


def test_it_observes_for_an_exponential_histogram(recorder: Recorder) -> None:
    with recorder.telemetry.scope("web").exponential_histogram("x_seconds").time():
        pass
    assert recorder.points("x_seconds")[-1].count == 1
