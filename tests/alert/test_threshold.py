import pytest

from firstlight.alert.threshold import OPERATORS, Threshold, ThresholdWatch
from firstlight.errors import UsageError

S = 1_000_000_000


def turns(rule: Threshold, values: list[tuple[float, float]]) -> list[tuple[float, str]]:
    """Return when the condition turned, given ``(seconds, value)``."""
    watch = ThresholdWatch(rule)
    found = [(at_s, watch.observe(value, round(at_s * S), round(at_s * S))) for at_s, value in values]
    return [(at_s, turn) for at_s, turn in found if turn]


def test_it_fires_once_and_resolves_once() -> None:
    rule = Threshold(operator=">", threshold=500, window_s=0, cooldown_s=0)
    values = [(1, 400), (2, 501), (3, 900), (4, 500), (5, 100), (6, 600)]
    assert turns(rule, values) == [(2, "firing"), (4, "resolved"), (6, "firing")]


def test_the_mean_of_the_window_counts_and_old_values_leave_it() -> None:
    rule = Threshold(operator=">", threshold=500, window_s=60, cooldown_s=0)
    assert turns(rule, [(0, 1000), (30, 100), (50, 100), (63, 100)]) == [(0, "firing"), (50, "resolved")]
    assert turns(rule, [(0, 100), (1, 901), (62, 501)]) == [(1, "firing")]
    assert turns(rule, [(0, 100), (1, 700), (62, 501)]) == [(62, "firing")]


def test_between_the_thresholds_it_stays_what_it_was() -> None:
    rule = Threshold(operator=">=", threshold=90, clear_threshold=80, window_s=0, cooldown_s=0)
    values = [(1, 85), (2, 90), (3, 85), (4, 80), (5, 79), (6, 85)]
    assert turns(rule, values) == [(2, "firing"), (5, "resolved")]


def test_it_does_not_fire_again_while_it_cools() -> None:
    rule = Threshold(operator="<", threshold=10, window_s=0, cooldown_s=60)
    values = [(0, 1), (5, 20), (10, 1), (59.9, 1), (60, 1), (61, 20)]
    assert turns(rule, values) == [(0, "firing"), (5, "resolved"), (60, "firing"), (61, "resolved")]


@pytest.mark.parametrize(
    ("aggregation", "reading"), [("MEAN", 2), ("SUM", 6), ("MIN", 1), ("MAX", 3), ("COUNT", 3), ("LAST", 2)]
)
def test_each_aggregation(aggregation: str, reading: float) -> None:
    watch = ThresholdWatch(Threshold(operator="==", threshold=reading, aggregation=aggregation))
    for second, value in enumerate((1, 3, 2)):
        watch.observe(value, second * S, second * S)
    assert (watch.reading, watch.firing) == (reading, True)


def test_history_says_nothing_about_now_and_the_future_counts_as_now() -> None:
    watch = ThresholdWatch(Threshold(operator=">", threshold=500, cooldown_s=0))
    assert watch.observe(9999, 0, 1000 * S) is None
    assert watch.reading is None
    assert watch.observe(9999, 5000 * S, 1000 * S) == "firing"
    assert watch.observe(1, 1061 * S, 1061 * S) == "resolved"


def test_a_value_that_is_late_within_the_window_counts() -> None:
    watch = ThresholdWatch(Threshold(operator=">", threshold=500, aggregation="COUNT"))
    watch.observe(1, 100 * S, 100 * S)
    watch.observe(1, 70 * S, 100 * S)
    assert watch.reading == 2


def test_the_window_takes_the_same_room_at_any_rate() -> None:
    watch = ThresholdWatch(Threshold(operator=">", threshold=500))
    for n in range(20_000):
        watch.observe(1.0, n * S // 100, n * S // 100)
    assert len(watch._steps) <= 61
    assert watch.reading == 1.0


@pytest.mark.parametrize(
    "wrong", [{"operator": "=>"}, {"aggregation": "P95"}, {"window_s": -1}, {"cooldown_s": -1}], ids=str
)
def test_a_threshold_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Threshold(**{"operator": ">", "threshold": 1, **wrong})


@pytest.mark.parametrize("sign", OPERATORS)
def test_each_operator_is_pythons(sign: str) -> None:
    for value in (1.0, 2.0, 3.0):
        watch = ThresholdWatch(Threshold(operator=sign, threshold=2.0))
        assert (watch.observe(value, 0, 0) == "firing") == eval(f"{value} {sign} 2.0")
