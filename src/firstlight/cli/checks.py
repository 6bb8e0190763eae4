"""What ``firstlight doctor`` looks at.  Each check says what it found and, when that is bad, what to do."""

import errno
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from firstlight.app.hub_client import Address, HubClient
from firstlight.cli.status import moment, size
from firstlight.errors import FirstlightError

State = Literal["ok", "warn", "fail"]

_LEAST_PYTHON = (3, 11)
_LEAST_FREE_BYTES = 100 * 2**20
_ENOUGH_FREE_BYTES = 2**30
_SYNCS = 15
_SYNC_BYTES = 4096
_SLOW_SYNC_MS = 50.0
"""An acknowledged write waits for one sync; beyond this a busy sender notices."""
_RELEASED_NS = 1_767_225_600_000_000_000
"""2026-01-01: no right clock is behind the software that reads it."""
_CLOCK_SLACK_S = 2.0
_OK = 200
_COUNTS = "SELECT (SELECT count(*) FROM metrics), (SELECT count(*) FROM events), (SELECT count(*) FROM spans)"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Attributes:
        name: what.
        state: ``ok``, ``warn`` (works, but not well) or ``fail``.
        found: what was seen.
        fix: what to do; empty when it is ok.
    """

    name: str
    state: State
    found: str
    fix: str = ""


def python() -> Check:
    """Check the interpreter."""
    found = f"Python {'.'.join(map(str, sys.version_info[:3]))} at {sys.executable}"
    if sys.version_info[:2] >= _LEAST_PYTHON:
        return Check("python", "ok", found)
    return Check("python", "fail", found, "use Python 3.11 or newer")


def packages() -> Check:
    """Check that everything of the extra ``hub`` is installed."""
    wanted = _of_extra("hub")
    present = {name: _installed(name) for name in wanted}
    missing = [name for name, found in present.items() if not found]
    found = ", ".join(f"{name} {number}" for name, number in present.items() if number)
    if missing:
        return Check("packages", "fail", f"missing: {', '.join(missing)}", 'pip install "firstlight[hub]"')
    if not wanted:
        return Check("packages", "warn", "firstlight itself is not installed", 'pip install "firstlight[hub]"')
    return Check("packages", "ok", found)


def engine() -> Check:
    """Check that the database engine works, on a lake that is thrown away."""
    try:
        from firstlight.app.lake import Lake
    except ImportError as error:
        return Check("engine", "fail", f"{error.name} is not installed", 'pip install "firstlight[hub]"')
    try:
        with tempfile.TemporaryDirectory(prefix="firstlight-doctor-") as directory, Lake.open(directory) as lake:
            rows = lake.sql("SELECT count(*) FROM events").rows
    except (FirstlightError, OSError) as error:
        return Check("engine", "fail", str(error), 'pip install --force-reinstall "firstlight[hub]"')
    assert rows == [(0,)]
    return Check("engine", "ok", f"duckdb {_installed('duckdb')} works")


def directory(path: Path) -> Check:
    """Check that the data directory can be written, or made."""
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    fix = "choose another with --data DIR, or change its owner"
    if not existing.is_dir():
        return Check("data directory", "fail", f"{existing} is no directory", fix)
    if not os.access(existing, os.W_OK | os.X_OK):
        return Check("data directory", "fail", f"{existing} cannot be written by this user", fix)
    return Check("data directory", "ok", f"{path}{'' if existing == path else ' (not made yet)'}")


def space(path: Path) -> Check:
    """Check the room on the data directory's disk."""
    free = shutil.disk_usage(_nearest(path)).free
    found = f"{size(free)} free"
    if free >= _ENOUGH_FREE_BYTES:
        return Check("free space", "ok", found)
    state: State = "fail" if free < _LEAST_FREE_BYTES else "warn"
    return Check("free space", state, found, "make room, or choose another disk with --data DIR")


def sync_speed(path: Path) -> Check:
    """Check how long the disk takes to keep a small write."""
    try:
        with tempfile.TemporaryFile(dir=_nearest(path)) as file:
            took_ms = statistics.median(_sync_ms(file.fileno()) for _ in range(_SYNCS))
    except OSError as error:
        return Check("disk sync", "fail", f"a test file cannot be written: {error.strerror}", "see: data directory")
    found = f"{took_ms:.1f} ms per synced write"
    if took_ms < _SLOW_SYNC_MS:
        return Check("disk sync", "ok", found)
    return Check("disk sync", "warn", found, 'use a faster disk, or set lake.durability to "interval"')


def lake(path: Path) -> Check:
    """Check that what is stored can be read."""
    if not path.is_dir() or not any(path.iterdir()):
        return Check("lake", "ok", "empty")
    try:
        from firstlight.app.lake import Lake

        with Lake.open(path, read_only=True) as opened:
            stats = opened.stats()
            counts = opened.sql(_COUNTS).rows[0]
    except ImportError as error:
        return Check("lake", "fail", f"{error.name} is not installed", 'pip install "firstlight[hub]"')
    except (FirstlightError, OSError) as error:
        return Check("lake", "fail", str(error), f"keep a copy of {path}, then move it away or mend it")
    found = "{:,} samples, {:,} events, {:,} spans read".format(*counts)
    if stats.get("quarantined"):
        return Check("lake", "warn", f"{found}; {stats['quarantined']} logs set aside", f"look at {path}/quarantine")
    return Check("lake", "ok", found)


def clock(path: Path) -> Check:
    """Check the system's clock against the software's age and the disk's clock."""
    now_ns = time.time_ns()
    if now_ns < _RELEASED_NS:
        return Check("clock", "fail", f"it is {moment(now_ns)}", "set the system's clock; run NTP")
    try:
        with tempfile.NamedTemporaryFile(dir=_nearest(path)) as file:
            apart_s = os.stat(file.fileno()).st_mtime - time.time()
    except OSError:
        return Check("clock", "ok", f"it is {moment(now_ns)}")
    if abs(apart_s) > _CLOCK_SLACK_S:
        return Check("clock", "warn", f"the data disk's clock is {apart_s:+.1f} s apart", "run NTP on both machines")
    return Check("clock", "ok", f"it is {moment(now_ns)}")


def port(client: HubClient) -> Check:
    """Check that a hub answers, or that one could listen."""
    try:
        status, _, body = client.text("/livez")
    except FirstlightError as error:
        return _free(client.address, str(error))
    if status == _OK and body.strip() == "ok":
        return Check("port", "ok", f"a hub answers at {client.address}")
    return Check("port", "fail", f"something else answers at {client.address}", "choose another with --port")


def page(client: HubClient) -> Check:
    """Check that a browser gets the page."""
    try:
        status, kind, body = client.text("/")
    except FirstlightError:
        return Check("page", "ok", "no hub runs; `firstlight up` serves it")
    if status == _OK and kind.startswith("text/html") and "<" in body:
        return Check("page", "ok", f"{client.address}/")
    return Check("page", "fail", f"{client.address}/ answers HTTP {status}, {kind or 'no type'}", "restart the hub")


def _free(address: Address, problem: str) -> Check:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            return _taken(address, problem, error)
    return Check("port", "ok", f"{address.port} is free; no hub runs")


def _taken(address: Address, problem: str, error: OSError) -> Check:
    if error.errno == errno.EADDRINUSE:
        found = f"port {address.port} is in use by something that does not answer as a hub"
        return Check("port", "fail", found, "choose another with --port, or stop that program")
    if error.errno == errno.EACCES:
        return Check("port", "fail", f"port {address.port} is not for this user", "choose one above 1023 with --port")
    return Check("port", "fail", problem, "check --url")


def _nearest(path: Path) -> Path:
    return next(parent for parent in (path, *path.parents) if parent.is_dir())


def _sync_ms(descriptor: int) -> float:
    began = time.perf_counter()
    os.write(descriptor, bytes(_SYNC_BYTES))
    os.fsync(descriptor)
    return (time.perf_counter() - began) * 1000


def _of_extra(extra: str) -> list[str]:
    """Return the distributions that an extra of ours asks for."""
    try:
        lines = requires("firstlight") or []
    except PackageNotFoundError:
        return []
    ours = [line.partition(";")[0] for line in lines if f"extra == '{extra}'" in line.replace('"', "'")]
    return sorted(_name(line) for line in ours)


def _name(requirement: str) -> str:
    end = next((at for at, char in enumerate(requirement) if not (char.isalnum() or char in "-_.")), len(requirement))
    return requirement[:end]


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
