from tests.query.promql.series import instant, ranged, source

HELD = source(60, **{"up{job='a'}": [1]})


def test_what_is_not_there_is_told_with_its_labels() -> None:
    assert instant(HELD, 'absent(up{job="b",x=~"y",z="1",z="2"})') == {"job=b": 1}
    assert instant(HELD, "absent(up)") == {}
    assert instant(HELD, "absent(sum(nothing))") == {"": 1}
    assert ranged(HELD, 'absent_over_time(up{job="a"}[1m])', 0, 120, 60) == {"job=a": {60: 1, 120: 1}}


def test_timestamps_are_those_of_samples_or_of_evaluation() -> None:
    assert instant(HELD, "timestamp(up)", 90.25) == {"job=a": 0}
    assert instant(HELD, "timestamp(up + 0)", 90.25) == {"job=a": 90.25}
    assert instant(HELD, "timestamp(timestamp(up @ 30))", 90) == {"job=a": 90}
