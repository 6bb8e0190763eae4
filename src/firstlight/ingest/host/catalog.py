"""The metrics of a host: kind, unit (UCUM) and one line of help each."""

from firstlight.model import Kind, Series

SERVICE = "host"
SCOPE = "host"
MAX_LINES = 4096

Labels = tuple[tuple[str, str], ...]
"""Sorted by key, no empty values; see :class:`~firstlight.model.Series`."""

Reading = tuple[str, Labels, float]
"""Metric name, labels, value."""

_G, _C = Kind.GAUGE, Kind.COUNTER

METRICS: dict[str, tuple[Kind, str, str]] = {
    "host_cpu_busy_ratio": (_G, "1", "Share of time a core (or all together) was neither idle nor waiting for a disk."),
    "host_cpu_mode_ratio": (_G, "1", "Share of all cores' time by what it was spent on; the modes add up to one."),
    "host_load_average": (_G, "1", "Tasks running or waiting, averaged by the kernel over the window."),
    "host_memory_total_bytes": (_G, "By", "Size of memory."),
    "host_memory_available_bytes": (_G, "By", "Memory that can be had without swapping."),
    "host_memory_used_bytes": (_G, "By", "Memory that is not available."),
    "host_memory_used_ratio": (_G, "1", "Share of memory that is not available."),
    "host_swap_total_bytes": (_G, "By", "Size of swap."),
    "host_swap_used_bytes": (_G, "By", "Swap in use."),
    "host_swap_used_ratio": (_G, "1", "Share of swap in use; absent where there is no swap."),
    "host_pressure_stalled_seconds_total": (_C, "s", "Time in which some, or all, tasks waited for the resource."),
    "host_disk_total_bytes": (_G, "By", "Size of the file system."),
    "host_disk_used_bytes": (_G, "By", "Used part of the file system."),
    "host_disk_free_bytes": (_G, "By", "Part of the file system that an ordinary user may still write."),
    "host_disk_used_ratio": (_G, "1", "Used share of what an ordinary user may use, as df shows it."),
    "host_disk_inodes_used_ratio": (_G, "1", "Used share of the file system's inodes."),
    "host_disk_read_bytes_total": (_C, "By", "Bytes read from the device."),
    "host_disk_written_bytes_total": (_C, "By", "Bytes written to the device."),
    "host_disk_busy_seconds_total": (_C, "s", "Time in which the device had a request under way."),
    "host_network_received_bytes_total": (_C, "By", "Bytes received."),
    "host_network_sent_bytes_total": (_C, "By", "Bytes sent."),
    "host_network_errors_total": (_C, "{packet}", "Packets lost to errors."),
    "host_network_dropped_total": (_C, "{packet}", "Packets dropped."),
    "host_processes_count": (_G, "{process}", "Processes that can be seen."),
    "host_process_cpu_ratio": (_G, "1", "Cores a process kept busy; 1 is one whole core."),
    "host_process_memory_bytes": (_G, "By", "Resident memory of a process, shared pages included."),
    "host_uptime_seconds": (_G, "s", "Time since boot."),
    "host_boot_time_seconds": (_G, "s", "When it booted, seconds since the epoch."),
    "host_collection_seconds_total": (_C, "s", "CPU time this receiver spent, by part."),
    "host_collection_errors_total": (_C, "{error}", "Readings that failed, by part."),
    "host_collection_interval_seconds": (_G, "s", "Time between two readings of a part; longer when it is dear."),
    "host_collection_dropped_rows_total": (_C, "{row}", "Rows the store did not take in time."),
}


class Lines:
    """Makes each series once and remembers its id.

    Args:
        instance: the host's name; it keeps the series of two hosts in one lake apart.
    """

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._known: dict[tuple[str, Labels], tuple[int, Series]] = {}

    def get(self, name: str, labels: Labels) -> tuple[int, Series]:
        """Return the id and the series; both are forgotten now and then, so processes that ended do not pile up."""
        line = self._known.get((name, labels))
        if line is None:
            if len(self._known) >= MAX_LINES:
                self._known.clear()
            kind, unit, description = METRICS[name]
            series = Series(name, labels, SERVICE, self._instance, SCOPE, "value", kind, unit, description)
            line = self._known[name, labels] = (series.id(), series)
        return line

    def __len__(self) -> int:
        return len(self._known)
