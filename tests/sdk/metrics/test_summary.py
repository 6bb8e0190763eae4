import pytest

from firstlight.errors import UsageError
from firstlight.sdk.flow.ledger import Rows
from tests.sdk.recorder import Recorder


def quantiles(recorder: Recorder, name: str) -> dict[str, float]:
    return {labels[0][1]: value for labels, value in recorder.fresh(name, "quantile").items()}


def test_quantiles_are_those_of_the_values_within_its_error(recorder: Recorder) -> None:
    sizes = recorder.telemetry.scope("web").summary("sizes", unit="By", quantiles=(0.99, 0, 0.5, 1))
    for size in range(1, 1001):
        sizes.observe(size)
    assert quantiles(recorder, "sizes") == {
        "0.0": 1.0,
        "0.5": pytest.approx(500, rel=0.0055),
        "0.99": pytest.approx(990, rel=0.0055),
        "1.0": pytest.approx(1000, rel=0.0055),
    }
    assert recorder.latest("sizes", "sum") == {(): 500_500.0}
    assert recorder.latest("sizes", "count") == {(): 1000.0}
    assert recorder.series("sizes", "quantile").kind == "summary"


def test_quantiles_forget_what_has_left_the_window_and_the_totals_do_not(recorder: Recorder) -> None:
    sizes = recorder.telemetry.scope("web").summary("sizes", quantiles=(0.5,), window_s=50)
    recorder.clock.advance(1000)
    sizes.observe(8)
    assert quantiles(recorder, "sizes") == {"0.5": pytest.approx(8, rel=0.0055)}
    recorder.clock.advance(30)
    sizes.observe(64)
    sizes.observe(64)
    assert quantiles(recorder, "sizes") == {"0.5": pytest.approx(64, rel=0.0055)}
    recorder.clock.advance(30)
    assert quantiles(recorder, "sizes") == {"0.5": pytest.approx(64, rel=0.0055)}
    recorder.clock.advance(30)
    assert quantiles(recorder, "sizes") == {}
    assert recorder.latest("sizes", "count") == {(): 3.0}
    sizes.observe(2)
    assert quantiles(recorder, "sizes") == {"0.5": pytest.approx(2, rel=0.0055)}


def test_without_a_window_nothing_is_forgotten(recorder: Recorder) -> None:
    sizes = recorder.telemetry.scope("web").summary("sizes", quantiles=(0.0,), window_s=0)
    sizes.observe(1)
    recorder.telemetry.flush()
    recorder.clock.advance(1e9)
    sizes.observe(5)
    assert quantiles(recorder, "sizes") == {"0.0": 1.0}


def test_a_clock_that_is_set_back_does_not_stop_it(recorder: Recorder) -> None:
    sizes = recorder.telemetry.scope("web").summary("sizes", quantiles=(1.0,), window_s=50)
    recorder.clock.advance(10_000)
    sizes.observe(9)
    recorder.telemetry.flush()
    recorder.clock.advance(-9_000)
    sizes.observe(3)
    assert quantiles(recorder, "sizes") == {"1.0": 3.0}


def test_what_is_no_number_is_counted(recorder: Recorder) -> None:
    sizes = recorder.telemetry.scope("web").summary("sizes")
    for value in (1, "text", float("inf")):
        sizes.observe(value)
    assert recorder.latest("sizes", "count") == {(): 1.0}
    assert recorder.telemetry.counts().dropped == {"invalid": Rows(samples=2)}


@pytest.mark.parametrize(("ratios", "window_s"), [((1.1,), 1), ((-0.1,), 1), ((0.5,), -1)])
def test_impossible_ones_are_refused(recorder: Recorder, ratios: tuple[float, ...], window_s: float) -> None:
    with pytest.raises(UsageError, match="sizes"):
        recorder.telemetry.scope("web").summary("sizes", quantiles=ratios, window_s=window_s)
