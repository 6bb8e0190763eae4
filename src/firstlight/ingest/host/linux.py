"""Readings straight from ``/proc`` (Linux, ``proc(5)``): ten times cheaper than going through psutil's objects."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from firstlight.ingest.host.mounts import local_mounts
from firstlight.ingest.host.readings import (
    CpuTimes,
    DiskTotals,
    Memory,
    MountUse,
    NetworkTotals,
    ProcessTotals,
    SystemTotals,
)

_SECTOR_BYTES = (
    512  # the unit of /proc/diskstats whatever the device's own sector size (Documentation/admin-guide/iostats)
)
_TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_KTHREADD_PID = b"2"
_STAT_BYTES = 4096
_MICROSECONDS_PER_S = 1e6
_PRESSURE = ("cpu", "memory", "io")


class LinuxSource:
    """Reads a proc tree.

    Args:
        proc: where procfs is mounted; a container may see its host's under another path.
        sys: where sysfs is mounted.
    """

    def __init__(self, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> None:
        self._proc = os.fspath(proc)
        self._block = os.path.join(os.fspath(sys), "block")
        self._whole: dict[str, bool] = {}
        self._boot_time_s: float | None = None

    def cpu(self) -> Mapping[str, CpuTimes]:
        """See :class:`~firstlight.ingest.host.readings.HostSource`."""
        data = self._read("stat")
        lines = data[: data.find(b"\nintr")].splitlines()
        return dict(_cpu_line(line) for line in lines if line.startswith(b"cpu"))

    def memory(self) -> Memory:
        """See :class:`~firstlight.ingest.host.readings.HostSource`."""
        sizes = {key: int(rest.split(None, 1)[0]) * 1024.0 for key, _, rest in _fields(self._read("meminfo")) if rest}
        free = sizes[b"MemFree"] + sizes.get(b"Buffers", 0.0) + sizes.get(b"Cached", 0.0)
        swap_total = sizes.get(b"SwapTotal", 0.0)
        return Memory(
            sizes[b"MemTotal"],
            sizes.get(b"MemAvailable", free),
            swap_total,
            swap_total - sizes.get(b"SwapFree", 0.0),
        )

    def system(self) -> SystemTotals:
        """See :class:`~firstlight.ingest.host.readings.HostSource`."""
        one, five, fifteen = map(float, self._read("loadavg").split()[:3])
        if self._boot_time_s is None:
            stat = self._read("stat")
            self._boot_time_s = float(stat[stat.index(b"\nbtime ") :].split(None, 2)[1])
        return SystemTotals((one, five, fifteen), float(self._read("uptime").split()[0]), self._boot_time_s)

    def pressure(self) -> Mapping[tuple[str, str], float]:
        """See :class:`~firstlight.ingest.host.readings.HostSource`."""
        stalled: dict[tuple[str, str], float] = {}
        for resource in _PRESSURE:
            try:
                data = self._read(f"pressure/{resource}")
            except OSError:  # kernels before 4.20, or booted with psi=0
                continue
            for line in data.splitlines():
                kind, total = line.partition(b" ")[0], line.rpartition(b"total=")[2]
                stalled[resource, kind.decode()] = int(total) / _MICROSECONDS_PER_S
        return stalled

    def disks(self) -> Mapping[str, DiskTotals]:
        """See :class:`~firstlight.ingest.host.readings.HostSource`."""
        totals = {}
        for line in self._read("diskstats").splitlines():
            fields = line.split()
            name = fields[2].decode()
            if self._is_whole_disk(name):
                read, written, busy_ms = int(fields[5]), int(fields[9]), int(fields[12])
                totals[name] = DiskTotals(read * _SECTOR_BYTES, written * _SECTOR_BYTES, busy_ms / 1e3)
        return totals

    def mounts(self) -> Iterator[MountUse]:
        """See :class:`~firstlight.ingest.host.readings.HostSource`."""
        for mount in local_mounts(self._read("self/mounts"), self._read("filesystems")):
            try:
                use = os.statvfs(mount)
            except OSError:  # unmounted meanwhile, or not ours to look at
                continue
            unit = use.f_frsize
            used = (use.f_blocks - use.f_bfree) * unit
            yield MountUse(mount, use.f_blocks * unit, used, use.f_bavail * unit, use.f_files, use.f_ffree)

    def network(self) -> Mapping[str, NetworkTotals]:
        """See :class:`~firstlight.ingest.host.readings.HostSource`."""
        totals = {}
        for name, colon, rest in _fields(self._read("self/net/dev")):
            if colon and b"|" not in name:
                values = [float(text) for text in rest.split()]
                totals[name.strip().decode()] = NetworkTotals(
                    values[0], values[8], values[2], values[10], values[3], values[11]
                )
        return totals

    def processes(self) -> Iterator[ProcessTotals]:
        """See :class:`~firstlight.ingest.host.readings.HostSource`.  One small file per process is opened."""
        for entry in os.listdir(self._proc):
            if entry.isdigit():
                try:
                    descriptor = os.open(f"{self._proc}/{entry}/stat", os.O_RDONLY)
                except OSError:  # gone meanwhile, or hidden by hidepid
                    continue
                try:
                    data = os.read(descriptor, _STAT_BYTES)
                except OSError:  # gone between open and read
                    continue
                finally:
                    os.close(descriptor)
                yield _process_line(int(entry), data)

    def _read(self, name: str) -> bytes:
        with open(f"{self._proc}/{name}", "rb", buffering=0) as file:
            return file.readall()

    def _is_whole_disk(self, name: str) -> bool:
        known = self._whole.get(name)
        if known is None:
            virtual = name.startswith(("loop", "ram", "zram", "fd", "sr"))
            known = not virtual and os.path.isdir(f"{self._block}/{name.replace('/', '!')}")
            self._whole[name] = known
        return known


def _fields(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    return (line.partition(b":") for line in data.splitlines())


def _cpu_line(line: bytes) -> tuple[str, CpuTimes]:
    label, *ticks = line.split()
    # guest time is already inside user time; columns beyond idle are missing on very old kernels
    user, nice, system, idle, iowait, irq, softirq, steal = ([float(t) / _TICKS_PER_S for t in ticks] + [0.0] * 8)[:8]
    name = label[3:].decode() or "all"
    return name, CpuTimes(user + nice, system + irq + softirq, iowait, steal, idle)


def _process_line(pid: int, data: bytes) -> ProcessTotals:
    opened, closed = data.index(b"("), data.rindex(b")")  # a name may itself contain brackets and blanks
    name = data[opened + 1 : closed]
    fields = data[closed + 2 :].split(None, 22)
    if fields[1] == _KTHREADD_PID:
        name = name.partition(b"/")[0]  # kworker/0:1-events and the like: one name per kind, not per queue
    cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    return ProcessTotals(
        pid, name.decode("utf-8", "replace"), float(fields[19]), cpu_s, int(fields[21]) * float(_PAGE_BYTES)
    )
