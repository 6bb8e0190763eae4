import logging

import pytest

from firstlight.app.platform import Platform
from firstlight.app.settings import load
from firstlight.errors import StorageFull
from firstlight.model import Batch, Health, HealthReport, HealthState, Resource, Series
from firstlight.store.policy import Policy, SeriesRule

NOW_NS = 1234


class Store:
    """A lake in memory that tells what happened to it."""

    def __init__(self, calls):
        self.calls = calls
        self.problem = None
        self.batches = []

    def append(self, batches, batch_id=b""):
        if self.problem:
            raise self.problem
        self.batches += batches
        self.calls += [f"append from {batch.resource.service}" for batch in batches]

    def was_recovered(self, batch_id):
        return False

    def sql(self, query, params=None, *, limit=None, cancel=None):
        raise NotImplementedError

    def series(self):
        return {}

    def window(self, *_):
        return []

    def stats(self):
        return {"wal_bytes": 7, "sealed_rows": {"events": 3}, "seal_error": "none"}

    def close(self):
        self.calls.append("close")


class Receiver:
    """Hands one last batch over as it stops, as a poller does."""

    def __init__(self, calls):
        self.calls = calls
        self.dropped_rows = 0

    def start(self, sink):
        self.sink = sink
        self.calls.append("start")

    def stop(self):
        batch = Batch(Resource(service="poller"))
        batch.add_sample(Series("m"), 1, 1.0)
        self.sink([batch])
        self.calls.append("stop")


class Otlp:
    def __init__(self, store):
        self.store = store

    def handle(self, *_):
        raise NotImplementedError


def assess(_, now_ns):
    return HealthReport(now_ns, Health(0.5, HealthState.DEGRADED), {"disk": Health(None, HealthState.UNKNOWN)})


@pytest.fixture
def calls():
    return []


@pytest.fixture
def platform(tmp_path, calls):
    resolved = load({"data_dir": str(tmp_path)}, environ={}, directory=tmp_path)
    receivers = {"poll": Receiver(calls)}
    store = Store(calls)
    made = {"otlp": Otlp, "remote_write": Otlp, "assess": assess}
    return Platform(resolved, store, receivers=receivers, clock=lambda: NOW_NS, **made)


def own_values(platform) -> dict[str, float]:
    (batch,) = [batch for batch in platform.store.batches if batch.resource.service == "firstlight"][-1:]
    names = [batch.series[series_id].name for series_id in batch.samples.series_ids]
    return dict(zip(names, batch.samples.values, strict=True))


def test_the_sources_stop_first_and_the_lake_closes_last(platform, calls) -> None:
    platform.start()
    platform.stop()
    assert calls[0] == "start"
    assert calls.index("append from poller") < calls.index("stop")
    assert calls[-2:] == ["append from firstlight", "close"]
    assert platform.unready_reasons() == ["the hub is stopping"]


def test_health_is_kept_and_becomes_a_metric(platform) -> None:
    assert platform.health.overall.state == HealthState.UNKNOWN
    platform.look_at_health()
    assert (platform.health.time_ns, platform.health.overall.score) == (NOW_NS, 0.5)
    points = [(series.labels, value) for series, value in platform.metrics.health_score.points()]
    assert points == [((("subsystem", "overall"),), 0.5)]


def test_own_metrics_hold_the_lakes_figures(platform) -> None:
    platform.store_own_metrics()
    values = own_values(platform)
    assert (values["firstlight_wal_bytes"], values["firstlight_segments_rows_count"]) == (7, 3)
    assert "firstlight_seal_error" not in values
    assert {value for name, value in values.items() if name == "firstlight_dropped_total"} == {0}


def test_rows_that_a_receiver_gave_up_are_counted_once(platform) -> None:
    platform._receivers["poll"].dropped_rows = 5
    platform.metrics.registry.collect()
    platform.metrics.registry.collect()
    assert platform.metrics.dropped.total() == 5


def test_a_full_disk_does_not_stop_the_hub_and_is_over_when_it_is_over(platform, caplog) -> None:
    platform.store.problem = StorageFull("no space left")
    with caplog.at_level(logging.WARNING):
        platform.store_own_metrics()
    assert platform.unready_reasons() == ["no space left"]
    assert platform.metrics.dropped.total() > 0
    platform.store.problem = None
    platform.store_own_metrics()
    assert platform.unready_reasons() == []
    assert own_values(platform)["firstlight_dropped_total"] >= 0


def test_the_lake_is_closed_even_when_the_last_figures_fail(platform, calls, caplog) -> None:
    platform.start()
    platform.store.stats = lambda: 1 // 0
    with caplog.at_level(logging.CRITICAL):
        platform.stop()
    assert calls[-1] == "close"


def policy_of_the_lake(tmp_path, **given) -> Policy:
    settings = {path.replace("__", "."): value for path, value in given.items()}
    resolved = load({"data_dir": str(tmp_path), "host.enabled": False, **settings}, environ={}, directory=tmp_path)
    platform = Platform.open(resolved)
    try:
        return platform.store._keeper._policy
    finally:
        platform.stop()


def test_unless_told_otherwise_rows_go_after_the_usual_time(tmp_path) -> None:
    policy = policy_of_the_lake(tmp_path)
    assert policy.days == {
        "events": 7,
        "samples": 30,
        "exponential": 30,
        "spans": 7,
        "findings": 365,
        "audit": 365,
        "rollup_1m": 180,
        "rollup_1h": 730,
    }
    assert (policy.series, policy.disk_budget_bytes) == ((), 0)


def test_what_the_settings_say_may_go_reaches_the_lake(tmp_path) -> None:
    policy = policy_of_the_lake(
        tmp_path,
        lake__retention__events_days=1,
        lake__retention__metrics_days=2,
        lake__retention__spans_days=0,
        lake__retention__findings_days=3,
        lake__retention__audit_days=4,
        lake__retention__rollup_1m_days=5,
        lake__retention__rollup_1h_days=6,
        lake__retention__series=[{"match": 'load{host="a"}', "days": 9}],
        lake__disk_budget_bytes=10**9,
    )
    assert list(policy.days.values()) == [1, 2, 2, 0, 3, 4, 5, 6]
    assert policy.series == (SeriesRule('load{host="a"}', 9),)
    assert policy.disk_budget_bytes == 10**9
