"""When each part is read, what that costs, and the thread that does it."""

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence

import msgspec

from firstlight.errors import Unavailable
from firstlight.ingest.host.catalog import SCOPE, SERVICE, Lines, Reading
from firstlight.ingest.host.linux import LinuxSource
from firstlight.ingest.host.parts import CpuPart, DiskPart, MemoryPart, MountPart, NetworkPart, Part, SystemPart
from firstlight.ingest.host.processes import ProcessPart
from firstlight.ingest.host.readings import HostSource
from firstlight.model import Batch, Event, Level, Resource
from firstlight.ports import Clock, Sink

BUDGET_RATIO = 0.01
INTERVAL_S = 1.0
SLOW_INTERVAL_S = 10.0
MAX_PENDING_BATCHES = 60
STOP_TIMEOUT_S = 5.0
DELIVERY = "delivery"
_NS_PER_S = 1_000_000_000
_SHARES = {"cpu": 0.2, "memory": 0.1, "system": 0.1, "disk": 0.1, "network": 0.1, "mount": 0.05, "process": 0.3}
_COLLECTION_SHARE = 0.05
_SLOW_PARTS = frozenset({"mount"})


class PartCost(msgspec.Struct):
    """What a part has cost so far.

    Attributes:
        cpu_s: CPU time of the reading thread.
        errors: readings that failed.
        interval_s: time to its next reading.
        failing: why the last reading failed; empty when it did not.
    """

    cpu_s: float = 0.0
    errors: int = 0
    interval_s: float = 0.0
    failing: str = ""


class _Slot:
    """A part with its share of the budget.  After a reading of cost ``c`` it rests for at least ``c / budget``."""

    def __init__(self, part: Part, interval_s: float, budget_ratio: float) -> None:
        self.part = part
        self.cost = PartCost(interval_s=interval_s)
        self._interval_s = interval_s
        self._budget_ratio = budget_ratio
        self._rest_until_ns: int | None = None

    def is_due(self, monotonic_ns: int) -> bool:
        return self._rest_until_ns is None or monotonic_ns >= self._rest_until_ns

    def charge(self, monotonic_ns: int, cpu_s: float, tolerance_s: float) -> None:
        stretched_s = cpu_s / self._budget_ratio
        self.cost.cpu_s += cpu_s
        self.cost.interval_s = max(self._interval_s, stretched_s)
        # ticks jitter: a part that is not stretched must not miss the very tick it is meant for
        rest_s = max(self._interval_s - tolerance_s, stretched_s)
        self._rest_until_ns = monotonic_ns + int(rest_s * _NS_PER_S)


class HostReceiver:
    """Reads this host once a second.

    Collecting costs at most ``budget_ratio`` of one core on average: each part owns a share of it, its CPU time is
    measured, and one that is too dear is read less often (``host_collection_interval_seconds{part}``).  What the
    store does with the rows is counted (``part="delivery"``) but not part of the budget.

    Args:
        clock: stamps the samples.
        monotonic_ns: paces the parts; never jumps.
        source: how the host is read; the best one for this system when None.
        interval_s: time between two readings.
        budget_ratio: CPU time per time.
        host: this host's name, also the instance id of its series; the system's own when None.
    """

    def __init__(
        self,
        clock: Clock = time.time_ns,
        monotonic_ns: Clock = time.monotonic_ns,
        *,
        source: HostSource | None = None,
        interval_s: float = INTERVAL_S,
        budget_ratio: float = BUDGET_RATIO,
        host: str | None = None,
    ) -> None:
        self._clock = clock
        self._monotonic_ns = monotonic_ns
        self._interval_s = interval_s
        host = socket.gethostname() if host is None else host
        self._resource = Resource(service=SERVICE, session_id=host, host=host)
        self._lines = Lines(host)
        self._slots = [
            _Slot(part, SLOW_INTERVAL_S if part.name in _SLOW_PARTS else interval_s, budget_ratio * _SHARES[part.name])
            for part in _parts(_best_source() if source is None else source, monotonic_ns)
        ]
        self._slots.append(_Slot(_CollectionPart(self), SLOW_INTERVAL_S, budget_ratio * _COLLECTION_SHARE))
        self._delivery = PartCost()
        self._dropped_rows = 0
        self._pending: deque[Batch] = deque()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def costs(self) -> dict[str, PartCost]:
        """Return what each part has cost so far, and under ``delivery`` what handing over has."""
        return {**{slot.part.name: slot.cost for slot in self._slots}, DELIVERY: self._delivery}

    @property
    def dropped_rows(self) -> int:
        """Rows that the sink did not take in time or refused."""
        return self._dropped_rows

    def collect(self, now_ns: int) -> Batch:
        """Read the parts that are due and return their samples, all stamped ``now_ns``; never raises."""
        batch = Batch(self._resource)
        for slot in self._slots:
            monotonic_ns = self._monotonic_ns()
            if slot.is_due(monotonic_ns):
                began_s = time.thread_time()
                self._read(slot, batch, now_ns)
                slot.charge(monotonic_ns, time.thread_time() - began_s, self._interval_s / 2)
        return batch

    def start(self, sink: Sink) -> None:
        """See :class:`~firstlight.ports.Receiver`."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, args=(sink,), name="firstlight-host", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """See :class:`~firstlight.ports.Receiver`.  A reading that hangs in the kernel is not waited for."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping.set()
            thread.join(STOP_TIMEOUT_S)

    def _read(self, slot: _Slot, batch: Batch, now_ns: int) -> None:
        try:
            for name, labels, value in slot.part.read():
                series_id, series = self._lines.get(name, labels)
                batch.series[series_id] = series
                batch.samples.add(series_id, now_ns, value)
            problem = ""
        except Exception as error:  # noqa: BLE001 - whatever a kernel or a driver does to one part, the others go on
            slot.cost.errors += 1
            problem = f"{type(error).__name__}: {error}"
        if bool(problem) != bool(slot.cost.failing):
            batch.events.append(_turn_event(now_ns, slot.part.name, problem))
        slot.cost.failing = problem

    def _run(self, sink: Sink) -> None:
        interval_ns = int(self._interval_s * _NS_PER_S)
        due_ns = self._monotonic_ns()
        while not self._stopping.is_set():
            batch = self.collect(self._clock())
            began_s = time.thread_time()
            if len(batch) > 0:
                self._pending.append(batch)
            self._deliver(sink)
            self._delivery.cpu_s += time.thread_time() - began_s
            now_ns = self._monotonic_ns()
            due_ns = max(due_ns + interval_ns, now_ns)  # after a pause it goes on, it does not catch up
            self._stopping.wait((due_ns - now_ns) / _NS_PER_S)
        self._deliver(sink)

    def _deliver(self, sink: Sink) -> None:
        while len(self._pending) > MAX_PENDING_BATCHES:
            self._dropped_rows += len(self._pending.popleft())
        if not self._pending:
            return
        try:
            sink(list(self._pending))
        except Unavailable as error:
            self._delivery.failing = str(error)
            self._delivery.errors += 1
        except Exception as error:  # noqa: BLE001 - a store that fails must not end the receiver; its rows are counted as lost
            self._delivery.failing = f"{type(error).__name__}: {error}"
            self._delivery.errors += 1
            self._drop_pending()
        else:
            self._delivery.failing = ""
            self._pending.clear()

    def _drop_pending(self) -> None:
        self._dropped_rows += sum(map(len, self._pending))
        self._pending.clear()


class _CollectionPart:
    """The receiver's own cost."""

    name = "collection"

    def __init__(self, receiver: HostReceiver) -> None:
        self._receiver = receiver

    def read(self) -> Iterator[Reading]:
        for part, cost in self._receiver.costs().items():
            labels = (("part", part),)
            yield "host_collection_seconds_total", labels, cost.cpu_s
            yield "host_collection_errors_total", labels, float(cost.errors)
            if part != DELIVERY:
                yield "host_collection_interval_seconds", labels, cost.interval_s
        yield "host_collection_dropped_rows_total", (), float(self._receiver.dropped_rows)


def _parts(source: HostSource, monotonic_ns: Clock) -> Sequence[Part]:
    return (
        CpuPart(source),
        MemoryPart(source),
        SystemPart(source),
        DiskPart(source),
        NetworkPart(source),
        MountPart(source),
        ProcessPart(source, monotonic_ns),
    )


def _best_source() -> HostSource:
    if os.path.exists("/proc/meminfo"):
        return LinuxSource()
    from firstlight.ingest.host.portable import PsutilSource

    return PsutilSource()


def _turn_event(now_ns: int, part: str, problem: str) -> Event:
    if problem:
        body = f"reading {part} of this host fails: {problem}"
        return Event(now_ns, "collection_failed", Level.WARN, SCOPE, part, body, {"part": part, "error": problem})
    body = f"reading {part} of this host works again"
    return Event(now_ns, "collection_recovered", Level.INFO, SCOPE, part, body, {"part": part})
