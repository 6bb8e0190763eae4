"""The processes that use most, with a bound on how many series they may make."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from heapq import nlargest
from operator import attrgetter
from typing import NamedTuple

from firstlight.ingest.host.catalog import Labels, Reading
from firstlight.ingest.host.readings import HostSource, ProcessTotals
from firstlight.ports import Clock

OTHER: Labels = (("name", "other"),)
TOP_PROCESSES = 5
MIN_AGE_S = 10.0
NEW_LINES_BURST = 50
NEW_LINES_PER_S = 60 / 3600
MAX_NAME = 64
_NS_PER_S = 1e9


class _Look(NamedTuple):
    started: float
    cpu_s: float
    since_ns: int


class _Use(NamedTuple):
    process: ProcessTotals
    age_s: float
    cpu_ratio: float


class Admission:
    """Decides which processes get a series of their own.

    A new series is for ever in a lake, and a build starts thousands of processes.  So a process must be
    ``MIN_AGE_S`` old, and new ones are let in at ``NEW_LINES_PER_S`` after a first ``NEW_LINES_BURST``: at most 1,490
    a day.  The rest are shown together as ``other``.
    """

    def __init__(self) -> None:
        self._admitted: OrderedDict[Labels, None] = OrderedDict()
        self._allowance = float(NEW_LINES_BURST)
        self._last_ns: int | None = None

    def advance(self, monotonic_ns: int) -> None:
        """Let time earn new admissions."""
        if self._last_ns is not None:
            earned = (monotonic_ns - self._last_ns) / _NS_PER_S * NEW_LINES_PER_S
            self._allowance = min(float(NEW_LINES_BURST), self._allowance + earned)
        self._last_ns = monotonic_ns

    def labels(self, use: "_Use") -> Labels:
        """Return the process's own labels, or ``OTHER``."""
        own: Labels = (("name", _clean(use.process.name)), ("pid", str(use.process.pid)))
        if own in self._admitted:
            self._admitted.move_to_end(own)
            return own
        if use.age_s < MIN_AGE_S or self._allowance < 1:
            return OTHER
        self._allowance -= 1
        self._admitted[own] = None
        if len(self._admitted) > 2 * NEW_LINES_BURST:
            self._admitted.popitem(last=False)
        return own


class ProcessPart:
    """Top processes by cpu and by memory.

    Args:
        source: where processes are read.
        monotonic_ns: what cpu time is divided by; never jumps.
        top: how many of each.
    """

    name = "process"

    def __init__(self, source: HostSource, monotonic_ns: Clock, top: int = TOP_PROCESSES) -> None:
        self._source = source
        self._monotonic_ns = monotonic_ns
        self._top = top
        self._looks: dict[int, _Look] = {}
        self._last_ns: int | None = None
        self._admission = Admission()

    def read(self) -> Iterator[Reading]:
        """See :class:`~firstlight.ingest.host.parts.Part`.  The first look has no cpu shares."""
        monotonic_ns = self._monotonic_ns()
        uses = self._look(monotonic_ns)
        self._admission.advance(monotonic_ns)
        yield "host_processes_count", (), float(len(uses))
        busiest = nlargest(self._top, (use for use in uses if use.cpu_ratio > 0), key=attrgetter("cpu_ratio"))
        largest = nlargest(self._top, uses, key=attrgetter("process.memory_bytes"))
        for labels, cpu_ratio in self._fold((use, use.cpu_ratio) for use in busiest):
            yield "host_process_cpu_ratio", labels, cpu_ratio
        for labels, memory_bytes in self._fold((use, use.process.memory_bytes) for use in largest):
            yield "host_process_memory_bytes", labels, memory_bytes

    def _look(self, monotonic_ns: int) -> list[_Use]:
        before, self._looks = self._looks, {}
        last_ns, self._last_ns = self._last_ns, monotonic_ns
        elapsed_s = 0.0 if last_ns is None else (monotonic_ns - last_ns) / _NS_PER_S
        uses = []
        for process in self._source.processes():
            known = before.get(process.pid)
            if known is None or known.started != process.started:
                # started since the last look, so all its time is in between; at the first look nothing can be said
                since_ns = monotonic_ns if last_ns is not None else monotonic_ns - int(MIN_AGE_S * _NS_PER_S)
                known = _Look(process.started, 0.0, since_ns)
            self._looks[process.pid] = _Look(process.started, process.cpu_s, known.since_ns)
            cpu_ratio = max(0.0, process.cpu_s - known.cpu_s) / elapsed_s if elapsed_s > 0 else 0.0
            uses.append(_Use(process, (monotonic_ns - known.since_ns) / _NS_PER_S, cpu_ratio))
        return uses

    def _fold(self, values: Iterable[tuple[_Use, float]]) -> Iterable[tuple[Labels, float]]:
        folded: dict[Labels, float] = {}
        for use, value in values:
            labels = self._admission.labels(use)
            folded[labels] = folded.get(labels, 0.0) + value
        return folded.items()


def _clean(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name[:MAX_NAME]) or "?"
