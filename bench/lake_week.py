"""A week of a fleet on one processor core: taking it in with maintenance running, what it takes, and asking for it."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench import lake_week_data as week
from bench import lake_week_processes as processes
from bench.harness import Bar, Benchmark, Budget, Contender, Figures, Group, Running, Shared
from bench.lake_servers import Prometheus, VictoriaMetrics
from bench.lake_week_questions import LAST, LEVELS, MINUTES, QUESTIONS, RAW, TEXT, TOP, Asked, Question
from bench.lake_week_stores import LARGE_ROWS, SMALL_ROWS, HalfHotWeek, LakeWeek, ServerWeek, WeekStore
from bench.lake_workload import HOSTS, METRICS

ROUNDS = week.WEEK_DAYS - 1
"""Each stores a day; the turn before them, which is not counted, stores the first."""

REPEATS = 15
OURS, LARGE, HALF_HOT = "firstlight", f"firstlight, {LARGE_ROWS:,} a request", "firstlight, half hot"
VICTORIA, PROMETHEUS = "victoriametrics*", "prometheus*"
LAKE, HUB = "firstlight, lake open", "firstlight up"

NOTES = f"""\
{METRICS} metrics on {HOSTS} hosts every 10 s, {week.SAMPLES_PER_DAY:,} samples a day: by thirds counters, 2-decimal gauges, full doubles.
{week.EVENTS_PER_DAY:,} events a day.  A round stores a day, and one more before them: seven days.
Everything is on one core: stores, their background work, whoever sends or asks.
Taking in: requests of {SMALL_ROWS} samples unless said otherwise, made beforehand; the next is sent when the last is acknowledged.
Firstlight has each on the disk by then.  * VictoriaMetrics and Prometheus sync later and may lose the last seconds.
samples/s:  while a day is taken in; Firstlight seals it meanwhile, and merges and rolls up the day before.
settled/s:  until what there is to do in the background is done too.
p99, worst: of one request.
refused:    requests that had to be sent again because sealing was behind.
Memory:     the most that is resident at once, of a process that only takes {processes.MEMORY_DAYS} days in, which come through a
            pipe, and of the process that maintains its lake.
At rest:    all below the directory counts, as bytes per sample without, per event with the events' segments and what
            lies beside them; of VictoriaMetrics all but its caches, of Prometheus a snapshot.
Reopening:  a new process, from its start until it has the last hour of a series ("in all"); then, cold as well, the last
            value of each series; its peak memory after it has asked all questions three times.  As after pip install
            "firstlight[hub]"; where pandas is installed too, Arrow loads it at the first reading ("pandas there").
Questions:  {REPEATS} a turn, each about another series, metric or day than the one before, and asked twice.  "ms" is the median
            of the second times, as the bars are meant; "another" that of the first times.  Servers are asked on a
            connection that stays open, until the last byte is there; what is in it is read later.  VictoriaMetrics may
            not answer from earlier answers (nocache).  All answers are compared with what was stored.
half hot:   the second half lies in segments as they were sealed, not merged, and the last three hours in logs.
"""  # noqa: E501


def benchmark() -> Benchmark:
    """Return the page."""
    taking: dict[str, Shared[Any]] = {
        OURS: _shared(LakeWeek),
        LARGE: _shared(partial(LakeWeek, LARGE_ROWS)),
        VICTORIA: _shared(partial(ServerWeek, VictoriaMetrics, {"nocache": "1"})),
        PROMETHEUS: _shared(partial(ServerWeek, Prometheus, {})),
    }
    half_hot = _shared(lambda: HalfHotWeek(taking[OURS].get().days))
    asked = {OURS: taking[OURS], HALF_HOT: half_hot, VICTORIA: taking[VICTORIA], PROMETHEUS: taking[PROMETHEUS]}
    groups = [
        _taking_in(taking),
        _memory(),
        _at_rest(taking),
        *(_questions(question, asked) for question in QUESTIONS),
        _reopening(asked),
        _idle(asked),
    ]
    shared = [*taking.values(), half_hot]
    return Benchmark("lake_week", NOTES, groups, ("duckdb", "pyarrow", "numpy"), ROUNDS, cores=1, shared=shared)


def _shared(make: Callable[[], WeekStore]) -> Shared[Any]:
    return Shared(make, lambda store: store.close())


def _taking_in(stores: Mapping[str, Shared[Any]]) -> Group:
    contenders = [Contender(name, partial(_days, store)) for name, store in stores.items()]
    # What was measured for the design: 600,000 a second with sync against 692,000 and 183,000 without; 1.5 million.
    bars = [
        Bar("samples/s", OURS, VICTORIA, 0.87),
        Bar("samples/s", OURS, PROMETHEUS, 3.3),
        Bar("samples/s", LARGE, VICTORIA, 2.17),
    ]
    budgets = [Budget("p99 ms", OURS, 5), Budget("worst ms", OURS, 150, in_each_round=True)]
    return Group("a day taken in", contenders, bars, frozenset({"samples/s", "settled/s"}), budgets)


def _days(store: Shared[WeekStore]) -> Running:
    return Running(store.get().add_day)


def _memory() -> Group:
    budgets = [Budget("both, MB", OURS, 400)]
    return _once("memory", {OURS: lambda: Running(processes.memory_while_taking_in)}, budgets)


def _at_rest(stores: Mapping[str, Shared[Any]]) -> Group:
    def ours() -> Running:
        return Running(partial(_lake_at_rest, stores[OURS].get()))

    def server(name: str) -> Running:
        return Running(partial(_server_at_rest, stores[name].get()))

    starts: dict[str, Callable[[], Running]] = {OURS: ours}
    starts |= {name: partial(server, name) for name in (VICTORIA, PROMETHEUS)}
    return _once("at rest", starts, [Budget("bytes/sample", OURS, 3.05), Budget("bytes/event", OURS, 40)])


def _lake_at_rest(store: LakeWeek) -> Figures:
    store.rest()
    samples, events = store.days * week.SAMPLES_PER_DAY, store.days * week.EVENTS_PER_DAY
    return {
        "bytes/sample": store.size_bytes(with_rollups=False) / samples,
        "with rollups": store.size_bytes(with_rollups=True) / samples,
        "bytes/event": store.events_bytes() / events,
    }


def _server_at_rest(store: ServerWeek) -> Figures:
    peak_bytes = store.server.peak_bytes()
    store.rest()
    samples = store.days * week.SAMPLES_PER_DAY
    return {"bytes/sample": store.size_bytes() / samples, "peak MB": peak_bytes / processes.MEGABYTE}


_QUESTION_BUDGETS_MS = {RAW: 3.0, LEVELS: 20.0, TEXT: 100.0}
_QUESTION_BARS = {MINUTES: 1 / 0.7, TOP: 1 / 3, LAST: 1 / 0.5}


def _questions(question: Question, stores: Mapping[str, Shared[Any]]) -> Group:
    lakes, servers = (OURS, HALF_HOT), (VICTORIA, PROMETHEUS) if question.promql else ()
    contenders = [Contender(name, partial(_asking_lake, question, stores[name])) for name in lakes]
    contenders += [Contender(name, partial(_asking_server, question, stores[name])) for name in servers]
    bars = [Bar("ms", name, VICTORIA, _QUESTION_BARS[question]) for name in lakes if question in _QUESTION_BARS]
    budgets = [Budget("ms", name, _QUESTION_BUDGETS_MS[question]) for name in lakes if question in _QUESTION_BUDGETS_MS]
    return Group(question.name, contenders, bars, budgets=budgets)


def _asking_lake(question: Question, store: Shared[LakeWeek]) -> Running:
    opened = store.get()
    lake = opened.lake
    return Running(_Asking(opened.days, partial(question.lake, lake), question.check_lake).turn)


def _asking_server(question: Question, store: Shared[ServerWeek]) -> Running:
    opened, promql = store.get(), question.promql
    assert promql is not None

    def ask(asked: Asked) -> bytes:
        return opened.ask(*promql(asked))

    return Running(_Asking(opened.days, ask, question.check_server).turn)


class _Asking:
    """Asks one store one question after another, each twice, and compares what it says."""

    def __init__(self, days: int, ask: Callable[[Asked], Any], check: Callable[[Asked, Any], None]) -> None:
        self._days, self._ask, self._check = days, ask, check
        self._number = 0

    def turn(self) -> Figures:
        new_s: list[float] = []
        again_s: list[float] = []
        gc.collect()
        for _ in range(REPEATS):
            asked = Asked(self._days, self._number)
            self._number += 1
            for took_s in (new_s, again_s):
                began_s = time.perf_counter()
                found = self._ask(asked)
                took_s.append(time.perf_counter() - began_s)
                self._check(asked, found)
        medians = {"ms": median(again_s), "ms, another": median(new_s), "worst ms": max(new_s)}
        return {name: 1000 * seconds for name, seconds in medians.items()}


def _reopening(stores: Mapping[str, Shared[Any]]) -> Group:
    def start(name: str, *, with_pandas: bool = False) -> Running:
        store: LakeWeek = stores[name].get()
        return Running(partial(processes.reopening, store.folder, store.days, with_pandas=with_pandas))

    names = (OURS, HALF_HOT)
    contenders = [Contender(name, partial(start, name)) for name in names]
    contenders.append(Contender(f"{OURS}, pandas there", partial(start, OURS, with_pandas=True)))
    return Group("reopening", contenders, budgets=[Budget("in all s", name, 0.5) for name in names])


def _idle(stores: Mapping[str, Shared[Any]]) -> Group:
    def ours(measure: Callable[[Path], Figures]) -> Running:
        store: LakeWeek = stores[OURS].get()
        store.let_go()
        return Running(partial(measure, store.folder))

    def server(name: str) -> Running:
        return Running(partial(processes.idle_server, stores[name].get().server.pid))

    starts = {LAKE: partial(ours, processes.idle_lake), HUB: partial(ours, processes.idle_hub)}
    starts |= {name: partial(server, name) for name in (VICTORIA, PROMETHEUS)}
    return _once("nothing to do", starts, [Budget("idle cpu %", LAKE, 0.5)])


def _once(name: str, starts: Mapping[str, Callable[[], Running]], budgets: Sequence[Budget]) -> Group:
    contenders = [Contender(contender, start) for contender, start in starts.items()]
    return Group(name, contenders, budgets=budgets, once=True)
