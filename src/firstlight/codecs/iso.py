"""Time as text at the edges: ISO 8601, UTC, with ``Z``."""

import re
from datetime import UTC, datetime
from functools import lru_cache

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
_MS_PER_S = 1000
_SECONDS_KEPT = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


class Milliseconds:
    """Writes milliseconds since the epoch; the text of the last second is kept, because most rows share it."""

    __slots__ = ("_prefix", "_second")

    def __init__(self) -> None:
        self._second: int | None = None
        self._prefix = ""

    def text(self, time_ms: int) -> str:
        """Return ``time_ms`` as in ``2025-09-19T10:30:15.123Z``.

        Raises:
            ValueError: the year is not between 1 and 9999.
        """
        second, rest = divmod(time_ms, _MS_PER_S)
        if second != self._second:
            self._prefix = whole_second(second)
            self._second = second
        return f"{self._prefix}.{rest:03d}Z"


def nanoseconds(time_ns: int) -> str:
    """Return ``time_ns`` with all nine digits after the point.

    Raises:
        ValueError: the year is not between 1 and 9999.
    """
    second, rest = divmod(time_ns, NS_PER_S)
    return f"{whole_second(second)}.{rest:09d}Z"


@lru_cache(_SECONDS_KEPT)
def whole_second(second: int) -> str:
    """Return a second since the epoch as text without a zone.

    Raises:
        ValueError: the year is not between 1 and 9999.
    """
    try:
        return datetime.fromtimestamp(second, UTC).isoformat()[:19]
    except (OverflowError, OSError) as error:
        raise ValueError(f"{second} seconds since the epoch are no date") from error


def parse(text: str) -> int:
    """Return the nanoseconds since the epoch of such a text with up to nine digits after the point.

    Raises:
        ValueError: it is none.
    """
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError(f"a time looks like 2025-09-19T10:30:15.123Z, not {text!r}")
    moment = datetime.fromisoformat(f"{found[1]}+00:00")
    since = moment - _EPOCH
    seconds = since.days * 86_400 + since.seconds
    return seconds * NS_PER_S + int((found[2] or "0").ljust(9, "0"))
