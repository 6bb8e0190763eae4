"""A proc tree on disk that a test can change, as a container or another machine would show it."""

from pathlib import Path

MEMINFO = """\
MemTotal:        1000 kB
MemFree:          100 kB
MemAvailable:     400 kB
Buffers:           50 kB
Cached:           150 kB
SwapTotal:        200 kB
SwapFree:         150 kB
HugePages_Total:    0
"""
DISKSTATS = """\
   7       0 loop0 9 0 9 0 9 0 9 0 0 9 9 0 0 0 0 0 0
 259       0 nvme0n1 100 0 2000 7 50 0 1000 20 0 1500 28 7 23 8 5 3 6
 259       1 nvme0n1p1 100 0 2000 7 50 0 1000 20 0 1500 28 7 23 8 5 3 6
"""
NET_DEV = """\
Inter-|   Receive                                        |  Transmit
 face |bytes packets errs drop fifo frame comp multicast|bytes packets errs drop fifo colls carrier comp
    lo:       0       0    0    0    0     0    0     0        0       0    0    0    0     0       0     0
  eth0:    1000      10    1    2    0     0    0     0     2000      20    3    4    0     0       0     0
vethab1:    777       7    0    0    0     0    0     0      777       7    0    0    0     0       0     0
"""
PRESSURE = """\
some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000
full avg10=0.00 avg60=0.00 avg300=0.00 total=1500000
"""


class HostTree:
    """Writes what procfs and sysfs would say."""

    def __init__(self, root: Path) -> None:
        self.proc, self.sys = root / "proc", root / "sys"
        (self.sys / "block" / "nvme0n1").mkdir(parents=True)
        self.disk = root / "a disk"
        self.disk.mkdir()
        self.write("meminfo", MEMINFO)
        self.write("loadavg", "0.50 0.25 0.10 1/99 4242\n")
        self.write("uptime", "1234.56 2000.00\n")
        self.write("diskstats", DISKSTATS)
        self.write("self/net/dev", NET_DEV)
        self.write("filesystems", "nodev\tsysfs\nnodev\ttmpfs\nnodev\tnfs4\n\text4\n\tsquashfs\n")
        self.mounts(("/dev/nvme0n1p1", self.disk, "ext4"))
        for resource in ("cpu", "memory", "io"):
            self.write(f"pressure/{resource}", PRESSURE)
        self.cpu([100, 0, 50, 800, 50, 0, 0, 0, 0, 0])

    def write(self, name: str, text: str) -> None:
        path = self.proc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def mounts(self, *rows: tuple[str, object, str]) -> None:
        lines = [f"{device} {str(mount).replace(' ', chr(92) + '040')} {kind} rw 0 0" for device, mount, kind in rows]
        self.write("self/mounts", "\n".join(lines) + "\n")

    def cpu(self, *cores: list[int]) -> None:
        together = [sum(column) for column in zip(*cores, strict=True)]
        rows = [("cpu ", together), *((f"cpu{at}", core) for at, core in enumerate(cores))]
        lines = [f"{name} {' '.join(map(str, ticks))}" for name, ticks in rows]
        self.write("stat", "\n".join([*lines, "intr 5 0 0", "ctxt 7", "btime 1700000000", "processes 9"]) + "\n")

    def process(
        self, pid: int, name: str, *, ticks: int = 0, pages: int = 1, started: int = 1, parent: int = 1
    ) -> None:
        head = f"{pid} ({name}) S {parent} 1 1 0 -1 0 0 0 0 0"
        self.write(f"{pid}/stat", f"{head} {ticks} 0 0 0 20 0 1 0 {started} 4096 {pages} 1844 1 1\n")

    def end(self, pid: int) -> None:
        (self.proc / str(pid) / "stat").unlink()
        (self.proc / str(pid)).rmdir()
