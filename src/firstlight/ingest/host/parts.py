"""From raw totals to readings, one class per part of a host.

A ratio over time needs two looks: the first look yields none, nor does one after a counter went backwards.
"""

from collections.abc import Iterator
from typing import Protocol

from firstlight.ingest.host.catalog import Labels, Reading
from firstlight.ingest.host.readings import CpuTimes, HostSource

MAX_DEVICES = 64
_COMES_AND_GOES = ("veth", "cali", "lxc", "tap")
_LOAD_WINDOWS = ("1m", "5m", "15m")


class Part(Protocol):
    """One kind of reading, paid for separately.

    Attributes:
        name: label ``part`` of the receiver's own metrics.
    """

    name: str

    def read(self) -> Iterator[Reading]:
        """Yield what is known now."""


class CpuPart:
    """Busy share of each core and modes of all of them."""

    name = "cpu"

    def __init__(self, source: HostSource) -> None:
        self._source = source
        self._before: dict[str, CpuTimes] = {}

    def read(self) -> Iterator[Reading]:
        """See :class:`Part`."""
        now = dict(self._source.cpu())
        before, self._before = self._before, now
        for cpu, times in now.items():
            shares = _shares(before.get(cpu), times)
            if shares is None:
                continue
            yield "host_cpu_busy_ratio", (("cpu", cpu),), shares.user_s + shares.system_s + shares.steal_s
            if cpu == "all":
                for field, share in zip(CpuTimes._fields, shares, strict=True):
                    yield "host_cpu_mode_ratio", (("mode", field.removesuffix("_s")),), share


class MemoryPart:
    """Memory and swap."""

    name = "memory"

    def __init__(self, source: HostSource) -> None:
        self._source = source

    def read(self) -> Iterator[Reading]:
        """See :class:`Part`."""
        memory = self._source.memory()
        used_bytes = memory.total_bytes - memory.available_bytes
        yield "host_memory_total_bytes", (), memory.total_bytes
        yield "host_memory_available_bytes", (), memory.available_bytes
        yield "host_memory_used_bytes", (), used_bytes
        yield "host_memory_used_ratio", (), used_bytes / memory.total_bytes
        yield "host_swap_total_bytes", (), memory.swap_total_bytes
        yield "host_swap_used_bytes", (), memory.swap_used_bytes
        if memory.swap_total_bytes > 0:
            yield "host_swap_used_ratio", (), memory.swap_used_bytes / memory.swap_total_bytes


class SystemPart:
    """Load, uptime and stalls."""

    name = "system"

    def __init__(self, source: HostSource) -> None:
        self._source = source

    def read(self) -> Iterator[Reading]:
        """See :class:`Part`."""
        system = self._source.system()
        if system.loads is not None:
            for window, load in zip(_LOAD_WINDOWS, system.loads, strict=True):
                yield "host_load_average", (("window", window),), load
        yield "host_uptime_seconds", (), system.uptime_s
        yield "host_boot_time_seconds", (), system.boot_time_s
        for (resource, kind), stalled_s in self._source.pressure().items():
            yield "host_pressure_stalled_seconds_total", (("kind", kind), ("resource", resource)), stalled_s


class DiskPart:
    """Traffic of whole disks."""

    name = "disk"

    def __init__(self, source: HostSource) -> None:
        self._source = source

    def read(self) -> Iterator[Reading]:
        """See :class:`Part`."""
        for device, totals in sorted(self._source.disks().items())[:MAX_DEVICES]:
            labels: Labels = (("device", device),)
            yield "host_disk_read_bytes_total", labels, totals.read_bytes
            yield "host_disk_written_bytes_total", labels, totals.written_bytes
            if totals.busy_s is not None:
                yield "host_disk_busy_seconds_total", labels, totals.busy_s


class MountPart:
    """Room on file systems."""

    name = "mount"

    def __init__(self, source: HostSource) -> None:
        self._source = source

    def read(self) -> Iterator[Reading]:
        """See :class:`Part`."""
        for use in self._source.mounts():
            labels: Labels = (("mount", use.mount),)
            yield "host_disk_total_bytes", labels, use.total_bytes
            yield "host_disk_used_bytes", labels, use.used_bytes
            yield "host_disk_free_bytes", labels, use.free_bytes
            if use.used_bytes + use.free_bytes > 0:
                yield "host_disk_used_ratio", labels, use.used_bytes / (use.used_bytes + use.free_bytes)
            if use.inodes_total > 0:
                yield "host_disk_inodes_used_ratio", labels, 1.0 - use.inodes_free / use.inodes_total


class NetworkPart:
    """Traffic of interfaces that have seen any; those that come and go with containers show up on their bridge."""

    name = "network"

    def __init__(self, source: HostSource) -> None:
        self._source = source

    def read(self) -> Iterator[Reading]:
        """See :class:`Part`."""
        used = [(name, totals) for name, totals in sorted(self._source.network().items()) if any(totals)]
        lasting = [(name, totals) for name, totals in used if not name.startswith(_COMES_AND_GOES)]
        for interface, totals in lasting[:MAX_DEVICES]:
            labels: Labels = (("interface", interface),)
            receive: Labels = (("direction", "receive"), *labels)
            send: Labels = (("direction", "send"), *labels)
            yield "host_network_received_bytes_total", labels, totals.received_bytes
            yield "host_network_sent_bytes_total", labels, totals.sent_bytes
            yield "host_network_errors_total", receive, totals.receive_errors
            yield "host_network_errors_total", send, totals.send_errors
            yield "host_network_dropped_total", receive, totals.receive_drops
            yield "host_network_dropped_total", send, totals.send_drops


def _shares(before: CpuTimes | None, now: CpuTimes) -> CpuTimes | None:
    if before is None:
        return None
    # the kernel lets single modes (iowait, idle) step back a little; a sum that does not grow is no measurement
    spent = [max(0.0, later - earlier) for earlier, later in zip(before, now, strict=True)]
    total = sum(spent)
    return CpuTimes(*(mode / total for mode in spent)) if total > 0 else None
