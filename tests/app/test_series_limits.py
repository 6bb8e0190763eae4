from pathlib import Path

import pytest

from firstlight.app.lake import Lake
from firstlight.app.lake_limits import LakeLimits
from firstlight.app.self_metrics import SelfMetrics
from firstlight.app.series_limits import SeriesLimits
from firstlight.model import Batch, Event, ExponentialPoint, Resource, Series
from tests.query.test_select import seal_all

NOW_NS = 1_760_000_000_000_000_000


def batch(metric: str, *hosts: int, at_ns: int = NOW_NS) -> Batch:
    made = Batch(Resource("fleet"))
    for host in hosts:
        made.add_sample(Series(metric, (("host", str(host)),)), at_ns, host)
    made.events.append(Event(at_ns, "beside"))
    return made


def opened(path: Path, per_metric: int = 0, total: int = 0) -> Lake:
    return Lake.open(path, maintain=False, limits=LakeLimits(series=SeriesLimits(per_metric, total)))


def hosts_of(lake: Lake, metric: str) -> dict[str, int]:
    query = "SELECT labels['host'], count(*) FROM metrics WHERE name = ? GROUP BY ALL"
    return dict(lake.sql(query, [metric]).rows)


def test_beyond_the_limit_of_a_metric_its_new_series_are_refused_and_the_others_go_on(tmp_path: Path) -> None:
    with opened(tmp_path, per_metric=3) as lake:
        given = batch("a", 1, 2, 3, 4, 5)
        lake.append([given])
        assert len(given.samples) == len(given.series) == 5
        lake.append([batch("a", 1, 5, 5, at_ns=NOW_NS + 1), batch("b", 1)])
        assert hosts_of(lake, "a") == {"1": 2, "2": 1, "3": 1}
        assert hosts_of(lake, "b") == {"1": 1}
        assert lake.sql("SELECT count(*) FROM events").rows == [(3,)]
        stats = lake.stats()
        assert stats["refused_samples"] == {"series_per_metric": 4, "series_total": 0}
        assert stats["refused_metrics"] == [["a", "series_per_metric", 4]]
        refusals = lake.refusals(given.series)
        assert {dict(given.series[one].labels)["host"] for one in refusals} == {"4", "5"}
        assert {why.partition(":")[0] for why in refusals.values()} == {"no room for another series of a"}


def test_beyond_the_limit_of_all_every_new_series_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path, total=2) as lake:
        point = batch("b", 7)
        histogram = Series("took")
        point.series[histogram.id()] = histogram
        point.exponential.append(ExponentialPoint(histogram.id(), NOW_NS, 1, 1.0, 0))
        lake.append([batch("a", 1, 2), point])
        assert hosts_of(lake, "a") == {"1": 1, "2": 1}
        assert hosts_of(lake, "b") == {}
        assert lake.stats()["refused_samples"]["series_total"] == 2


@pytest.mark.parametrize("is_sealed", [False, True])
def test_series_of_earlier_processes_count_and_go_on(tmp_path: Path, is_sealed: bool) -> None:
    with opened(tmp_path) as lake:
        lake.append([batch("a", 1, 2)])
    if is_sealed:
        seal_all(tmp_path)
    with opened(tmp_path, per_metric=2) as lake:
        lake.append([batch("a", 2, 3, at_ns=NOW_NS + 1)])
        assert hosts_of(lake, "a") == {"1": 1, "2": 2}


def test_without_limits_nothing_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as lake:
        lake.append([batch("a", *range(500))])
        assert len(hosts_of(lake, "a")) == 500
        assert sum(lake.stats()["refused_samples"].values()) == 0


def test_what_was_refused_is_a_metric(tmp_path: Path) -> None:
    with opened(tmp_path, per_metric=1) as lake:
        metrics = SelfMetrics(lake.stats)
        for expected in (2.0, 4.0):
            lake.append([batch("a", 1, 2, 3)])
            found = {
                (series.name, dict(series.labels).get("reason")): value for series, value in metrics.registry.collect()
            }
            assert found["firstlight_refused_samples_total", "series_per_metric"] == expected
            assert found["firstlight_refused_samples_total", "series_total"] == 0
