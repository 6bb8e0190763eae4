"""Who this process is: its session, its start and the description that its records carry."""

import os
import platform
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from firstlight.model import Resource
from firstlight.model.resource import UNKNOWN_SERVICE
from firstlight.version import __version__

_NS_PER_S = 1_000_000_000
_LOADED_NS = time.time_ns()
_START_FIELD = 19
"""Of /proc/<pid>/stat: ``starttime`` is the 22nd field (proc(5)), and the name in brackets before the third may hold
anything."""


class Identity(NamedTuple):
    """What tells this process from all others.

    Attributes:
        session_id: its own id; a forked child has another.
        started_ns: when it began.
    """

    session_id: str
    started_ns: int


_identities: dict[int, Identity] = {}


def identity() -> Identity:
    """Return who this process is; a forked child is another process."""
    pid = os.getpid()
    found = _identities.get(pid)
    if found is None:
        _identities.clear()
        found = _identities[pid] = Identity(uuid4().hex, process_start_ns())
    return found


def process_start_ns() -> int:
    """Return when this process began: as the system has it, to 10 ms, or when this module was loaded."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        since_boot_s = int(fields[_START_FIELD]) / os.sysconf("SC_CLK_TCK")
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot_s
    except (OSError, ValueError, IndexError, AttributeError):
        # There is no /proc, or no such clock.
        return _LOADED_NS
    return time.time_ns() - round(age_s * _NS_PER_S)


def sender(service: str, attributes: Mapping[str, Any]) -> Callable[[], Resource]:
    """Return what describes this process, and a forked child as itself."""

    def describe() -> Resource:
        session_id, started_ns = identity()
        said = {
            "process.runtime.name": platform.python_implementation().lower(),
            "process.runtime.version": platform.python_version(),
            "process.start_time_ns": started_ns,
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "firstlight",
            "telemetry.sdk.version": __version__,
            **attributes,
        }
        return Resource(service or UNKNOWN_SERVICE, session_id, socket.gethostname(), os.getpid(), said)

    return describe
