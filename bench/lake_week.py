"""A week of a fleet on one processor core: taking it in with maintenance running, what it takes, and asking for it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from bench import lake_week_data as week
from bench.harness import Bar, Benchmark, Budget, Contender, Group, Running, Shared
from bench.lake_servers import Prometheus, VictoriaMetrics
from bench.lake_week_stores import LARGE_ROWS, LakeWeek, ServerWeek, WeekStore
from bench.lake_workload import HOSTS, METRICS

ROUNDS = week.WEEK_DAYS - 1
"""Each stores a day; the turn before them, which is not counted, stores the first."""

OURS, LARGE = "firstlight", f"firstlight, {LARGE_ROWS:,} a request"
VICTORIA, PROMETHEUS = "victoriametrics*", "prometheus*"

NOTES = f"""\
{METRICS} metrics on {HOSTS} hosts every 10 s, {week.SAMPLES_PER_DAY:,} samples a day for seven days: by thirds counters, 2-decimal gauges,
full doubles; {week.EVENTS_PER_DAY:,} events a day.  Everything runs on one core: stores, their background work and whoever sends.
"""  # noqa: E501


def benchmark() -> Benchmark:
    """Return the page."""
    stores: dict[str, Shared[Any]] = {
        OURS: _shared(LakeWeek),
        LARGE: _shared(partial(LakeWeek, LARGE_ROWS)),
        VICTORIA: _shared(partial(ServerWeek, VictoriaMetrics, {"nocache": "1"})),
        PROMETHEUS: _shared(partial(ServerWeek, Prometheus, {})),
    }
    groups = [_ingest(stores)]
    shared = list(stores.values())
    return Benchmark("lake_week", NOTES, groups, ("duckdb", "pyarrow", "numpy"), ROUNDS, cores=1, shared=shared)


def _shared(make: Callable[[], WeekStore]) -> Shared[Any]:
    return Shared(make, lambda store: store.close())


def _ingest(stores: dict[str, Shared[Any]]) -> Group:
    contenders = [Contender(name, partial(_taking_in, store)) for name, store in stores.items()]
    # What was measured for the design: 600,000 a second with sync against 692,000 and 183,000 without; 1.5 million.
    bars = [
        Bar("samples/s", OURS, VICTORIA, 0.87),
        Bar("samples/s", OURS, PROMETHEUS, 3.3),
        Bar("samples/s", LARGE, VICTORIA, 2.17),
    ]
    budgets = [Budget("p99 ms", OURS, 5), Budget("worst ms", OURS, 150, in_each_round=True)]
    return Group("a day taken in", contenders, bars, frozenset({"samples/s", "settled/s"}), budgets)


def _taking_in(store: Shared[WeekStore]) -> Running:
    return Running(store.get().add_day)
