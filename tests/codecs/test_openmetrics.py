import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from firstlight.codecs.openmetrics import Exemplar, Family, Sample, encode, seconds
from firstlight.errors import UsageError

FAMILIES = [
    Family(
        "requests",
        "counter",
        (
            Sample(3.0, (("path", 'a\\b\n"c"'),), "_total", Exemplar(0.5, (("trace_id", "ab"),), 1_500_000_000)),
            Sample(1.25, (("path", 'a\\b\n"c"'),), "_created"),
        ),
        'Requests so "far".',
    ),
    Family("wait_seconds", "summary", (Sample(2.0, (("quantile", "0.5"),)), Sample(4.0, (), "_count")), "", "seconds"),
    Family("build", "info", (Sample(1.0, (("version", "1.0"),), "_info"),)),
    Family("mode", "stateset", (Sample(1.0, (("mode", "on"),)), Sample(0.0, (("mode", "off"),)))),
    Family("temperature", "gauge", (Sample(float("-inf"), time_ns=1_700_000_000_000_000_001),)),
    Family(
        "size",
        "histogram",
        (
            Sample(1.0, (("le", "1.0"),), "_bucket", Exemplar(0.5)),
            Sample(2.0, (("le", "+Inf"),), "_bucket"),
            Sample(2.0, (), "_count"),
            Sample(3.5, (), "_sum"),
        ),
    ),
]
TEXT = """\
# TYPE requests counter
# HELP requests Requests so \\"far\\".
requests_total{path="a\\\\b\\n\\"c\\""} 3 # {trace_id="ab"} 0.5 1.5
requests_created{path="a\\\\b\\n\\"c\\""} 1.25
# TYPE wait_seconds summary
# UNIT wait_seconds seconds
wait_seconds{quantile="0.5"} 2
wait_seconds_count 4
# TYPE build info
build_info{version="1.0"} 1
# TYPE mode stateset
mode{mode="on"} 1
mode{mode="off"} 0
# TYPE temperature gauge
temperature -Inf 1700000000.000000001
# TYPE size histogram
size_bucket{le="1.0"} 1 # {} 0.5
size_bucket{le="+Inf"} 2
size_count 2
size_sum 3.5
# EOF
"""


def test_golden_bytes() -> None:
    assert encode(FAMILIES).decode() == TEXT


def test_another_parser_reads_the_same() -> None:
    found = {family.name: family for family in text_string_to_metric_families(TEXT)}
    assert {name: family.type for name, family in found.items()} == {family.name: family.type for family in FAMILIES}
    total = found["requests"].samples[0]
    assert (total.labels, total.exemplar.labels) == ({"path": 'a\\b\n"c"'}, {"trace_id": "ab"})
    assert (total.exemplar.value, float(total.exemplar.timestamp)) == (0.5, 1.5)


@pytest.mark.parametrize(("time_ns", "text"), [(0, "0"), (1, "0.000000001"), (-1_500_000_000, "-1.5"), (10**10, "10")])
def test_times_are_exact_seconds(time_ns: int, text: str) -> None:
    assert seconds(time_ns) == text


@pytest.mark.parametrize(
    ("family", "why"),
    [
        (Family("a b", "gauge", ()), "metric name"),
        (Family("a", "number", ()), "no metric type"),
        (Family("a", "gauge", (), unit="seconds"), "must end with its unit"),
        (Family("a", "counter", (Sample(1.0),)), "no sample"),
        (Family("a", "gauge", (Sample(1.0, (("a-b", ""),)),)), "label name"),
        (Family("a", "gauge", (Sample(1.0, (), "", Exemplar(1.0)),)), "cannot have an exemplar"),
        (Family("a", "counter", (Sample(1.0, (), "_total", Exemplar(1.0, (("a", "x" * 128),))),)), "more than 128"),
    ],
)
def test_what_is_not_legal_is_refused(family: Family, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        encode([family])


def test_a_family_comes_once() -> None:
    with pytest.raises(UsageError, match="given twice"):
        encode([FAMILIES[2], FAMILIES[2]])
