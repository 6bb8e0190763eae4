"""Times of the document: datetimes or ISO texts outside, nanoseconds inside; without a zone they are UTC."""

from datetime import UTC, datetime, timedelta

from firstlight.codecs.iso import NS_PER_MS, NS_PER_S, whole_second

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NS_PER_US = 1000
_INT64_MAX = 2**63 - 1


def nanoseconds(moment: object) -> int:
    """Return the nanoseconds since the epoch of a datetime or an ISO 8601 text.

    Raises:
        ValueError: it is neither, or beyond the years 1678 to 2261.
    """
    found = microseconds(moment) * _NS_PER_US
    if abs(found) > _INT64_MAX:
        raise ValueError(f"{moment} is beyond the years 1678 to 2261")
    return found


def range_ns(begin: object, end: object) -> tuple[int | None, int | None]:
    """Return the first and the last nanosecond from ``begin`` to ``end``, whose whole microsecond belongs to it.

    None stays None, and so does what no nanosecond can be.

    Raises:
        ValueError: one is no time, or the end lies before the beginning.
    """
    first = None if begin is None else microseconds(begin) * _NS_PER_US
    last = None if end is None else microseconds(end) * _NS_PER_US + _NS_PER_US - 1
    if first is not None and last is not None and last < first:
        raise ValueError(f"the time range ends ({end}) before it begins ({begin})")
    return _bounded(first), _bounded(last)


def microseconds(moment: object) -> int:
    """Return the microseconds since the epoch.

    Raises:
        ValueError: it is neither a datetime nor an ISO 8601 text.
    """
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if not isinstance(moment, datetime):
        raise ValueError(f"a time is a datetime or an ISO 8601 text, not {type(moment).__name__}")
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (zoned - _EPOCH) // _MICROSECOND


def recorded_text(time_ns: int) -> str:
    """Return a time with milliseconds, as in ``2025-05-21T14:32:17.123Z``."""
    second, rest = divmod(time_ns, NS_PER_S)
    return f"{whole_second(second)}.{rest // NS_PER_MS:03d}Z"


def text(time_ns: int) -> str:
    """Return a time with no more decimals than it has microseconds for, as in ``2025-05-21T14:00:00Z``."""
    second, rest = divmod(time_ns, NS_PER_S)
    decimals = f".{rest // _NS_PER_US:06d}".rstrip("0").rstrip(".")
    return f"{whole_second(second)}{decimals}Z"


def _bounded(time_ns: int | None) -> int | None:
    return None if time_ns is None or abs(time_ns) > _INT64_MAX else time_ns
