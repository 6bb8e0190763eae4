import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.assess import assess, load_pack, load_packs
from firstlight.assess.health import SLACK, combined
from firstlight.assess.packs import Indicator, Pack, SubsystemRule
from firstlight.assess.shares import lower_bound
from firstlight.errors import QueryError
from firstlight.model import Event, HealthPart, HealthState, Kind, Level, Series, Span
from tests.assess.memory_reader import MemoryReader, S

NOW = 1_700_000_000 * S
SCALE = ((0.0, 1.0), (1.0, 0.0))


def indicator(name, subsystem, *, weight=1.0, vital=False):
    return Indicator(name, subsystem, name, SCALE, "{value}", weight=weight, vital=vital)


def part(score, weight=1.0):
    return HealthPart("x", score, weight)


scores = st.none() | st.floats(0, 1)
parts = st.lists(st.builds(part, scores, st.sampled_from([0.0, 0.5, 1.0, 3.0])), max_size=6)


def test_golden_report(reader):
    packs = [
        Pack(
            "p",
            indicators=(indicator("a", "left", weight=3), indicator("b", "left"), indicator("c", "right")),
            subsystems={"right": SubsystemRule(weight=3.0)},
        )
    ]
    for name, badness in (("a", 0.1), ("b", 0.3), ("c", 0.5)):
        reader.add(Series(name), [(NOW, badness)])
    report = assess(packs, reader, NOW)
    assert report.time_ns == NOW
    assert report.subsystems["left"].score == pytest.approx((3 * 0.9 + 0.7) / 4)
    assert report.subsystems["right"].score == pytest.approx(0.5)
    # mean (0.85 + 3 * 0.5) / 4 = 0.5875, and the limit 0.5 + 0.3 does not bind
    assert report.overall.score == pytest.approx(0.5875)
    assert report.overall.state == HealthState.DEGRADED
    assert [(each.name, each.weight) for each in report.overall.parts] == [("left", 1.0), ("right", 3.0)]
    assert report.overall.parts[1].evidence == "right is degraded; its weakest part is c at 0.50: 0.5 (c, 1 sample)"
    assert report.meta["packs"] == ["p"]


def test_a_critical_subsystem_shows(reader):
    packs = [Pack("p", indicators=tuple(indicator(f"m{at}", f"s{at}") for at in range(10)))]
    for at in range(10):
        reader.add(Series(f"m{at}"), [(NOW, 0.8 if at == 7 else 0.0)])
    report = assess(packs, reader, NOW)
    assert report.subsystems["s7"].state == HealthState.CRITICAL
    assert report.overall.score == pytest.approx(0.2 + SLACK)
    assert report.overall.state == HealthState.DEGRADED


def test_a_vital_part_has_no_slack(reader):
    packs = [Pack("p", indicators=(indicator("disk", "host", vital=True), indicator("cpu", "host", weight=9)))]
    reader.add(Series("disk"), [(NOW, 0.95)])
    reader.add(Series("cpu"), [(NOW, 0.0)])
    report = assess(packs, reader, NOW)
    assert report.subsystems["host"].score == pytest.approx(0.05)
    assert report.overall.state == HealthState.CRITICAL


def test_nothing_is_known_of_an_empty_lake(reader):
    report = assess(load_packs(), reader, NOW)
    assert (report.overall.score, report.overall.state) == (None, HealthState.UNKNOWN)
    assert report.subsystems["host"].state == HealthState.UNKNOWN
    assert all(each.score is None and "nothing is known" in each.evidence for each in report.overall.parts)


def test_what_is_unknown_neither_helps_nor_hurts(reader):
    packs = [Pack("p", indicators=(indicator("a", "s"), indicator("gone", "s"), indicator("x", "other")))]
    reader.add(Series("a"), [(NOW, 0.2)])
    assert assess(packs, reader, NOW).overall.score == pytest.approx(0.8)


def test_weight_zero_shows_without_judging(reader):
    packs = [Pack("p", indicators=(indicator("a", "s"), indicator("info", "s", weight=0, vital=True)))]
    reader.add(Series("a"), [(NOW, 0.1)])
    reader.add(Series("info"), [(NOW, 1.0)])
    health = assess(packs, reader, NOW).subsystems["s"]
    assert health.score == pytest.approx(0.9)
    assert health.parts[1].score == 0.0


def test_error_events_by_subsystem(reader):
    quiet = [Event(NOW - S, "ok", Level.INFO, "billing")] * 80
    loud = [Event(NOW - S, "boom", Level.ERROR, "billing"), Event(NOW - S, "burn", Level.CRITICAL, "billing")] * 10
    late = [Event(NOW - 301 * S, "old", Level.ERROR, "billing")] * 50
    reader.add_events([*quiet, *loud, *late])
    reader.add_events([Event(NOW, "line", Level.INFO)] * 3, service="demo")
    report = assess([load_pack("signals")], reader, NOW)
    billing = report.subsystems["billing"]
    assert billing.parts[0].value == pytest.approx(0.2)
    assert billing.parts[0].evidence == "20 of 100 events were errors over the last 5 min"
    # Wilson lower end of 20/100 is 0.1334; between (0.1, 0.6) and (0.3, 0.3)
    assert billing.score == pytest.approx(0.6 - 0.0334 / 0.2 * 0.3, abs=1e-4)
    assert report.subsystems["service:demo"].state == HealthState.OPTIMAL
    assert reader.sql(billing.parts[0].source).rows[0] == ("billing", 100, 20)


def test_failed_spans_by_service(reader):
    def span(status):
        return Span(NOW - 2 * S, NOW - S, "work", "t", "s", status=status)

    reader.add_spans([span("ok")] * 10 + [span("error")] * 30, "shop")
    reader.add_spans([span("unset")], "calm")
    report = assess([load_pack("signals")], reader, NOW)
    assert report.subsystems["service:shop"].parts[0].value == 0.75
    assert report.subsystems["service:shop"].state == HealthState.CRITICAL
    assert report.subsystems["service:calm"].score == 1.0
    assert report.overall.state == HealthState.DEGRADED


def test_one_error_out_of_one_is_not_yet_a_disaster(reader):
    reader.add_events([Event(NOW, "boom", Level.ERROR, "billing")])
    assert assess([load_pack("signals")], reader, NOW).subsystems["billing"].state == HealthState.DEGRADED


def test_shares_that_cannot_be_read_are_told():
    class Broken(MemoryReader):
        def sql(self, *args, **kwargs):
            raise QueryError("too slow")

    broken = Broken()
    report = assess(load_packs(), broken, NOW)
    broken.close()
    assert report.meta["problems"] == ["error shares of pack signals could not be read: too slow"] * 2


@pytest.mark.parametrize(
    ("bad", "total", "expected"), [(0, 0, 0.0), (0, 10, 0.0), (1, 1, 0.2065), (20, 100, 0.1334), (10, 10, 0.7225)]
)
def test_lower_end_of_a_share_as_in_the_tables(bad, total, expected):
    assert lower_bound(bad, total) == pytest.approx(expected, abs=1e-4)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_lower_end_stays_below_the_share(bad, good):
    assert 0.0 <= lower_bound(bad, bad + good) <= (bad / (bad + good) if bad else 0.0)


@given(parts)
def test_combined_stays_in_bounds_and_shows_the_worst(some):
    health = combined(some)
    known = [each.score for each in some if each.score is not None and each.weight > 0]
    assert (health.score is None) == (not known)
    if health.score is not None:
        assert min(known) - 1e-12 <= health.score <= min(1.0, min(known) + SLACK)


@given(parts, st.integers(0, 5), st.floats(0, 1))
def test_a_worse_part_never_gives_a_better_whole(some, at, factor):
    changed = [each.score for each in some[at : at + 1] if each.score is not None]
    worse = [*some[:at], *(part(score * factor, some[at].weight) for score in changed), *some[at + 1 :]]
    if changed:
        before, after = combined(some), combined(worse)
        assert before.score is None or (after.score is not None and after.score <= before.score + 1e-12)


@given(parts, st.integers(0, 5))
def test_the_whole_is_never_better_than_a_vital_part(some, at):
    vital = [each for each in some[at : at + 1] if each.score is not None and each.weight > 0]
    health = combined(some, vital)
    assert not vital or health.score <= vital[0].score


FIGURES_OF_THE_HUB = [
    ("firstlight_damaged_segments_count", [0], 1.0),
    ("firstlight_damaged_segments_count", [1], 0.5),
    ("firstlight_damaged_segments_count", [30], 0.1),
    ("firstlight_over_budget_bytes", [0], 1.0),
    ("firstlight_over_budget_bytes", [1], 0.6),
    ("firstlight_over_budget_bytes", [2**31], 0.3),
    ("firstlight_refused_samples_total", [7, 7], 1.0),
    ("firstlight_refused_samples_total", [7, 70_000], 0.3),
]


@pytest.mark.parametrize(("metric", "values", "score"), FIGURES_OF_THE_HUB)
def test_what_the_lake_had_to_leave_out_lowers_the_health_of_the_hub(reader, metric, values, score):
    kind = Kind.COUNTER if metric.endswith("_total") else Kind.GAUGE
    ages_s = (400, 10)[-len(values) :]  # the first one is older than what is looked at
    points = [(NOW - age_s * S, value) for age_s, value in zip(ages_s, values, strict=True)]
    reader.add(Series(metric, service="firstlight", kind=kind), points)
    (found,) = [one for one in assess([load_pack("firstlight")], reader, NOW).overall.parts if one.score is not None]
    assert found.score == pytest.approx(score)
