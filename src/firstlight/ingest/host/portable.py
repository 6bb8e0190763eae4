"""Readings through psutil, for systems without a Linux ``/proc``."""

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

import psutil

from firstlight.ingest.host.mounts import MAX_MOUNTS
from firstlight.ingest.host.readings import (
    CpuTimes,
    DiskTotals,
    Memory,
    MountUse,
    NetworkTotals,
    ProcessTotals,
    SystemTotals,
)

_NETWORK_TYPES = frozenset({"nfs", "nfs4", "smbfs", "cifs", "afpfs", "webdav", "ftp", "autofs"})
_ATTRIBUTES = ["name", "create_time", "cpu_times", "memory_info"]


class PsutilSource:
    """Asks psutil."""

    def cpu(self) -> Mapping[str, CpuTimes]:
        """See :class:`~firstlight.ingest.host.readings.HostSource`."""
        times = {str(index): _cpu_times(core) for index, core in enumerate(psutil.cpu_times(percpu=True))}
        return {"all": _cpu_times(psutil.cpu_times()), **times}

    def memory(self) -> Memory:
        """See :class:`~firstlight.ingest.host.readings.HostSource`."""
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        return Memory(memory.total, memory.available, swap.total, swap.used)

    def system(self) -> SystemTotals:
        """See :class:`~firstlight.ingest.host.readings.HostSource`."""
        loads = os.getloadavg() if hasattr(os, "getloadavg") else None
        boot_time_s = psutil.boot_time()
        return SystemTotals(loads, time.time() - boot_time_s, boot_time_s)

    def pressure(self) -> Mapping[tuple[str, str], float]:
        """Nobody but Linux counts stalls."""
        return {}

    def disks(self) -> Mapping[str, DiskTotals]:
        """See :class:`~firstlight.ingest.host.readings.HostSource`."""
        return {name: _disk_totals(disk) for name, disk in (psutil.disk_io_counters(perdisk=True) or {}).items()}

    def mounts(self) -> Iterator[MountUse]:
        """See :class:`~firstlight.ingest.host.readings.HostSource`."""
        local = [part for part in psutil.disk_partitions(all=False) if part.fstype.lower() not in _NETWORK_TYPES]
        for mount in sorted({part.mountpoint for part in local if part.fstype})[:MAX_MOUNTS]:
            try:
                use = psutil.disk_usage(mount)
            except OSError:  # an empty drive, or unmounted meanwhile
                continue
            yield MountUse(mount, use.total, use.used, use.free, 0.0, 0.0)

    def network(self) -> Mapping[str, NetworkTotals]:
        """See :class:`~firstlight.ingest.host.readings.HostSource`."""
        return {
            name: NetworkTotals(net.bytes_recv, net.bytes_sent, net.errin, net.errout, net.dropin, net.dropout)
            for name, net in psutil.net_io_counters(pernic=True).items()
        }

    def processes(self) -> Iterator[ProcessTotals]:
        """See :class:`~firstlight.ingest.host.readings.HostSource`."""
        for process in psutil.process_iter(_ATTRIBUTES):
            name, started, cpu, memory = (process.info[key] for key in _ATTRIBUTES)
            if cpu is not None and memory is not None:  # None: not ours to look at
                yield ProcessTotals(process.pid, name or "", started or 0.0, cpu.user + cpu.system, memory.rss)


def _cpu_times(times: Any) -> CpuTimes:
    system = times.system + sum(getattr(times, name, 0.0) for name in ("irq", "softirq", "interrupt", "dpc"))
    return CpuTimes(
        times.user + getattr(times, "nice", 0.0),
        system,
        getattr(times, "iowait", 0.0),
        getattr(times, "steal", 0.0),
        times.idle,
    )


def _disk_totals(disk: Any) -> DiskTotals:
    busy_ms = getattr(disk, "busy_time", None)
    return DiskTotals(disk.read_bytes, disk.write_bytes, None if busy_ms is None else busy_ms / 1e3)
