import pytest

from firstlight.query.promql.language.parser import selector_of
from firstlight.query.promql.series_text import common_labels, series_text, short_texts


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"__name__": "up"}, "up"),
        ({"__name__": "up", "job": "a", "code": "2"}, 'up{code="2", job="a"}'),
        ({"job": "a"}, '{job="a"}'),
        ({}, "{}"),
        ({"__name__": "a.b", "http.code": 'x"y'}, '{"a.b", "http.code"="x\\"y"}'),
    ],
)
def test_a_series_is_written_as_a_selector(labels: dict[str, str], expected: str) -> None:
    assert series_text(labels.items()) == expected
    if labels:
        assert {matcher.label: matcher.value for matcher in selector_of(expected).matchers} == labels


def test_short_names_leave_out_what_all_say() -> None:
    series = [(("__name__", "up"), ("cpu", cpu), ("job", "a")) for cpu in "01"]
    assert short_texts(series) == ['{cpu="0"}', '{cpu="1"}']
    assert short_texts(series[:1]) == ['up{cpu="0", job="a"}']
    assert common_labels(series) == {("__name__", "up"), ("job", "a")}
    assert short_texts([]) == []
