"""Times as Prometheus writes them."""

from datetime import UTC, datetime

_NS_PER_S = 10**9


def moment(time_ns: int) -> str:
    """Return RFC 3339 with nanoseconds."""
    seconds, rest = divmod(time_ns, _NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
