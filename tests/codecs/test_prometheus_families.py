import math
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from firstlight.codecs import openmetrics, prometheus_text
from firstlight.codecs.prometheus_families import Reading, families, text_families
from firstlight.codecs.prometheus_names import family_names, label_name, legal_labels
from firstlight.model import Exemplar, Kind, Series
from tests.peers import peer

CREATED_NS = 1_700_000_000_250_000_000


def histogram(
    name: str = "wait_seconds", *, unit: str = "s", edges: tuple[str, ...] = ("0.5", "+Inf")
) -> list[Reading]:
    def part(field: str, value: float, labels: tuple[tuple[str, str], ...] = ()) -> Reading:
        series = Series(name, labels, "shop", "s1", "a.b", field, Kind.HISTOGRAM, unit, "How long they waited.")
        return Reading(series, value, CREATED_NS)

    buckets = [part("bucket", number + 1.0, (("le", edge),)) for number, edge in enumerate(edges)]
    return [*reversed(buckets), part("sum", 7.25), part("count", float(len(edges)))]


def reading(name: str, value: float, kind: Kind = Kind.GAUGE, **labels: str) -> Reading:
    return Reading(Series(name, tuple(sorted(labels.items())), "shop", "s1", kind=kind), value)


def text(readings: list[Reading], **options: bool) -> str:
    return prometheus_text.encode(text_families(families(readings, **options))).decode()


def lines(readings: list[Reading], **options: bool) -> list[str]:
    return [line for line in text(readings, **options).splitlines() if not line.startswith("#")]


def open_lines(readings: list[Reading]) -> list[str]:
    found = openmetrics.encode(families(readings)).decode()
    list(read_openmetrics(found))
    return [line for line in found.splitlines() if not line.startswith("#")]


def test_counters_end_in_total_in_both_formats() -> None:
    readings = [reading("orders_total", 3.0, Kind.COUNTER), reading("http.requests", 4.0, Kind.COUNTER, code="200")]
    assert lines(readings) == ['http_requests_total{code="200"} 4', "orders_total 3"]
    assert open_lines(readings) == lines(readings)


def test_a_histogram_in_the_text_format() -> None:
    assert text(histogram()) == (
        "# HELP wait_seconds How long they waited.\n"
        "# TYPE wait_seconds histogram\n"
        'wait_seconds_bucket{le="0.5"} 1\n'
        'wait_seconds_bucket{le="+Inf"} 2\n'
        "wait_seconds_count 2\n"
        "wait_seconds_sum 7.25\n"
    )


def test_openmetrics_has_units_creation_and_exemplars() -> None:
    readings = histogram()
    seen = Exemplar(1, CREATED_NS, 0.25, "a" * 32, "b" * 16, (("user", "u"),))
    readings[1] = readings[1]._replace(exemplar=seen)
    long = Exemplar(1, CREATED_NS, 0.25, "a" * 32, "b" * 16, (("x", "y" * 99),))
    readings.append(Reading(Series("n", kind=Kind.COUNTER), 1.0, CREATED_NS, long))
    found = openmetrics.encode(families(readings)).decode()
    assert "# UNIT wait_seconds seconds\n" in found
    trace = f'span_id="{"b" * 16}",trace_id="{"a" * 32}"'
    assert f'wait_seconds_bucket{{le="0.5"}} 1 # {{{trace},user="u"}} 0.25 1700000000.25\n' in found
    assert "wait_seconds_created 1700000000.25\n" in found
    assert f'n_total 1 # {{trace_id="{"a" * 32}",span_id="{"b" * 16}"}} 0.25 1700000000.25\n' in found, (
        "it was too long"
    )
    assert [family.name for family in read_openmetrics(found)] == ["n", "wait_seconds"]


def test_facts_and_states() -> None:
    readings = [
        reading("build_info", 1.0, Kind.INFO, version="1"),
        reading("mode", 1.0, Kind.STATESET, mode="on"),
        reading("mode", 0.0, Kind.STATESET, mode="off"),
        reading("odd.mode", 1.0, Kind.STATESET, **{"odd.mode": "x"}),
    ]
    assert open_lines(readings) == lines(readings)
    assert lines(readings) == [
        'build_info{version="1"} 1',
        'mode{mode="off"} 0',
        'mode{mode="on"} 1',
        'odd_mode{odd_mode="x"} 1',
    ]


def test_summaries_and_extremes() -> None:
    def part(field: str, value: float, **labels: str) -> Reading:
        return Reading(Series("size", tuple(labels.items()), field=field, kind=Kind.SUMMARY), value)

    readings = [part("sum", 9.0), part("quantile", 1.5, quantile="0.5"), part("count", 4.0), part("max", 8.0)]
    assert open_lines(readings) == lines(readings)
    assert lines(readings) == ['size{quantile="0.5"} 1.5', "size_count 4", "size_sum 9", "size_max 8"]


@pytest.mark.parametrize("kind", [Kind.COUNTER, Kind.HISTOGRAM])
@pytest.mark.parametrize("value", [-1.0, math.nan])
def test_counts_that_are_none_are_left_out(kind: Kind, value: float) -> None:
    assert families([reading("x", value, kind)]) == []


def test_a_histogram_that_does_not_add_up_is_left_out() -> None:
    readings = histogram()
    readings[0] = readings[0]._replace(value=0.5)
    assert families(readings) == []


def test_the_last_bucket_is_made_from_the_count() -> None:
    assert open_lines(histogram(edges=("0.5", "1")))[:3] == [
        'wait_seconds_bucket{le="0.5"} 1',
        'wait_seconds_bucket{le="1.0"} 2',
        'wait_seconds_bucket{le="+Inf"} 2',
    ]


def test_with_buckets_below_zero_there_is_no_sum() -> None:
    assert [line.split("{")[0] for line in open_lines(histogram(edges=("-1", "+Inf")))[:-1]] == [
        "wait_seconds_bucket"
    ] * 2


def test_the_sender_can_be_told() -> None:
    assert lines([reading("x", 1.0, a="b")], sender=True) == ['x{a="b",instance="s1",job="shop"} 1']


def test_the_newest_of_two_sessions_counts() -> None:
    old = Reading(Series("x", session_id="old"), 1.0)
    assert lines([old, Reading(Series("x", session_id="new"), 2.0)]) == ["x 2"]


def test_names_never_clash_in_whatever_order() -> None:
    metrics = [
        ("a", "counter"),
        ("a", "gauge"),
        ("a_total", "gauge"),
        ("a.b", "gauge"),
        ("a_b", "gauge"),
        ("a-b", "info"),
    ]
    names = family_names(metrics)
    assert names == family_names(reversed(metrics))
    assert names["a.b", "gauge"] == names["a_b", "gauge"] == "a_b_gauge"
    assert names["a", "counter"] == "a"
    assert {names["a", "gauge"], names["a_total", "gauge"]} == {"a_gauge", "a_total_gauge"}


def test_labels_are_made_legal() -> None:
    assert [label_name(name) for name in ("a.b", "0a", "", "ü")] == ["a_b", "key_0a", "key_", "_"]
    assert legal_labels([("a.b", "1"), ("a_b", "2"), ("c", "3")]) == (("a_b", "1;2"), ("c", "3"))


ANY_NAMES = st.sampled_from(
    ["a", "a_total", "a.total", "a_info", "a_sum", "a_bucket", "0", "", "ü", "a:b", "a_created"]
)
any_series = st.builds(
    Series,
    ANY_NAMES,
    st.dictionaries(
        st.sampled_from(["le", "quantile", "a", "0", "x.y", "ü"]), st.sampled_from(["1", "+Inf", 'q"\\\n', "-1"])
    ).map(lambda pairs: tuple(sorted(pairs.items()))),
    field=st.sampled_from(["value", "bucket", "sum", "count", "min", "max", "quantile"]),
    kind=st.sampled_from(Kind),
    unit=st.sampled_from(["", "s", "1", "{x}", "total"]),
    description=st.sampled_from(["", 'Text\n\\ "x"']),
)


exemplars = st.builds(
    Exemplar,
    st.just(1),
    st.just(CREATED_NS),
    st.floats(),
    st.sampled_from(["", "a" * 32]),
    st.sampled_from(["", "b" * 16]),
    st.sampled_from([(), (("0", "x"),), (("__name__", "x"), ("y", "z" * 200))]),
)
readings = st.builds(
    Reading,
    any_series,
    st.floats() | st.integers(-1, 3).map(float),
    st.none() | st.just(CREATED_NS),
    st.none() | exemplars,
)


@given(st.lists(readings, max_size=6))
def test_whatever_comes_other_parsers_read_it(readings: list[Reading]) -> None:
    list(read_text(text(readings)))
    list(read_openmetrics(openmetrics.encode(families(readings)).decode()))


def test_promtool_finds_nothing_to_complain_about() -> None:
    readings = [*histogram(), reading("orders_total", 3.0, Kind.COUNTER, path='a"\\\n'), reading("queue_length", -1.5)]
    readings += [reading("build_info", 1.0, Kind.INFO, version="1"), reading("mode", 1.0, Kind.STATESET, mode="on")]
    outcome = subprocess.run(
        [peer("promtool"), "check", "metrics"], input=text(readings), capture_output=True, text=True, check=False
    )
    assert (outcome.returncode, outcome.stdout + outcome.stderr) == (0, "")
