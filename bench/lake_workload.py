"""What the lake benchmark stores: samples of a fleet of hosts and their events, the same in every run.

1,000 series: 50 metrics on 20 hosts, one value every 10 s at each host's own moment.  A third of the metrics are
counters (whole numbers, some restart), a third gauges (two decimals, often held), a third latencies (doubles that use
all their bits).  Times are whole milliseconds because some of the peers keep no more.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import numpy as np

from firstlight.model import Batch, Event, Kind, Level, Resource, Series

METRICS, HOSTS = 50, 20
SERIES = METRICS * HOSTS
SERIES_WITHOUT_LATENCIES = sum(metric % 3 != 2 for metric in range(METRICS)) * HOSTS
STEP_MS = 10_000
STEPS = 6_000
BASE_MS = 1_750_000_000_000 // STEP_MS * STEP_MS
RESOURCE = Resource("fleet", "", "bench", 1)

_KINDS = ("counter", "gauge", "latency")
_SEED = 20_260_101
_NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class Rows:
    """Samples in the order they are sent: step after step, in a step host after host.

    Attributes:
        series: ``(n,)`` index of each sample's series, ``host * METRICS + metric``.
        times_ms: ``(n,)``.
        values: ``(n,)``.
    """

    series: Any
    times_ms: Any
    values: Any

    def __len__(self) -> int:
        return len(self.values)

    def without_latencies(self) -> "Rows":
        """Return the rows of counters and gauges only."""
        kept = self.series % METRICS % 3 != 2
        return Rows(self.series[kept], self.times_ms[kept], self.values[kept])

    def pieces(self, size: int) -> Iterator["Rows"]:
        """Yield the rows in batches of ``size``."""
        for at in range(0, len(self), size):
            part = slice(at, at + size)
            yield Rows(self.series[part], self.times_ms[part], self.values[part])


def metric_name(metric: int) -> str:
    """Return the name of a metric."""
    return f"{_KINDS[metric % 3]}_{metric:02d}"


def host_name(host: int) -> str:
    """Return the name of a host."""
    return f"host{host:02d}"


def labels(index: int) -> list[tuple[str, str]]:
    """Return the labels of a series by its index, as Prometheus has them."""
    return [("__name__", metric_name(index % METRICS)), ("host", host_name(index // METRICS))]


@cache
def definitions() -> list[tuple[int, Series]]:
    """Return identity and definition of each series by its index."""
    kinds = (Kind.COUNTER, Kind.GAUGE, Kind.GAUGE)
    found = [
        Series(metric_name(metric), (("host", host_name(host)),), "fleet", kind=kinds[metric % 3])
        for host in range(HOSTS)
        for metric in range(METRICS)
    ]
    return [(series.id(), series) for series in found]


def rows(first_step: int, steps: int) -> Rows:
    """Return the samples of ``steps`` steps; after ``STEPS`` the values begin anew, the times go on."""
    values, offsets_ms = _recording()
    asked = np.arange(first_step, first_step + steps)
    within = asked % STEPS
    times_ms = BASE_MS + asked[:, None] * STEP_MS + offsets_ms[within]
    series = np.broadcast_to(np.arange(SERIES), (steps, SERIES))
    return Rows(series.reshape(-1), np.repeat(times_ms, METRICS, axis=1).reshape(-1), values[within].reshape(-1))


def ids(of: Rows) -> Any:
    """Return the identity of each sample's series."""
    return np.array([series_id for series_id, _ in definitions()], np.int64)[of.series]


def sample_batch(of: Rows) -> Batch:
    """Return samples as Firstlight takes them."""
    batch = Batch(RESOURCE)
    known = definitions()
    batch.series = {known[index][0]: known[index][1] for index in np.unique(of.series).tolist()}
    batch.samples.series_ids = array("q", ids(of).tobytes())
    batch.samples.times_ns = array("q", (of.times_ms * _NS_PER_MS).tobytes())
    batch.samples.values = array("d", np.ascontiguousarray(of.values).tobytes())
    return batch


@cache
def _recording() -> tuple[Any, Any]:
    """Return values ``(STEPS, SERIES)`` and the milliseconds ``(STEPS, HOSTS)`` at which a host is late."""
    rng = np.random.default_rng(_SEED)
    values = np.empty((SERIES, STEPS))
    for index in range(SERIES):
        values[index] = (_counter, _gauge, _latency)[index % METRICS % 3](rng)
    offsets_ms = rng.integers(0, STEP_MS - 1_000, HOSTS) + (rng.random((STEPS, HOSTS)) < 0.1)
    return np.ascontiguousarray(values.T), offsets_ms


def _counter(rng: np.random.Generator) -> Any:
    total = np.cumsum(rng.poisson(np.exp(rng.uniform(1.5, 6.0)), STEPS))
    if rng.random() < 0.3:
        restart = rng.integers(STEPS // 8, STEPS - STEPS // 8)
        total[restart:] -= total[restart]
    return total.astype(float)


def _gauge(rng: np.random.Generator) -> Any:
    walk = np.abs(rng.uniform(20, 80) + np.cumsum(rng.normal(0, 0.2, STEPS)))
    changes = rng.random(STEPS) > 0.3
    changes[0] = True
    return np.round(walk, 2)[np.maximum.accumulate(np.where(changes, np.arange(STEPS), 0))]


def _latency(rng: np.random.Generator) -> Any:
    return rng.lognormal(rng.uniform(-5, -2), 0.6, STEPS)


_SUBSYSTEMS = ("train", "data", "net", "storage", "sched", "gpu", "web", "auth")
_COMPONENTS = ("loader", "worker", "client", "server", "cache")
_NAMES = ("request", "retry", "checkpoint", "connect", "disconnect", "timeout", "step", "login", "flush", "evict")
_VERBS = ("completed", "could not reach", "will retry", "opened a session to", "wrote", "allocated")
_LEVELS = (Level.DEBUG, Level.INFO, Level.WARN, Level.ERROR)
_LEVEL_SHARES = (0.2, 0.65, 0.1, 0.05)
_EVENTS_PER_TRACE = 5
_EVENT_GAP_MS = 200
_EVENT_BLOCK = 10_000


def events(first: int, count: int) -> list[Event]:
    """Return ``count`` events from number ``first`` on, both whole blocks: a sentence, three attributes, a trace id."""
    blocks = range(first // _EVENT_BLOCK, (first + count) // _EVENT_BLOCK)
    return [event for block in blocks for event in _event_block(block * _EVENT_BLOCK)]


def _event_block(first: int) -> list[Event]:
    rng, count = np.random.default_rng([_SEED, first]), _EVENT_BLOCK
    draw = [rng.integers(0, limit, count).tolist() for limit in (8, 5, 10, 6, 100_000, HOSTS, _EVENT_GAP_MS)]
    levels = rng.choice(len(_LEVELS), count, p=_LEVEL_SHARES).tolist()
    took_ms = np.round(rng.lognormal(2, 1, count), 2).tolist()
    traces = [rng.bytes(16).hex() for _ in range(count // _EVENTS_PER_TRACE)]
    which = rng.integers(0, len(traces), count).tolist()
    drawn = zip(*draw, levels, took_ms, which, strict=True)
    return [_event(first + number, traces, *one) for number, one in enumerate(drawn)]


def _event(number: int, traces: list[str], *drawn: Any) -> Event:
    subsystem, component, name, verb, shard, host, late_ms, level, took_ms, trace = drawn
    return Event(
        time_ns=(BASE_MS + number * _EVENT_GAP_MS + late_ms) * _NS_PER_MS,
        name=_NAMES[name],
        level=_LEVELS[level],
        subsystem=_SUBSYSTEMS[subsystem],
        component=_COMPONENTS[component],
        body=f"{_NAMES[name]} {_VERBS[verb]} shard {shard} on {host_name(host)} after {took_ms} ms",
        attributes={"host": host_name(host), "shard": shard, "took_ms": took_ms},
        trace_id=traces[trace],
    )


EVENT_COLUMNS = (
    "time_ns",
    "level_number",
    "subsystem",
    "component",
    "name",
    "body",
    "attributes",
    "trace_id",
    "span_id",
    "service",
    "host",
)


def event_row(event: Event) -> tuple[Any, ...]:
    """Return an event as a row of ``EVENT_COLUMNS``, its attributes as JSON."""
    return (
        event.time_ns,
        int(event.level),
        event.subsystem,
        event.component,
        event.name,
        event.body,
        msgspec.json.encode(event.attributes).decode(),
        event.trace_id,
        event.span_id,
        RESOURCE.service,
        RESOURCE.host,
    )


def event_batch(of: list[Event]) -> Batch:
    """Return events as Firstlight takes them."""
    batch = Batch(RESOURCE)
    batch.events = of
    return batch
