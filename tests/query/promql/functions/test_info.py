from tests.query.promql.series import instant, problem, ranged, source

HELD = source(
    400,
    **{
        "m{job='a',instance='1'}": [1, 2],
        "m{job='a',instance='2',version='own'}": [3, 4],
        "target_info{job='a',instance='1',version='v1',cluster='x'}": [1, None],
        "target_info{job='a',instance='2',version='v2'}": [1, 1],
        "build_info{job='a',instance='1',commit='c'}": [1, 1],
    },
)


def test_a_target_s_labels_are_added_to_its_series() -> None:
    assert instant(HELD, "info(m)") == {
        "__name__=m,cluster=x,instance=1,job=a,version=v1": 1,
        "__name__=m,instance=2,job=a,version=own": 3,
    }


def test_only_labels_asked_for_are_added() -> None:
    assert instant(HELD, 'info(m, {cluster=~".*"})').keys() == {
        "__name__=m,cluster=x,instance=1,job=a", "__name__=m,instance=2,job=a,version=own"
    }  # fmt: skip
    assert instant(HELD, 'info(m, {cluster="x"})') == {"__name__=m,cluster=x,instance=1,job=a": 1}
    found = instant(HELD, 'info(m, {__name__=~"(target|build)_info", commit="c"})')
    assert found == {"__name__=m,commit=c,instance=1,job=a": 1}


def test_each_step_has_the_labels_of_its_time() -> None:
    assert ranged(HELD, 'info(m{instance="1"})', 0, 400, 400) == {
        "__name__=m,cluster=x,instance=1,job=a,version=v1": {0: 1},
        "__name__=m,instance=1,job=a": {400: 2},
    }


def test_info_series_are_left_as_they_are() -> None:
    assert instant(HELD, "info(target_info)") == instant(HELD, "target_info")


def test_contradictions_are_errors() -> None:
    held = source(60, **{"m{job='a'}": [1], "target_info{job='a',x='1'}": [1], "target_info{job='a',x='2'}": [1]})
    assert "duplicate series for info metric" in problem(held, "info(m)")
    held = source(60, **{"m{job='a'}": [1], "a_info{job='a',x='1'}": [1], "b_info{job='a',x='2'}": [1]})
    assert problem(held, 'info(m, {__name__=~"._info"})') == "conflicting label: x"
