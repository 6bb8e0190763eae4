from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.assess.packs import BUILTIN_PACKS, load_pack, load_packs, score_at, sentence
from firstlight.errors import ConfigError
from firstlight.ingest.host.catalog import METRICS
from firstlight.model import Kind

GOOD = """
name = "shop"
[[indicators]]
name = "queue"
subsystem = "orders"
metric = "queue_length"
score = [[10, 1.0], [100, 0.0]]
evidence = "{value} orders wait"
"""

points = (
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=6, unique=True)
    .map(sorted)
    .flatmap(
        lambda values: st.lists(st.floats(0, 1), min_size=len(values), max_size=len(values)).map(
            lambda scores: tuple(zip(values, sorted(scores, reverse=True), strict=True))
        )
    )
)


def load_text(tmp_path, text):
    path = tmp_path / "shop.toml"
    path.write_text(text)
    return load_pack(str(path))


def test_built_in_packs_load_together():
    packs = load_packs()
    assert [pack.name for pack in packs] == list(BUILTIN_PACKS)
    assert sum(len(pack.indicators) for pack in packs) >= 15


def test_worse_never_scores_better_in_built_in_packs():
    for pack in load_packs():
        rules = [indicator.score for indicator in pack.indicators]
        rules += [rule.score for rule in (pack.events, pack.spans) if rule is not None]
        for score in rules:
            assert all(left >= right for (_, left), (_, right) in pairwise(score))
            assert score[0][1] == 1.0


def test_the_host_pack_judges_what_the_host_receiver_brings():
    for indicator in load_pack("host").indicators:
        kind = METRICS[indicator.metric][0]
        assert (indicator.aggregate == "rate") == (kind == Kind.COUNTER)


def test_a_pack_of_ones_own(tmp_path):
    (indicator,) = load_text(tmp_path, GOOD).indicators
    assert indicator.score == ((10.0, 1.0), (100.0, 0.0))
    assert (indicator.aggregate, indicator.across, indicator.window_s) == ("mean", "worst", 60.0)


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ('metric = "queue_length"', "", "indicators[0]"),
        ('metric = "queue_length"', "metric = 5", "indicators[0].metric"),
        ('metric = "queue_length"', 'metric = "q"\nwieght = 2', "indicators[0]"),
        ('metric = "queue_length"', 'metric = "q"\nweight = -1', "indicators[0].weight"),
        ('metric = "queue_length"', 'metric = "q"\nwindow_s = 0', "indicators[0].window_s"),
        ('metric = "queue_length"', 'metric = "q"\naggregate = "middle"', "indicators[0].aggregate"),
        ('metric = "queue_length"', 'metric = "q"\nper = "value"', "indicators[0]"),
        ('metric = "queue_length"', 'metric = "q"\nfrom_zero = true', "indicators[0]"),
        ("[[10, 1.0], [100, 0.0]]", "[]", "indicators[0].score"),
        ("[[10, 1.0], [100, 0.0]]", "[[10, 1.0], [10, 0.0]]", "indicators[0]"),
        ("[[10, 1.0], [100, 0.0]]", "[[10, 1.0], [100, 1.1]]", "indicators[0]"),
        ("[[10, 1.0], [100, 0.0]]", "[[10, 1.0], [nan, 0.5]]", "indicators[0]"),
        ("{value} orders", "{valeu} orders", "indicators[0]"),
        ('name = "shop"', "", "pack"),
        ('name = "shop"', "name = ", "packs"),
    ],
)
def test_a_wrong_pack_says_where(tmp_path, before, after, path):
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, GOOD.replace(before, after, 1))
    assert caught.value.path == path
    assert caught.value.source.endswith("shop.toml")


def test_an_unknown_pack_says_what_there_is():
    with pytest.raises(ConfigError, match="firstlight, host, signals"):
        load_pack("hosts")


def test_two_indicators_of_one_name_are_refused(tmp_path):
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text(GOOD)
    second.write_text(GOOD.replace("shop", "shop2"))
    with pytest.raises(ConfigError, match=r"orders\.queue"):
        load_packs([str(first), str(second)])
    with pytest.raises(ConfigError, match="'shop' comes twice"):
        load_packs([str(first), str(first)])


@pytest.mark.parametrize(
    ("value", "score"), [(-5, 1.0), (10, 1.0), (15, 0.75), (20, 0.5), (30, 0.25), (40, 0.0), (1e9, 0.0)]
)
def test_scores_by_hand(value, score):
    assert score_at(((10.0, 1.0), (20.0, 0.5), (40.0, 0.0)), value) == pytest.approx(score)


@given(points, st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_scores_stay_in_bounds_and_never_rise_with_a_worse_value(score, one, two):
    better, worse = sorted([one, two])
    assert 0 <= score_at(score, worse) <= score_at(score, better) + 1e-12 <= 1 + 2e-12


def test_a_sentence_interprets_nothing_but_its_words():
    assert sentence("{value} of {mount} {0} {value.real}", {"value": "1 {mount}", "mount": "/"}) == "1 {mount} of / ? ?"
