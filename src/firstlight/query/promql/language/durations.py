"""Durations as PromQL writes them: ``1h30m``, ``250ms``, ``1.5`` seconds."""

import math
import re
from typing import Any

import numpy as np

NS_PER_MS = 10**6
NS_PER_S = 10**9
_MS_PER_S = 1000

_UNITS_NS = {
    "y": 365 * 86400 * NS_PER_S,
    "w": 7 * 86400 * NS_PER_S,
    "d": 86400 * NS_PER_S,
    "h": 3600 * NS_PER_S,
    "m": 60 * NS_PER_S,
    "s": NS_PER_S,
    "ms": NS_PER_MS,
}
# Years and weeks are written only when nothing is left over, as Prometheus does.
_WRITTEN = (("y", True), ("w", True), ("d", False), ("h", False), ("m", False), ("s", False), ("ms", False))
_FORM = re.compile(r"(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?")
_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_MOST_NS = 2**63 - 1


def duration_ns(text: str) -> int:
    """Return the nanoseconds of ``1h30m``.

    Raises:
        ValueError: it is no duration: unknown or repeated units, units out of order, or too long.
    """
    if not text or not _FORM.fullmatch(text):
        raise ValueError(f'not a valid duration string: "{text}"')
    found = sum(int(count) * _UNITS_NS[unit] for count, unit in _PART.findall(text))
    if found > _MOST_NS:
        raise ValueError("duration out of range")
    return found


def seconds_ns(seconds: float) -> int:
    """Return ``seconds`` as nanoseconds, to the millisecond below, which is what Prometheus counts in.

    Raises:
        ValueError: not a number, or more than 292 years.
    """
    if not math.isfinite(seconds) or abs(seconds) * NS_PER_S > _MOST_NS:
        raise ValueError("duration out of range")
    return round(seconds * NS_PER_S)


def seconds_of(times_ns: Any) -> Any:
    """Return an array of nanoseconds as seconds, rounded once: a double holds no whole nanoseconds of our days."""
    ms, rest = np.divmod(times_ns, NS_PER_MS)
    if not np.any(rest):
        return ms / _MS_PER_S
    seconds, rest = np.divmod(times_ns, NS_PER_S)
    return seconds + rest / NS_PER_S


def duration_text(ns: int) -> str:
    """Return ``1h30m`` for nanoseconds; what is below a millisecond is left out."""
    if abs(ns) < NS_PER_MS:
        return "0s"
    rest, parts = abs(ns), ["-" if ns < 0 else ""]
    for unit, exact in _WRITTEN:
        count, left = divmod(rest, _UNITS_NS[unit])
        if count and not (exact and left):
            parts.append(f"{count}{unit}")
            rest = left
    return "".join(parts)
