"""A week of a fleet, for ``lake_week``: made a day at a time, and no day repeats another.

The series are those of ``lake_workload``: by thirds counters (some restart once a week), two-decimal gauges that are
often held, and latencies that use all bits of a double; one value every 10 s at each host's own moment.
"""

from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from bench.lake_workload import HOSTS, METRICS, SERIES, host_name
from firstlight.model import Event, Level

STEP_MS = 10_000
DAY_MS = 86_400_000
STEPS_PER_DAY = DAY_MS // STEP_MS
SAMPLES_PER_DAY = STEPS_PER_DAY * SERIES
BASE_MS = 1_750_000_000_000 // DAY_MS * DAY_MS
WEEK_DAYS = 7

EVENTS_PER_DAY = 430_000
RARE_PER_DAY = 17
"""Events that contain ``RARE``: some 120 of three million."""

RARE = "Xid 79"
LEVELS = (Level.DEBUG, Level.INFO, Level.WARN, Level.ERROR)
SUBSYSTEMS = ("train", "data", "net", "storage", "sched", "gpu", "web", "auth")

_SEED = 20_260_108
_NS_PER_MS = 1_000_000
_LEVEL_SHARES = (0.2, 0.65, 0.1, 0.05)
_COMPONENTS = ("loader", "worker", "client", "server", "cache")
_NAMES = ("request", "retry", "checkpoint", "connect", "disconnect", "timeout", "step", "login", "flush", "evict")
_VERBS = ("completed", "could not reach", "will retry", "opened a session to", "wrote", "allocated")
_EVENTS_PER_TRACE = 5
_TRACE_DIGITS = 32


class Day(NamedTuple):
    """The samples of a day.

    Attributes:
        times_ms: ``(STEPS_PER_DAY, HOSTS)``; never a whole multiple of 10 s, so no edge of a window lies on one.
        values: ``(STEPS_PER_DAY, SERIES)``, in the order of ``lake_workload.definitions``.
    """

    times_ms: Any
    values: Any

    def part(self, number: int, parts: int) -> tuple[Any, Any]:
        """Return times and values, each ``(steps, SERIES)``, of one of so many parts of the day."""
        steps = slice(number * STEPS_PER_DAY // parts, (number + 1) * STEPS_PER_DAY // parts)
        return np.repeat(self.times_ms[steps], METRICS, axis=1), self.values[steps]


@lru_cache(maxsize=2)
def day(number: int) -> Day:
    """Return the samples of a day of the week, the first being 0."""
    before = _end(number - 1)
    rng = np.random.default_rng([_SEED, number])
    kinds = np.arange(SERIES) % METRICS % 3
    values = np.empty((STEPS_PER_DAY, SERIES))
    values[:, kinds == 0] = _counters(rng, before[kinds == 0], number)
    walks = before[kinds == 1] + np.cumsum(rng.normal(0, 0.2, (STEPS_PER_DAY, before[kinds == 1].size)), axis=0)
    values[:, kinds == 1] = _held(rng, np.abs(walks))
    values[:, kinds == 2] = rng.lognormal(_latency_levels(), 0.6, (STEPS_PER_DAY, int((kinds == 2).sum())))
    late_ms = rng.random((STEPS_PER_DAY, HOSTS)) < 0.1
    times_ms = BASE_MS + number * DAY_MS + np.arange(STEPS_PER_DAY)[:, None] * STEP_MS + _offsets_ms() + late_ms
    return Day(times_ms, values)


@cache
def _end(number: int) -> Any:
    """Return with what each series ends a day."""
    if number < 0:
        return np.where(np.arange(SERIES) % METRICS % 3 == 1, _rng(1).uniform(20, 80, SERIES), 0.0)
    return day(number).values[-1].copy()


def _counters(rng: np.random.Generator, before: Any, number: int) -> Any:
    rates = np.exp(_rng(2).uniform(1.5, 6.0, len(before)))
    totals = before + np.cumsum(rng.poisson(rates, (STEPS_PER_DAY, len(before))), axis=0)
    restarts = _rng(3).integers(1, WEEK_DAYS * STEPS_PER_DAY, len(before))
    restarts[_rng(4).random(len(before)) > 0.3] = -1
    for series in np.flatnonzero(restarts // STEPS_PER_DAY == number):
        step = restarts[series] % STEPS_PER_DAY
        totals[step:, series] -= totals[step, series]
    return totals


def _held(rng: np.random.Generator, walks: Any) -> Any:
    """Return ``walks`` with two decimals, three values in ten held for a step."""
    changes = rng.random(walks.shape) > 0.3
    changes[0] = True
    latest = np.maximum.accumulate(np.where(changes, np.arange(len(walks))[:, None], 0), axis=0)
    return np.round(np.take_along_axis(walks, latest, axis=0), 2)


def _latency_levels() -> Any:
    return _rng(5).uniform(-5, -2, sum(metric % 3 == 2 for metric in range(METRICS)) * HOSTS)


def _offsets_ms() -> Any:
    return _rng(6).integers(1, STEP_MS - 1_000, HOSTS)


def _rng(purpose: int) -> np.random.Generator:
    return np.random.default_rng([_SEED, WEEK_DAYS, purpose])


class _Drawn(NamedTuple):
    """Numbers that the events of a day are made of, each ``(EVENTS_PER_DAY,)``."""

    times_ms: Any
    level: Any
    subsystem: Any
    component: Any
    name: Any
    verb: Any
    shard: Any
    host: Any
    took_ms: Any
    trace: Any
    is_rare: Any


@lru_cache(maxsize=2)
def _drawn(number: int) -> _Drawn:
    rng, count = np.random.default_rng([_SEED, number, 1]), EVENTS_PER_DAY
    is_rare = np.zeros(count, bool)
    is_rare[rng.choice(count, RARE_PER_DAY, replace=False)] = True
    columns = (
        BASE_MS + number * DAY_MS + np.sort(rng.integers(0, DAY_MS, count)),
        rng.choice(len(LEVELS), count, p=_LEVEL_SHARES),
        *(rng.integers(0, len(words), count) for words in (SUBSYSTEMS, _COMPONENTS, _NAMES, _VERBS)),
        rng.integers(0, 100_000, count),
        rng.integers(0, HOSTS, count),
        np.round(rng.lognormal(2, 1, count), 2),
        rng.integers(0, count // _EVENTS_PER_TRACE, count),
        is_rare,
    )
    return _Drawn._make(columns)


def events(number: int, first: int, count: int) -> list[Event]:
    """Return ``count`` events of a day from its ``first`` on: a sentence, three attributes, a trace id."""
    drawn = _Drawn._make(column[first : first + count].tolist() for column in _drawn(number))
    levels = map(LEVELS.__getitem__, drawn.level)
    scopes = map(SUBSYSTEMS.__getitem__, drawn.subsystem), map(_COMPONENTS.__getitem__, drawn.component)
    names = [_NAMES[name] for name in drawn.name]
    hosts = [host_name(host) for host in range(HOSTS)]
    told = zip(names, drawn.verb, drawn.shard, drawn.host, drawn.took_ms, drawn.is_rare, strict=True)
    bodies = [
        f"{name} {_VERBS[verb]} shard {shard} on {hosts[host]} after {took_ms} ms"
        + (f" ({RARE}: the GPU is not on the bus any more)" if rare else "")
        for name, verb, shard, host, took_ms, rare in told
    ]
    attributes = [
        {"host": hosts[host], "shard": shard, "took_ms": took_ms}
        for host, shard, took_ms in zip(drawn.host, drawn.shard, drawn.took_ms, strict=True)
    ]
    ids = _traces(number)
    traces = [ids[trace * _TRACE_DIGITS : (trace + 1) * _TRACE_DIGITS] for trace in drawn.trace]
    times_ns = [time_ms * _NS_PER_MS for time_ms in drawn.times_ms]
    return list(map(Event, times_ns, names, levels, *scopes, bodies, attributes, traces))


def events_by_level(start_ms: int, end_ms: int) -> dict[tuple[int, str], int]:
    """Return how many events from ``start_ms`` to before ``end_ms`` have each level and subsystem."""
    counts = np.zeros(len(LEVELS) * len(SUBSYSTEMS), np.int64)
    for number in range(max(0, (start_ms - BASE_MS) // DAY_MS), -(-(end_ms - BASE_MS) // DAY_MS)):
        drawn = _drawn(number)
        inside = (drawn.times_ms >= start_ms) & (drawn.times_ms < end_ms)
        kinds = drawn.level[inside] * len(SUBSYSTEMS) + drawn.subsystem[inside]
        counts += np.bincount(kinds, minlength=len(counts))
    keys = [(int(level), subsystem) for level in LEVELS for subsystem in SUBSYSTEMS]
    return {key: count for key, count in zip(keys, counts.tolist(), strict=True) if count}


@lru_cache(maxsize=WEEK_DAYS)
def rare_times_ns(number: int) -> list[int]:
    """Return when the rare events of a day are."""
    drawn = _drawn(number)
    return [time_ms * _NS_PER_MS for time_ms in drawn.times_ms[drawn.is_rare].tolist()]


@lru_cache(maxsize=2)
def _traces(number: int) -> str:
    return np.random.default_rng([_SEED, number, 2]).bytes(16 * (EVENTS_PER_DAY // _EVENTS_PER_TRACE)).hex()
