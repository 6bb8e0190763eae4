"""Moments as people and files write them."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from firstlight.errors import UsageError

NS_PER_S = 1_000_000_000
UNITS_NS = {"s": NS_PER_S, "ms": 1_000_000, "us": 1000, "ns": 1}
TIME_MIN_NS, TIME_MAX_NS = -(2**63), 2**63 - 1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPANS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_BACK = re.compile(r"-(\d+)([smhdw])")
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9})\d*)?)?\s*(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
# By their size: seconds reach these bounds in the year 5138, and so on.
_SIZES = ((10**11, "s"), (10**14, "ms"), (10**17, "us"))


def parse_moment(text: str, now_ns: int) -> int:
    """Return the nanoseconds since the epoch that a person means.

    Args:
        text: ``now``, ``-15m`` (s, m, h, d, w before now), a date or time as ISO 8601 has it (UTC unless it says
            otherwise), or a number of seconds, milliseconds, microseconds or nanoseconds since 1970.
        now_ns: now.

    Raises:
        UsageError: it is none of these.
    """
    back = _BACK.fullmatch(text)
    try:
        if text == "now":
            return now_ns
        if back is not None:
            return now_ns - int(back[1]) * _SPANS_S[back[2]] * NS_PER_S
        return parse_time(text)
    except ValueError:
        raise UsageError(f"{text!r} is no moment; write 2026-01-31, 2026-01-31T12:30:00Z, -15m or now") from None


def parse_time(text: str, unit: str = "auto") -> int:
    """Return the nanoseconds since the epoch of a text from a file.

    Args:
        text: ISO 8601, UTC unless it says otherwise, or a number.
        unit: of a number: ``s``, ``ms``, ``us``, ``ns``, or ``auto``, which tells by its size.

    Raises:
        ValueError: it is no time, or none of the years 1677 to 2262.
    """
    found = _ISO.fullmatch(text.strip())
    if found is None:
        return number_time(text, unit)
    day, clock, fraction, zone = found.groups()
    offset = "+00:00" if zone in (None, "Z", "z", "UTC") else zone
    since = datetime.fromisoformat(f"{day}T{clock or '00:00'}{offset}") - _EPOCH
    return _sound(since // timedelta(seconds=1) * NS_PER_S + int((fraction or "0").ljust(9, "0")))


def number_time(number: float | str | Decimal, unit: str = "auto") -> int:
    """Return the nanoseconds since the epoch that ``number`` counts in ``unit``; see :func:`parse_time`.

    Raises:
        ValueError: it is no number, or none of the years 1677 to 2262.
    """
    try:
        exact = Decimal(number)
        if not exact.is_finite():
            raise ValueError(f"{number!r} is no time")
        chosen = unit if unit != "auto" else next((name for size, name in _SIZES if abs(exact) < size), "ns")
        return _sound(int(exact * UNITS_NS[chosen]))
    except InvalidOperation:
        raise ValueError(f"{number!r} is no time") from None


def _sound(time_ns: int) -> int:
    if not TIME_MIN_NS <= time_ns <= TIME_MAX_NS:
        raise ValueError("the time is outside the years 1677 to 2262")
    return time_ns
