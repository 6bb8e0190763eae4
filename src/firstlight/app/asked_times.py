"""Which moments a question is about, as people write them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypedDict, Unpack

from firstlight.app.moments import NS_PER_S, number_time, parse_moment
from firstlight.errors import UsageError

Moment = datetime | float | str
"""A ``datetime`` (UTC where it names no zone), seconds since 1970, or a text: ISO 8601, ``-1h``, ``now``."""
Duration = timedelta | float | str
"""A ``timedelta``, seconds, or a text such as ``90s``, ``1h30m``, ``2d``."""

DEFAULT_RANGE_NS = 3600 * NS_PER_S
POINTS = 250
"""About as many as a chart has room for."""

_NS_PER_US = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS_NS = {"ms": 10**6, "s": NS_PER_S, "m": 60 * NS_PER_S, "h": 3600 * NS_PER_S}
_UNITS_NS |= {"d": 86_400 * NS_PER_S, "w": 7 * 86_400 * NS_PER_S}
_PARTS = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_STEPS_NS = tuple(
    round(step * NS_PER_S)
    for step in (
        *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600),
        *(900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400),
    )
)


@dataclass(frozen=True, slots=True)
class At:
    """One moment, in nanoseconds since 1970."""

    time_ns: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """The moments ``start_ns``, ``start_ns + step_ns``, ... up to ``end_ns``."""

    start_ns: int
    end_ns: int
    step_ns: int


Asked = At | Stretch


class Times(TypedDict, total=False):
    """What people may say of the moments; see :func:`asked_times`.

    Attributes:
        at: the only moment; now when nothing is said.
        start: the first of many.
        end: the last.
        range: how long before ``end`` they begin, or after ``start`` they end.
        step: from one to the next.
    """

    at: Moment | None
    start: Moment | None
    end: Moment | None
    range: Duration | None
    step: Duration | None


def asked_times(now_ns: int, **given: Unpack[Times]) -> Asked:
    """Return the moments that are meant: one, unless anything but ``at`` is given.

    A stretch ends now and is an hour long unless told otherwise; its step is a round time that makes about 250 points.

    Args:
        now_ns: now.
        given: what was said.

    Raises:
        UsageError: they contradict each other, or one cannot be read.
    """
    at, start, end = given.get("at"), given.get("start"), given.get("end")
    range_, step = given.get("range"), given.get("step")
    if all(one is None for one in (start, end, range_, step)):
        return At(now_ns if at is None else moment_ns(at, now_ns, "at"))
    if at is not None:
        raise UsageError("at is one moment; start, end, range and step make many: say end for where a stretch ends")
    if None not in (start, end, range_):
        raise UsageError("start, end and range were given; two of them say the third")
    start_ns, end_ns = _ends(now_ns, start, end, range_)
    if start_ns > end_ns:
        raise UsageError("the start is after the end")
    return Stretch(start_ns, end_ns, default_step_ns(end_ns - start_ns) if step is None else duration_ns(step, "step"))


def _ends(now_ns: int, start: Moment | None, end: Moment | None, range_: Duration | None) -> tuple[int, int]:
    long_ns = DEFAULT_RANGE_NS if range_ is None else duration_ns(range_, "range")
    if start is None:
        end_ns = now_ns if end is None else moment_ns(end, now_ns, "end")
        return end_ns - long_ns, end_ns
    start_ns = moment_ns(start, now_ns, "start")
    if end is not None:
        return start_ns, moment_ns(end, now_ns, "end")
    return start_ns, now_ns if range_ is None else start_ns + long_ns


def default_step_ns(range_ns: int) -> int:
    """Return the least round step, in nanoseconds, that makes at most about 250 points of ``range_ns``."""
    least = range_ns / POINTS
    day_ns = _STEPS_NS[-1]
    return next((step for step in _STEPS_NS if step >= least), -(-int(least) // day_ns) * day_ns)


def moment_ns(moment: Moment, now_ns: int, name: str) -> int:
    """Return the nanoseconds since 1970 of ``moment``, which the caller calls ``name``.

    Raises:
        UsageError: it is none.
    """
    try:
        if isinstance(moment, datetime):
            zoned = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
            # pandas' Timestamp has nanoseconds beside the microseconds.
            return (zoned - _EPOCH) // timedelta(microseconds=1) * _NS_PER_US + getattr(moment, "nanosecond", 0)
        return parse_moment(moment, now_ns) if isinstance(moment, str) else number_time(moment)
    except (UsageError, ValueError, TypeError) as error:
        raise UsageError(
            f"{name}={moment!r} is no moment; write 2026-01-31T12:30:00Z, -15m, now, seconds since 1970 or a datetime"
        ) from error


def duration_ns(duration: Duration, name: str) -> int:
    """Return the nanoseconds of ``duration``, which the caller calls ``name``.

    Raises:
        UsageError: it is none, or not above 0.
    """
    try:
        found = _nanoseconds(duration)
    except (ValueError, TypeError, ArithmeticError):
        found = 0
    if found <= 0:
        raise UsageError(f"{name}={duration!r} is no length of time above 0; write 90s, 1h30m, 2d or seconds")
    return found


def _nanoseconds(duration: Duration) -> int:
    if isinstance(duration, timedelta):
        return duration // timedelta(microseconds=1) * _NS_PER_US
    if not isinstance(duration, str):
        return int(Decimal(duration) * NS_PER_S)
    text = duration.strip()
    if _NUMBER.fullmatch(text):
        return int(Decimal(text) * NS_PER_S)
    if not _PARTS.fullmatch(text):
        raise ValueError(text)
    return sum(int(Decimal(count) * _UNITS_NS[unit]) for count, unit in _PART.findall(text))
