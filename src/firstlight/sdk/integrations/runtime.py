"""What the process itself is like: processor time, memory, files, threads, garbage collection, the event loop's lag.

Names are those of prometheus_client's ``process_*``, ``python_gc_*`` and ``python_info`` where it has them.  What the
system does not tell is left out: resident and virtual memory, native threads and open files are read from Linux'
``/proc``, files also from ``/dev/fd``, peak memory and limits through ``resource``, where there is one.
"""

import gc
import os
import platform
import threading
from collections.abc import Callable, Iterator
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from firstlight.model import Kind, Series
from firstlight.sdk.metrics.histogram import Histogram
from firstlight.sdk.metrics.observable import Reading

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from firstlight.sdk.client import Telemetry

SCOPE = "python.runtime"
INTERVAL_S = 10.0
LAG_INTERVAL_S = 0.25

PAUSE_BOUNDS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
LAG_BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_C, _G, _I = Kind.COUNTER, Kind.GAUGE, Kind.INFO
METRICS: dict[str, tuple[Kind, str, str]] = {
    "process_cpu_seconds_total": (_C, "s", "Processor time used, by the process and the system for it."),
    "process_resident_memory_bytes": (_G, "By", "Memory in use."),
    "process_resident_memory_peak_bytes": (_G, "By", "Most memory that was in use at once."),
    "process_virtual_memory_bytes": (_G, "By", "Address space."),
    "process_start_time_seconds": (_G, "s", "When it started, since the epoch."),
    "process_open_fds": (_G, "{file}", "Open files, sockets and the like."),
    "process_max_fds": (_G, "{file}", "How many may be open."),
    "process_threads": (_G, "{thread}", "Threads that the system knows of."),
    "process_context_switches_total": (_C, "{switch}", "Times it gave up the processor or lost it."),
    "python_threads": (_G, "{thread}", "Threads that Python knows of."),
    "python_gc_collections_total": (_C, "{run}", "Runs of the garbage collector."),
    "python_gc_objects_collected_total": (_C, "{object}", "Objects it freed."),
    "python_gc_objects_uncollectable_total": (_C, "{object}", "Objects it could not free."),
    "python_info": (_I, "", "Which Python this is."),
}
_PAUSE = ("python_gc_pause_seconds", "Time that a run of the garbage collector held up the program.")
_LAG = ("python_event_loop_lag_seconds", "How much later than asked for the event loop ran a callback.")

Labels = tuple[tuple[str, str], ...]
Figure = tuple[str, Labels, float]


def instrument_runtime(telemetry: "Telemetry", interval_s: float = INTERVAL_S) -> Callable[[], None]:
    """Report what the process is like, read at most every ``interval_s`` seconds; return a function that ends it.

    Where it is reported already nothing changes.
    """
    if telemetry.registry.asks(Runtime):
        return _nothing
    pauses = telemetry.scope(SCOPE).histogram(
        _PAUSE[0], help=_PAUSE[1], labels=("generation",), buckets=PAUSE_BOUNDS_S, exemplars=False
    )
    runtime = Runtime(interval_s)
    watch = _pause_watch([pauses.labels(generation) for generation in range(len(gc.get_stats()))])
    telemetry.registry.add_source(runtime)
    gc.callbacks.append(watch)

    def undo() -> None:
        telemetry.registry.remove_source(runtime)
        if watch in gc.callbacks:
            gc.callbacks.remove(watch)

    return undo


def watch_event_loop(
    telemetry: "Telemetry", loop: "AbstractEventLoop | None" = None, interval_s: float = LAG_INTERVAL_S
) -> Callable[[], None]:
    """Measure every ``interval_s`` seconds how late ``loop`` runs what is due; return a function that ends it.

    Args:
        telemetry: the recorder.
        loop: one that runs on this thread, or not at all yet; None is the running one.
        interval_s: seconds between two measurements.
    """
    # Here, because it takes longer to load than all of this package, and who has a loop has loaded it.
    from asyncio import get_running_loop

    lags = telemetry.scope(SCOPE).histogram(_LAG[0], help=_LAG[1], buckets=LAG_BOUNDS_S, exemplars=False)
    return _LagWatch(loop or get_running_loop(), lags, interval_s).stop


class Runtime:
    """Reads the figures of this process, a source of the registry.

    Args:
        interval_s: seconds for which a reading is good.
    """

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._read_at_s = -interval_s
        self._readings: list[Reading] = []
        self._pid = 0
        self._constant: list[Figure] = []

    def read(self) -> list[Reading]:
        """Return the present figures, or those of less than ``interval_s`` ago."""
        now_s = monotonic()
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._constant = [*_python_info(), *_start_time()]
        elif now_s - self._read_at_s < self._interval_s:
            return self._readings
        self._read_at_s = now_s
        found = [*self._constant, *_times(), *_memory_and_threads(), *_files(), *_garbage()]
        self._readings = [Reading(_series(name, labels), value) for name, labels, value in found]
        return self._readings


class _LagWatch:
    """Asks the loop for a callback again and again; the loop forgets it when it is closed."""

    def __init__(self, loop: "AbstractEventLoop", lags: Histogram, interval_s: float) -> None:
        self._loop = loop
        self._observe = lags.observe
        self._interval_s = interval_s
        self._due_s = loop.time() + interval_s
        self._handle = loop.call_at(self._due_s, self._ring)

    def stop(self) -> None:
        """End it; to be called from the loop's thread."""
        self._handle.cancel()

    def _ring(self) -> None:
        now_s = self._loop.time()
        self._observe(max(0.0, now_s - self._due_s))
        self._due_s = now_s + self._interval_s
        self._handle = self._loop.call_at(self._due_s, self._ring)


def _nothing() -> None:
    """Undo nothing."""


def _pause_watch(lines: list[Histogram]) -> Callable[[str, dict[str, Any]], None]:
    # Bound beforehand: it runs inside the collector, between any two lines of the host.
    observers = [line.observe for line in lines]
    started_s = 0.0

    def watch(phase: str, info: dict[str, Any]) -> None:
        nonlocal started_s
        if phase == "start":
            started_s = perf_counter()
        elif started_s and info["generation"] < len(observers):
            observers[info["generation"]](perf_counter() - started_s)

    return watch


def _series(name: str, labels: Labels) -> Series:
    kind, unit, description = METRICS[name]
    return Series(name, labels, "", "", SCOPE, "value", kind, unit, description)


def _python_info() -> Iterator[Figure]:
    major, minor, patch = platform.python_version_tuple()
    facts = {
        "implementation": platform.python_implementation(),
        "major": major,
        "minor": minor,
        "patchlevel": patch,
        "version": platform.python_version(),
    }
    yield "python_info", tuple(facts.items()), 1.0


def _start_time() -> Iterator[Figure]:
    try:
        with open("/proc/stat", "rb") as stat:
            boot_s = next(float(line.split()[1]) for line in stat if line.startswith(b"btime "))
        yield "process_start_time_seconds", (), boot_s + float(_stat_fields()[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration):
        return


def _times() -> Iterator[Figure]:
    times = os.times()
    yield "process_cpu_seconds_total", (), times.user + times.system
    try:
        import resource
    except ImportError:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    # macOS counts bytes where others count kilobytes.
    unit_bytes = 1 if platform.system() == "Darwin" else 1024
    yield "process_resident_memory_peak_bytes", (), float(usage.ru_maxrss * unit_bytes)
    yield "process_context_switches_total", (("kind", "voluntary"),), float(usage.ru_nvcsw)
    yield "process_context_switches_total", (("kind", "involuntary"),), float(usage.ru_nivcsw)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit != resource.RLIM_INFINITY:
        yield "process_max_fds", (), float(limit)


def _memory_and_threads() -> Iterator[Figure]:
    yield "python_threads", (), float(threading.active_count())
    try:
        fields = _stat_fields()
        threads, virtual_bytes, resident_pages = (float(fields[at]) for at in (17, 20, 21))
    except (OSError, ValueError, IndexError):
        return
    yield "process_threads", (), threads
    yield "process_virtual_memory_bytes", (), virtual_bytes
    yield "process_resident_memory_bytes", (), resident_pages * os.sysconf("SC_PAGE_SIZE")


def _files() -> Iterator[Figure]:
    for directory in ("/proc/self/fd", "/dev/fd"):
        try:
            # The listing itself holds one open.
            yield "process_open_fds", (), float(len(os.listdir(directory)) - 1)
        except OSError:
            continue
        return


def _garbage() -> Iterator[Figure]:
    for generation, stats in enumerate(gc.get_stats()):
        labels = (("generation", str(generation)),)
        yield "python_gc_collections_total", labels, float(stats["collections"])
        yield "python_gc_objects_collected_total", labels, float(stats["collected"])
        yield "python_gc_objects_uncollectable_total", labels, float(stats["uncollectable"])


def _stat_fields() -> list[bytes]:
    """Return the fields of proc(5)'s ``stat`` from the third, the state, on."""
    with open("/proc/self/stat", "rb") as stat:
        # The second field is the name, in brackets, and may hold anything.
        return stat.read().rpartition(b")")[2].split()
