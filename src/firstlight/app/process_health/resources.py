"""How much of the machine is in use."""

from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic

LEAST_CPU_S = 1.0
"""A share of a shorter time says little."""
_PERCENT = 100.0


def machine(directory: Path) -> Callable[[], Mapping[str, float]]:
    """Return what measures the shares in use of ``cpu``, ``memory`` and the ``disk`` that holds ``directory``.

    The first is of the time since it was last measured, and missing before a second has passed.  Without psutil, which
    is an extra, nothing is known.
    """
    try:
        import psutil  # here, because it is an extra
    except ImportError:
        return dict
    psutil.cpu_percent(None)
    measured_s = monotonic()
    cpu: dict[str, float] = {}

    def measure() -> Mapping[str, float]:
        nonlocal measured_s
        if monotonic() - measured_s >= LEAST_CPU_S:
            cpu["cpu"] = psutil.cpu_percent(None) / _PERCENT
            measured_s = monotonic()
        present = next(place for place in (directory, *directory.parents) if place.exists())
        return {
            **cpu,
            "memory": psutil.virtual_memory().percent / _PERCENT,
            "disk": psutil.disk_usage(str(present)).percent / _PERCENT,
        }

    return measure
