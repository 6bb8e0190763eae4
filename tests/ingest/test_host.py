import os
import threading
import time

import psutil
import pytest

from firstlight import plugins
from firstlight.errors import StorageError, StorageFull
from firstlight.ingest.host import HostReceiver
from firstlight.ingest.host.catalog import MAX_LINES, METRICS, Lines
from firstlight.ingest.host.linux import LinuxSource
from firstlight.ingest.host.mounts import local_mounts
from firstlight.ingest.host.portable import PsutilSource
from firstlight.ingest.host.processes import MIN_AGE_S, NEW_LINES_BURST, NEW_LINES_PER_S, TOP_PROCESSES
from firstlight.model import Batch, Level
from firstlight.ports import Receiver
from tests.ingest.host_tree import HostTree

S = 1_000_000_000
NOW = 1_700_000_000 * S
TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096

linux_only = pytest.mark.skipif(not os.path.exists("/proc/meminfo"), reason="reads this machine's /proc")


class Clock:
    def __init__(self) -> None:
        self.now_ns = 5 * S

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def tree(tmp_path):
    return HostTree(tmp_path)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def receiver(tree, clock):
    return make(LinuxSource(tree.proc, tree.sys), clock)


def make(source, clock, **more):
    return HostReceiver(lambda: NOW, clock, source=source, host="box", **{"budget_ratio": 1e9, **more})


def values(batch: Batch) -> dict[str, float]:
    found = {}
    for series_id, value in zip(batch.samples.series_ids, batch.samples.values, strict=True):
        series = batch.series[series_id]
        labels = ",".join(f"{key}={text}" for key, text in series.labels)
        found[f"{series.name}{{{labels}}}" if labels else series.name] = value
    return found


def collect(receiver: HostReceiver, clock: Clock, after_s: float = 1.0) -> dict[str, float]:
    clock.now_ns += int(after_s * S)
    return values(receiver.collect(NOW))


def test_it_is_what_the_plugin_table_says():
    assert plugins.load("receiver", "host") is HostReceiver
    assert isinstance(HostReceiver(), Receiver)


def test_totals_by_hand(receiver, clock):
    found = collect(receiver, clock)
    expected = {
        "host_memory_total_bytes": 1_024_000,
        "host_memory_available_bytes": 409_600,
        "host_memory_used_bytes": 614_400,
        "host_memory_used_ratio": 0.6,
        "host_swap_total_bytes": 204_800,
        "host_swap_used_bytes": 51_200,
        "host_swap_used_ratio": 0.25,
        "host_load_average{window=5m}": 0.25,
        "host_uptime_seconds": 1234.56,
        "host_boot_time_seconds": 1_700_000_000,
        "host_pressure_stalled_seconds_total{kind=full,resource=io}": 1.5,
        "host_disk_read_bytes_total{device=nvme0n1}": 2000 * 512,
        "host_disk_written_bytes_total{device=nvme0n1}": 1000 * 512,
        "host_disk_busy_seconds_total{device=nvme0n1}": 1.5,
        "host_network_received_bytes_total{interface=eth0}": 1000,
        "host_network_sent_bytes_total{interface=eth0}": 2000,
        "host_network_errors_total{direction=receive,interface=eth0}": 1,
        "host_network_errors_total{direction=send,interface=eth0}": 3,
        "host_network_dropped_total{direction=receive,interface=eth0}": 2,
        "host_network_dropped_total{direction=send,interface=eth0}": 4,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_every_sample_is_stamped_and_described(receiver, clock):
    batch = receiver.collect(NOW)
    assert (batch.resource.service, batch.resource.host) == ("host", "box")
    assert set(batch.samples.times_ns) == {NOW}
    for series_id, series in batch.series.items():
        assert series.id() == series_id
        assert (series.service, series.scope, series.session_id) == ("host", "host", "box")
        assert (series.kind, series.unit, series.description) == METRICS[series.name]
        assert list(series.labels) == sorted(series.labels)
        assert series.name.endswith("_total") == (series.kind == "counter")


def test_partitions_loops_and_idle_or_passing_interfaces_make_no_series(receiver, clock):
    devices = {name for name in collect(receiver, clock) if "device=" in name or "interface=" in name}
    assert len(devices) == 3 + 6
    assert all("nvme0n1}" in name or "eth0}" in name for name in devices)


def test_a_share_of_time_needs_two_looks(receiver, tree, clock):
    assert not [name for name in collect(receiver, clock) if "host_cpu" in name]
    #        user nice system idle iowait irq softirq steal guest guest_nice
    tree.cpu([120, 5, 55, 860, 55, 2, 3, 10, 20, 0])
    found = collect(receiver, clock)
    assert found["host_cpu_busy_ratio{cpu=all}"] == pytest.approx(45 / 110)
    assert found["host_cpu_busy_ratio{cpu=0}"] == pytest.approx(45 / 110)
    modes = {
        mode: found[f"host_cpu_mode_ratio{{mode={mode}}}"] for mode in ("user", "system", "iowait", "steal", "idle")
    }
    assert modes == pytest.approx(
        {"user": 25 / 110, "system": 10 / 110, "iowait": 5 / 110, "steal": 10 / 110, "idle": 60 / 110}
    )
    assert sum(modes.values()) == pytest.approx(1)


def test_cores_that_come_go_or_stand_still_are_skipped(receiver, tree, clock):
    collect(receiver, clock)
    tree.cpu([110, 0, 50, 890, 50, 0, 0, 0, 0, 0], [10, 0, 0, 90, 0, 0, 0, 0, 0, 0])
    found = collect(receiver, clock)
    assert "host_cpu_busy_ratio{cpu=1}" not in found
    assert found["host_cpu_busy_ratio{cpu=0}"] == pytest.approx(0.1)
    assert "host_cpu_busy_ratio{cpu=0}" not in collect(receiver, clock)  # no tick has passed


def test_time_that_steps_back_is_no_measurement(receiver, tree, clock):
    collect(receiver, clock)
    tree.cpu([1, 0, 1, 8, 0, 0, 0, 0, 0, 0])
    assert not [name for name in collect(receiver, clock) if "host_cpu" in name]
    tree.cpu([2, 0, 2, 16, 0, 0, 0, 0, 0, 0])
    assert collect(receiver, clock)["host_cpu_busy_ratio{cpu=all}"] == pytest.approx(0.2)


def test_a_mode_that_steps_back_a_little_counts_as_nothing(receiver, tree, clock):
    collect(receiver, clock)
    tree.cpu([110, 0, 50, 890, 45, 0, 0, 0, 0, 0])
    found = collect(receiver, clock)
    assert found["host_cpu_mode_ratio{mode=iowait}"] == 0
    assert found["host_cpu_busy_ratio{cpu=all}"] == pytest.approx(0.1)


def test_a_host_without_swap_has_no_share_of_it(receiver, tree, clock):
    tree.write(
        "meminfo", "MemTotal: 10 kB\nMemFree: 2 kB\nBuffers: 1 kB\nCached: 1 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
    )
    found = collect(receiver, clock)
    assert "host_swap_used_ratio" not in found
    assert found["host_memory_used_ratio"] == pytest.approx(
        0.6
    )  # an old kernel: free, buffers and cached are available


def test_mounts_agree_with_the_system(receiver, tree, clock):
    found = collect(receiver, clock)
    use = psutil.disk_usage(str(tree.disk))
    assert found[f"host_disk_total_bytes{{mount={tree.disk}}}"] == use.total
    assert found[f"host_disk_used_ratio{{mount={tree.disk}}}"] == pytest.approx(use.percent / 100, abs=0.002)
    assert 0 <= found[f"host_disk_inodes_used_ratio{{mount={tree.disk}}}"] <= 1


def test_only_local_file_systems_are_touched(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "hosts").touch()
    rows = [
        f"/dev/sda1 {inner} ext4 rw 0 0",
        f"/dev/sda1 {tmp_path} ext4 rw 0 0",
        f"/dev/sdb1 {tmp_path}/hosts ext4 rw 0 0",
        f"server:/export {tmp_path} nfs4 rw 0 0",
        f"//server/share {tmp_path} cifs rw 0 0",
        f"me@server: {tmp_path} fuse.sshfs rw 0 0",
        f"/dev/sdc1 {tmp_path} fuseblk rw 0 0",
        f"/dev/loop1 {tmp_path} squashfs ro 0 0",
        f"tmpfs {tmp_path} tmpfs rw 0 0",
        "overlay / overlay rw 0 0",
    ]
    filesystems = b"nodev\tnfs4\nnodev\ttmpfs\nnodev\toverlay\n\text4\n\tfuseblk\n\tsquashfs\n"
    for order in (rows, rows[::-1]):
        assert list(local_mounts("\n".join(order).encode(), filesystems)) == ["/", str(tmp_path)]


def test_a_part_that_fails_takes_no_other_along(receiver, tree, clock):
    (tree.proc / "meminfo").unlink()
    batch = receiver.collect(NOW)
    assert "host_uptime_seconds" in values(batch)
    assert receiver.costs()["memory"].errors == 1
    (event,) = batch.events
    assert (event.name, event.level, event.component) == ("collection_failed", Level.WARN, "memory")
    assert "meminfo" in event.attributes["error"]


def test_failing_and_recovering_are_each_told_once(receiver, tree, clock):
    tree.write("meminfo", "nonsense")
    names = []
    for at in range(5):
        if at == 3:
            tree.write("meminfo", "MemTotal: 10 kB\nMemFree: 4 kB\n")
        clock.now_ns += S
        names += [event.name for event in receiver.collect(NOW).events]
    assert names == ["collection_failed", "collection_recovered"]
    assert receiver.costs()["memory"].errors == 3


def test_a_container_without_proc_still_tells_its_own_cost(tmp_path, clock):
    receiver = make(LinuxSource(tmp_path / "proc", tmp_path / "sys"), clock)
    found = collect(receiver, clock)
    assert found["host_collection_errors_total{part=cpu}"] == 1
    assert not [name for name in found if not name.startswith("host_collection")]


def test_kernels_without_pressure_are_fine(receiver, tree, clock):
    for resource in ("cpu", "memory", "io"):
        (tree.proc / "pressure" / resource).unlink()
    found = collect(receiver, clock)
    assert found["host_uptime_seconds"] == 1234.56
    assert receiver.costs()["system"].errors == 0


def test_process_shares_by_hand(receiver, tree, clock):
    tree.process(10, "steady", ticks=500, pages=7)
    tree.process(11, "odd) S (name", ticks=100)
    tree.process(12, "kworker/0:1-events", parent=2)
    first = collect(receiver, clock)
    assert first["host_processes_count"] == 3
    assert first["host_process_memory_bytes{name=steady,pid=10}"] == 7 * PAGE_BYTES
    assert not [name for name in first if "process_cpu" in name]
    tree.process(10, "steady", ticks=500 + TICKS_PER_S, pages=7)
    tree.process(11, "odd) S (name", ticks=100 + TICKS_PER_S // 2)
    tree.process(12, "kworker/0:1-events", parent=2, ticks=TICKS_PER_S // 4)
    cpu = {name: value for name, value in collect(receiver, clock, 2.0).items() if "process_cpu" in name}
    assert cpu == pytest.approx(
        {
            "host_process_cpu_ratio{name=steady,pid=10}": 0.5,
            "host_process_cpu_ratio{name=odd) S (name,pid=11}": 0.25,
            "host_process_cpu_ratio{name=kworker,pid=12}": 0.125,
        }
    )


def test_a_pid_that_is_used_again_starts_from_nothing(receiver, tree, clock):
    tree.process(10, "old", ticks=9000, started=1)
    collect(receiver, clock)
    tree.process(10, "new", ticks=TICKS_PER_S, started=2)
    assert collect(receiver, clock)["host_process_cpu_ratio{name=other}"] == pytest.approx(1.0)


def test_young_processes_are_shown_together(receiver, tree, clock):
    collect(receiver, clock)
    for pid in (20, 21):
        tree.process(pid, "cc1", ticks=TICKS_PER_S // 2, pages=3)
    found = collect(receiver, clock)
    assert found["host_process_cpu_ratio{name=other}"] == pytest.approx(1.0)
    assert found["host_process_memory_bytes{name=other}"] == 6 * PAGE_BYTES
    found = collect(receiver, clock, MIN_AGE_S)
    assert found["host_process_memory_bytes{name=cc1,pid=20}"] == 3 * PAGE_BYTES


def test_only_the_top_is_shown_and_a_vanished_process_is_not(receiver, tree, clock):
    for pid in range(100, 120):
        tree.process(pid, "p", pages=pid)
    found = collect(receiver, clock)
    shown = sorted(name for name in found if "process_memory" in name)
    assert shown == [f"host_process_memory_bytes{{name=p,pid={pid}}}" for pid in range(115, 120)]
    tree.end(119)
    assert "host_process_memory_bytes{name=p,pid=119}" not in collect(receiver, clock)
    assert len(shown) == TOP_PROCESSES


def test_many_processes_cannot_make_many_series(receiver, tree, clock):
    seen = set()
    generations = 60
    for generation in range(generations):
        pids = range(1000 + generation * 10, 1000 + generation * 10 + TOP_PROCESSES)
        for pid in pids:
            tree.process(pid, "worker", pages=5)
        collect(receiver, clock)
        seen |= {name for name in collect(receiver, clock, MIN_AGE_S) if "pid=" in name}
        for pid in pids:
            tree.end(pid)
    elapsed_s = generations * (1 + MIN_AGE_S)
    assert NEW_LINES_BURST <= len(seen) <= NEW_LINES_BURST + elapsed_s * NEW_LINES_PER_S


def test_lines_are_forgotten_before_they_pile_up():
    lines = Lines("box")
    first = lines.get("host_uptime_seconds", ())
    assert lines.get("host_uptime_seconds", ()) is first
    for pid in range(MAX_LINES + 10):
        lines.get("host_process_cpu_ratio", (("pid", str(pid)),))
    assert len(lines) <= MAX_LINES
    assert lines.get("host_uptime_seconds", ()) == first


class DearSource(LinuxSource):
    """A host with many processes: each look costs real CPU time."""

    looks = 0

    def processes(self):
        self.looks += 1
        until_s = time.thread_time() + 0.01
        while time.thread_time() < until_s:
            pass
        return iter(())


def test_a_dear_part_is_read_less_often_so_that_the_budget_holds(tree, clock):
    source = DearSource(tree.proc, tree.sys)
    receiver = make(source, clock, budget_ratio=0.01)
    for _ in range(120):
        collect(receiver, clock)
    cost = receiver.costs()["process"]
    share_s = 0.01 * 0.3
    assert 0.01 / share_s * 0.99 <= cost.interval_s
    assert cost.cpu_s <= 120 * share_s + cost.cpu_s / source.looks  # the first look is not earned yet
    assert source.looks >= 2
    assert receiver.costs()["memory"].interval_s < cost.interval_s


def test_its_own_cost_is_published(receiver, clock):
    found = collect(receiver, clock)
    parts = {"cpu", "memory", "system", "disk", "network", "mount", "process", "collection", "delivery"}
    assert set(receiver.costs()) == parts
    for part in parts:
        assert found[f"host_collection_seconds_total{{part={part}}}"] >= 0
    assert found["host_collection_seconds_total{part=cpu}"] > 0
    assert found["host_collection_interval_seconds{part=mount}"] == 10


def test_unstretched_parts_are_read_at_every_tick_although_ticks_jitter(receiver, tree, clock):
    for after_s in (1.0, 0.97, 1.02, 0.99, 1.04):
        assert "host_memory_used_ratio" in collect(receiver, clock, after_s)


def test_a_clock_that_jumps_changes_the_stamps_only(receiver, tree, clock):
    receiver.collect(NOW)
    tree.cpu([120, 0, 60, 860, 60, 0, 0, 0, 0, 0])
    clock.now_ns += S
    batch = receiver.collect(NOW - 3600 * S)
    assert set(batch.samples.times_ns) == {NOW - 3600 * S}
    assert values(batch)["host_cpu_busy_ratio{cpu=all}"] == pytest.approx(0.3)
    assert len(receiver.collect(NOW)) == 0  # not a moment has passed, so nothing is due


class Taking:
    """A sink that can be told to fail."""

    def __init__(self) -> None:
        self.deliveries: list[list[Batch]] = []
        self.error: Exception | None = None
        self.called = threading.Event()

    def __call__(self, batches):
        self.called.set()
        if self.error is not None:
            raise self.error
        self.deliveries.append(list(batches))

    def wait(self) -> None:
        self.called.clear()
        assert self.called.wait(10)


def run(tree, sink):
    source = LinuxSource(tree.proc, tree.sys)
    receiver = HostReceiver(source=source, interval_s=0.02, budget_ratio=1e9, host="box")
    receiver.start(sink)
    return receiver


def test_the_thread_delivers_until_it_is_stopped(tree):
    sink = Taking()
    receiver = run(tree, sink)
    receiver.start(sink)  # a second start is none
    sink.wait()
    sink.wait()
    receiver.stop()
    receiver.stop()
    delivered = len(sink.deliveries)
    assert delivered >= 2
    assert not [thread for thread in threading.enumerate() if thread.name == "firstlight-host"]
    receiver.start(sink)
    sink.wait()
    receiver.stop()
    assert len(sink.deliveries) > delivered


def test_what_a_store_cannot_take_now_is_kept_in_order_and_delivered_later(tree):
    sink = Taking()
    sink.error = StorageFull("no room; make some")
    receiver = run(tree, sink)
    for _ in range(3):
        sink.wait()
    assert receiver.costs()["delivery"].failing == "no room; make some"
    sink.error = None
    sink.wait()
    receiver.stop()
    assert len(sink.deliveries[0]) >= 3
    times = [batch.samples.times_ns[0] for batches in sink.deliveries for batch in batches if len(batch.samples)]
    assert times == sorted(set(times))
    assert receiver.dropped_rows == 0


def test_what_a_store_refuses_is_counted_and_the_next_goes_on(tree):
    sink = Taking()
    sink.error = StorageError("broken")
    receiver = run(tree, sink)
    sink.wait()
    sink.wait()
    sink.error = None
    sink.wait()
    receiver.stop()
    assert receiver.dropped_rows > 0
    assert sink.deliveries


@linux_only
def test_this_host_has_at_least_twenty_series():
    receiver = HostReceiver()
    first = receiver.collect(time.time_ns())
    time.sleep(0.6)
    second = receiver.collect(time.time_ns())
    assert len(first.series.keys() | second.series.keys()) >= 20
    assert not [part for part, cost in receiver.costs().items() if cost.failing]
    assert all(0 <= value <= 1 for name, value in values(second).items() if "ratio" in name and "process" not in name)


@linux_only
def test_both_sources_tell_the_same_of_this_host():
    ours, theirs = LinuxSource(), PsutilSource()
    assert ours.cpu().keys() == theirs.cpu().keys()
    assert ours.cpu()["all"].idle_s == pytest.approx(theirs.cpu()["all"].idle_s, abs=10)
    assert ours.memory().total_bytes == theirs.memory().total_bytes
    assert ours.memory().swap_total_bytes == theirs.memory().swap_total_bytes
    assert ours.system().boot_time_s == pytest.approx(theirs.system().boot_time_s, abs=2)
    assert ours.network().keys() == theirs.network().keys()
    assert ours.disks().keys() <= theirs.disks().keys()
    mine = {process.pid: process for process in ours.processes()}[os.getpid()]
    psutils = {process.pid: process for process in theirs.processes()}[os.getpid()]
    assert mine.cpu_s == pytest.approx(psutils.cpu_s, abs=2)
    assert mine.memory_bytes == pytest.approx(psutils.memory_bytes, rel=0.5)
    assert {use.mount for use in theirs.mounts()} & {use.mount for use in ours.mounts()}


def test_the_portable_source_works_in_a_receiver(clock):
    receiver = make(PsutilSource(), clock)
    collect(receiver, clock)
    assert collect(receiver, clock)["host_memory_total_bytes"] > 0
    assert not [part for part, cost in receiver.costs().items() if cost.failing]
