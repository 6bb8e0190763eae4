import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import QueryError
from firstlight.model import Kind, Matcher, MatchOp, Series, named
from firstlight.store.index import SeriesIndex

OPS: tuple[MatchOp, ...] = ("=", "!=", "=~", "!~")
LABELS = ("host", "zone", "service", "field")
VALUES = ("", "a", "b", "ab", "a\nb")
EXPRESSIONS = ("", "a", "a|b", "a.*", ".*", ".+", "b?", "[ab]+", "a.b")

labels = st.dictionaries(st.sampled_from(LABELS), st.sampled_from(VALUES[1:]))
series = st.builds(
    lambda name, pairs, service, field: Series(name, tuple(sorted(pairs.items())), service, field=field),
    st.sampled_from(("cpu", "load")),
    labels,
    st.sampled_from(VALUES),
    st.sampled_from(("value", "a")),
)
matcher = st.sampled_from(("__name__", *LABELS, "scope")).flatmap(
    lambda label: st.one_of(
        st.builds(Matcher, st.just(label), st.sampled_from(OPS[:2]), st.sampled_from(("cpu", *VALUES))),
        st.builds(Matcher, st.just(label), st.sampled_from(OPS[2:]), st.sampled_from(EXPRESSIONS)),
    )
)


def index(definitions: list[Series], at_once: int = 3) -> SeriesIndex:
    made = SeriesIndex()
    for at in range(0, len(definitions), at_once):
        made.add((one.id(), one) for one in definitions[at : at + at_once])
    return made


def value_of(one: Series, label: str) -> str:
    if label == "__name__":
        return one.name
    part = getattr(one, label) if label in {"service", "session_id", "scope", "field"} else ""
    return dict(one.labels).get(label, part)


def meets(one: Series, condition: Matcher) -> bool:
    value = value_of(one, condition.label)
    if condition.op in {"=", "!="}:
        return (value == condition.value) == (condition.op == "=")
    return bool(re.fullmatch(condition.value, value, re.DOTALL)) == (condition.op == "=~")


@given(st.lists(series, unique=True, max_size=30), st.lists(matcher, max_size=3))
def test_matching_is_comparing_each_series(definitions: list[Series], conditions: list[Matcher]) -> None:
    made = index(definitions)
    found = made.match(conditions).tolist()
    assert found == sorted(found)
    wanted = [one for one in definitions if all(meets(one, condition) for condition in conditions)]
    assert made.at(found) == wanted
    assert made.ids(found).tolist() == [one.id() for one in wanted]


def test_series_come_back_as_they_went_in() -> None:
    one = Series("é", (("a", "1"), ("b", "")), "svc", "s1", "net.client", "bucket", Kind.HISTOGRAM, "s", "how long")
    plain = Series("plain")
    made = index([one, plain])
    assert dict(made.all()) == {one.id(): one, plain.id(): plain}
    assert made.table().to_pylist()[0] == {
        "series_id": one.id(),
        "name": "é",
        "labels": [("a", "1"), ("b", "")],
        "service": "svc",
        "session_id": "s1",
        "scope": "net.client",
        "field": "bucket",
        "kind": "histogram",
        "unit": "s",
        "description": "how long",
    }
    with pytest.raises(KeyError):
        made.all()[7]


def test_many_series_are_found_whatever_the_order_in_which_they_came() -> None:
    definitions = [Series(f"m{n % 7}", (("n", str(n)), ("even", str(n % 2 == 0)))) for n in range(3000)]
    made = index(definitions, at_once=37)
    for n, even in product((0, 36, 37, 1500, 2999), ("True", "False")):
        found = made.match(named(f"m{n % 7}", n=str(n), even=even))
        assert made.at(found.tolist()) == ([definitions[n]] if (n % 2 == 0) == (even == "True") else [])
    assert len(made.match([Matcher("n", "=~", "1..")])) == 100
    assert made.count_named("m3") == len(made.match(named("m3"))) == 429


def test_a_field_is_asked_for_apart_from_labels() -> None:
    value, bucket = Series("took"), Series("took", (("le", "1"),), field="bucket")
    made = index([value, bucket])
    assert made.at(made.match(named("took"), "bucket").tolist()) == [bucket]
    assert len(made.match(named("took"), "sum")) == 0
    assert len(made.match(named("took"))) == 2


def test_what_cannot_be_matched_is_said() -> None:
    with pytest.raises(QueryError, match="regular expression"):
        index([Series("cpu")]).match([Matcher("__name__", "=~", "(")])
    with pytest.raises(QueryError, match="operators"):
        Matcher("a", "==", "b")  # type: ignore[arg-type]
