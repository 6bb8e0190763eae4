import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.assess.indicators import aggregate_values, format_value, format_window, judge
from firstlight.assess.packs import Indicator, load_pack
from firstlight.errors import QueryError
from firstlight.model import Series
from tests.assess.memory_reader import MemoryReader, S

NOW = 1_700_000_000 * S
INF, NAN = float("inf"), float("nan")

CPU = next(each for each in load_pack("host").indicators if each.name == "cpu")
DISK = next(each for each in load_pack("host").indicators if each.name == "disk")


def every_second(*values):
    return [(NOW - (len(values) - 1 - at) * S, value) for at, value in enumerate(values)]


def disk_series(mount, host=""):
    return Series("host_disk_used_ratio", (("mount", mount),), "host", host)


CPU_ALL = Series("host_cpu_busy_ratio", (("cpu", "all"),), "host")


def test_cpu_by_hand(reader):
    reader.add(CPU_ALL, every_second(*[0.7] * 30, *[0.9] * 30))
    reader.add(Series("host_cpu_busy_ratio", (("cpu", "0"),), "host"), every_second(*[1.0] * 60))
    part = judge(CPU, reader, NOW)
    assert part.value == pytest.approx(0.8)
    assert part.score == pytest.approx(0.8)  # halfway between (0.7, 1.0) and (0.9, 0.6)
    assert part.weight == 2
    assert part.evidence == 'cpu busy 80.0 % on average over the last 60 s (host_cpu_busy_ratio{cpu="all"}, 60 samples)'


def test_the_source_shows_the_same_samples(reader):
    reader.add(CPU_ALL, [(NOW - 61 * S, 0.0), *every_second(0.25, 0.5, 0.75), (NOW + S, 0.0)])
    reader.add(Series("host_cpu_busy_ratio", (("cpu", "1"),), "host"), every_second(1.0))
    rows = reader.sql(judge(CPU, reader, NOW).source).rows
    assert [value for _, _, value in rows] == [0.25, 0.5, 0.75]


def test_the_source_quotes_what_it_is_given(reader):
    name = 'it\'s "odd"; --'
    odd = Indicator("odd", "x", name, ((0.0, 1.0),), "{value}", labels={"a'b": "c'd"})
    reader.add(Series(name, (("a'b", "c'd"),)), every_second(1.0))
    assert len(reader.sql(judge(odd, reader, NOW).source).rows) == 1


def test_the_fullest_disk_counts_and_is_named(reader):
    reader.add(disk_series("/"), every_second(0.2))
    reader.add(disk_series("/data"), every_second(0.5, 0.985))
    part = judge(DISK, reader, NOW)
    assert part.score == pytest.approx(0.1)
    assert part.evidence.startswith("the fullest file system, /data, is 98.5 % full (host_disk_used_ratio, 2 series")


def test_of_healthy_disks_the_fullest_is_named_and_its_host(reader):
    reader.add(disk_series("/", "one"), every_second(0.2))
    reader.add(disk_series("/", "two"), every_second(0.3))
    part = judge(DISK, reader, NOW)
    assert (part.score, part.value) == (1.0, 0.3)
    assert ", on two," in part.evidence


def test_only_the_named_service_counts(reader):
    mine = Indicator("x", "x", "rss", ((0.0, 1.0),), "{value}", service="mine")
    reader.add(Series("rss", service="mine"), every_second(1.0))
    reader.add(Series("rss", service="theirs"), every_second(2.0, 3.0))
    part = judge(mine, reader, NOW)
    assert part.value == 1.0
    assert [value for _, _, value in reader.sql(part.source).rows] == [1.0]


@pytest.mark.parametrize(
    ("points", "increase"),
    [
        ([(NOW - 5 * S, 7.0)], 7.0),  # made in the window, by the first thing that happened
        ([(NOW - 5 * S, 7.0), (NOW, 9.0)], 9.0),
        ([(NOW - 70 * S, 7.0), (NOW - 61 * S, 8.0), (NOW - 5 * S, 8.0), (NOW, 9.0)], 1.0),  # it was there before
        ([(NOW - 70 * S, 7.0), (NOW - 5 * S, 2.0)], 2.0),  # started again
        ([(NOW - 70 * S, 7.0)], None),  # gone
        ([(NOW - 200 * S, 7.0), (NOW, 3.0)], 3.0),
    ],
)
def test_counters_made_by_the_first_thing_that_happens(reader, points, increase):
    made = Indicator("x", "x", "m", ((0.0, 1.0),), "{value}", aggregate="increase", from_zero=True)
    reader.add(Series("m"), points)
    assert judge(made, reader, NOW).value == increase


@pytest.mark.parametrize(("across", "value"), [("worst", 0.9), ("mean", 0.6), ("sum", 1.8), ("min", 0.3), ("max", 0.9)])
def test_several_series_become_one_value(reader, across, value):
    indicator = Indicator("x", "x", "m", ((0.0, 1.0), (2.0, 0.0)), "{value}", across=across)
    for at, each in enumerate([0.3, 0.6, 0.9]):
        reader.add(Series("m", (("n", str(at)),)), every_second(each))
    assert judge(indicator, reader, NOW).value == pytest.approx(value)


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([], "no samples"),
        ([(NOW - 61 * S, 0.1)], "no samples"),
        ([(NOW + S, 0.1)], "no samples"),
        ([(NOW, NAN)], "1 sample of"),
        ([(NOW - S, INF), (NOW, -INF)], "2 samples of"),
        ([(NOW - S, 1e308), (NOW, 1e308)], "2 samples of"),
    ],
)
def test_nothing_to_go_by_is_unknown_not_healthy(reader, points, why):
    reader.add(CPU_ALL, points)
    part = judge(CPU, reader, NOW)
    assert (part.score, part.value) == (None, None)
    assert why in part.evidence


def test_values_that_are_no_numbers_do_not_count(reader):
    reader.add(CPU_ALL, every_second(0.2, NAN, 0.4))
    assert judge(CPU, reader, NOW).value == pytest.approx(0.3)


def test_a_reader_that_fails_is_unknown_with_its_reason():
    class Broken(MemoryReader):
        def window(self, *args, **kwargs):
            raise QueryError("no such table")

    broken = Broken()
    part = judge(CPU, broken, NOW)
    broken.close()
    assert part.score is None
    assert part.evidence == "could not be read: no such table"


@pytest.mark.parametrize(
    ("how", "values", "expected"),
    [
        ("last", [3.0, 1.0, 2.0], 2.0),
        ("last", [3.0, 1.0, NAN], 1.0),
        ("mean", [3.0, 1.0, 2.0], 2.0),
        ("min", [3.0, 1.0, 2.0], 1.0),
        ("max", [3.0, 1.0, 2.0], 3.0),
        ("increase", [10.0, 15.0, 25.0], 15.0),
        ("rate", [10.0, 15.0, 25.0], 7.5),
        ("increase", [10.0, 15.0, 4.0, 6.0], 11.0),  # 5, then a restart that counted to 4, then 2
        ("rate", [10.0, NAN, 16.0], 3.0),
        ("rate", [5.0, 5.0], 0.0),
        ("rate", [5.0], None),
        ("increase", [5.0], None),
        ("mean", [], None),
    ],
)
def test_aggregates_by_hand(how, values, expected):
    assert aggregate_values(how, [at * S for at in range(len(values))], values) == expected


def test_two_samples_at_one_time_have_no_rate():
    assert aggregate_values("rate", [S, S], [1.0, 2.0]) is None


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=8))
def test_growth_is_never_negative(values):
    for how in ("rate", "increase"):
        grown = aggregate_values(how, [at * S for at in range(len(values))], [abs(value) for value in values])
        assert grown is None or grown >= 0


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.4123, "ratio", "41.2 %"),
        (0.0, "bytes", "0 B"),
        (1536.0, "bytes", "1.5 KiB"),
        (5 * 1024**4, "bytes", "5 TiB"),
        (0.5, "rows/s", "0.5 rows/s"),
        (7.0, "", "7"),
    ],
)
def test_values_as_people_read_them(value, unit, text):
    assert format_value(value, unit) == text


def test_windows_as_people_read_them():
    assert [format_window(s) for s in (1.5, 60, 90, 300)] == ["1.5 s", "60 s", "90 s", "5 min"]
