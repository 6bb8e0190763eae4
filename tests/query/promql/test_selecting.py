from tests.query.promql.series import instant, ranged, source


def test_offset_and_at_move_the_moment() -> None:
    held = source(60, up=[0, 1, 2, 3, 4, 5])
    assert instant(held, "up offset 2m", 300) == {"__name__=up": 3}
    assert instant(held, "up offset -1m", 180) == {"__name__=up": 4}
    assert instant(held, "up @ 60", 300) == {"__name__=up": 1}
    assert ranged(held, "up @ start() + up @ end()", 60, 240, 60) == {"": {60: 5, 120: 5, 180: 5, 240: 5}}


def test_subqueries_stand_on_multiples_of_their_step() -> None:
    held = source(10, m=[float(n) for n in range(30)])
    assert instant(held, "count_over_time(m[60s:20s])", 125) == {"": 3}
    assert instant(held, "sum_over_time(m[60s:20s])", 125) == {"": 8 + 10 + 12}
    assert instant(held, "sum_over_time(m[60s:20s] @ 60 offset 20s)", 125) == {"": 0 + 2 + 4}


def test_series_of_different_times_are_cut_each_by_its_own() -> None:
    held = source(10, **{"m{a='1'}": [1, 2, 3, None, 5], "m{a='2'}": [None, 2, None, 4]})
    found = ranged(held, "count_over_time(m[20s])", 0, 50, 10)
    assert found == {"a=1": {0: 1, 10: 2, 20: 2, 30: 1, 40: 1, 50: 1}, "a=2": {10: 1, 20: 1, 30: 1, 40: 1}}


def test_ranges_are_answered_as_they_are() -> None:
    held = source(10, m=[1, 2, 3, 4])
    assert instant(held, "m[20s]", 30) == {"__name__=m": {20: 3, 30: 4}}
    assert instant(held, "(-m)[20s:10s]", 30) == {"": {20: -3, 30: -4}}
