"""What a source tells about a host at one moment: raw totals, before anything is divided by anything."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol


class CpuTimes(NamedTuple):
    """Seconds since boot by what the time was spent on; the five add up to all of it."""

    user_s: float
    system_s: float
    iowait_s: float
    steal_s: float
    idle_s: float


class Memory(NamedTuple):
    """``available_bytes`` is what could be had without swapping, caches given up included."""

    total_bytes: float
    available_bytes: float
    swap_total_bytes: float
    swap_used_bytes: float


class MountUse(NamedTuple):
    """``free_bytes`` is what an ordinary user may still write; ``inodes_total`` is 0 where there is no such limit."""

    mount: str
    total_bytes: float
    used_bytes: float
    free_bytes: float
    inodes_total: float
    inodes_free: float


class DiskTotals(NamedTuple):
    """``busy_s`` is time with at least one request under way; None where the system does not tell."""

    read_bytes: float
    written_bytes: float
    busy_s: float | None


class NetworkTotals(NamedTuple):
    """Of one interface, since it came up."""

    received_bytes: float
    sent_bytes: float
    receive_errors: float
    send_errors: float
    receive_drops: float
    send_drops: float


class ProcessTotals(NamedTuple):
    """``started`` only tells a process from an earlier one with the same ``pid``; its unit is the source's own."""

    pid: int
    name: str
    started: float
    cpu_s: float
    memory_bytes: float


class SystemTotals(NamedTuple):
    """Loads over 1, 5 and 15 minutes (None where the system has none) and when it all began."""

    loads: tuple[float, float, float] | None
    uptime_s: float
    boot_time_s: float


class HostSource(Protocol):
    """One way to ask an operating system.  Any method may raise ``OSError`` when its answer cannot be had."""

    def cpu(self) -> Mapping[str, CpuTimes]:
        """Return times by core number, and of all cores together under ``all``."""

    def memory(self) -> Memory:
        """Return sizes of memory and swap."""

    def system(self) -> SystemTotals:
        """Return loads and uptime."""

    def pressure(self) -> Mapping[tuple[str, str], float]:
        """Return seconds stalled by (resource, ``some`` or ``full``); empty where the kernel does not count them."""

    def disks(self) -> Mapping[str, DiskTotals]:
        """Return totals of whole disks by device name."""

    def mounts(self) -> Iterable[MountUse]:
        """Return the use of local file systems; never touches one that could block on a network."""

    def network(self) -> Mapping[str, NetworkTotals]:
        """Return totals by interface."""

    def processes(self) -> Iterable[ProcessTotals]:
        """Return every process that can be seen; one that vanishes meanwhile is left out."""
