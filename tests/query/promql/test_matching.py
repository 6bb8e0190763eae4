import pytest

from tests.query.promql.series import instant, problem, ranged, source

HELD = source(
    60,
    **{
        "errors{code='500',i='1'}": [1],
        "errors{code='404',i='1'}": [2],
        "errors{code='500',i='2'}": [3],
        "requests{i='1'}": [10],
        "requests{i='2'}": [20],
        "info{i='1',version='v1'}": [1],
    },
)


def test_elements_with_the_same_labels_belong_together() -> None:
    assert instant(HELD, "requests / requests") == {"i=1": 1, "i=2": 1}
    assert instant(HELD, 'errors{code="500"} / ignoring (code) requests') == {"i=1": 0.1, "i=2": 0.15}
    assert instant(HELD, 'errors{code="500"} / on (i) requests') == {"i=1": 0.1, "i=2": 0.15}


def test_many_may_belong_to_one() -> None:
    found = instant(HELD, "errors / on (i) group_left requests")
    assert found == {"code=404,i=1": 0.2, "code=500,i=1": 0.1, "code=500,i=2": 0.15}
    assert instant(HELD, "requests * on (i) group_left (version) info") == {"i=1,version=v1": 10}
    assert instant(HELD, "requests < on (i) group_right errors * 100") == {
        "code=404,i=1": 10, "code=500,i=1": 10, "code=500,i=2": 20
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("requests / on (i) errors", "found duplicate series for the match group"),
        ("errors / on (i) requests", "many-to-one matching must be explicit"),
        ("requests + on () group_left requests", "matching labels must be unique on one side"),
        (
            "errors * on (i) group_left (code) label_replace(requests, 'code', 'x', '', '')",
            "must ensure unique matches",
        ),
    ],
)
def test_what_does_not_fit_is_an_error(text: str, message: str) -> None:
    assert message in problem(HELD, text)


def test_comparisons_filter_and_keep_the_left_value() -> None:
    assert instant(HELD, "requests > 10") == {"__name__=requests,i=2": 20}
    assert instant(HELD, "10 < requests") == {"__name__=requests,i=2": 20}
    assert instant(HELD, "requests > bool 10") == {"i=1": 0, "i=2": 1}
    assert instant(HELD, "requests >= on (i) sum by (i) (errors) * 5") == {"i=2": 20}


def test_sets_go_by_labels_only() -> None:
    assert instant(HELD, "requests and on (i) info") == {"__name__=requests,i=1": 10}
    assert instant(HELD, "requests unless on (i) info") == {"__name__=requests,i=2": 20}
    assert instant(HELD, "info or on (i) requests").keys() == {"__name__=info,i=1,version=v1", "__name__=requests,i=2"}


def test_each_step_is_matched_by_itself() -> None:
    held = source(400, **{"a{x='1'}": [1, None, 3], "a{x='2'}": [None, 20, None], "b": [10, 10, 10]})
    found = ranged(held, "b + ignoring (x) a", 0, 800, 400)
    assert found == {"": {0: 11, 400: 30, 800: 13}}


def test_scalars_follow_ieee() -> None:
    assert instant(HELD, "vector(-7 % 3)") == {"": -1}
    assert instant(HELD, "vector(1 / 0)") == {"": float("inf")}
    assert instant(HELD, "vector(2 ^ 0.5 ^ 2 - 2 ^ 0.25)") == {"": 0}
