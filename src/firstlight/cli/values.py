"""Database values as JSON values, by the same rules as the hub's interface."""

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any


def json_value(value: Any) -> Any:
    """Return ``value`` as JSON has it: times as ISO 8601 with Z, what is not a number as text, whole numbers exact."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else not_finite(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, dict):
        return {str(json_value(key)): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [json_value(item) for item in value]
    return _rare(value)


def not_finite(value: float) -> str:
    """Return the word for a float that JSON has no number for."""
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"


def iso(value: datetime) -> str:
    """Return ``value`` in UTC, as ``2026-01-02T03:04:05.678Z``; a time without a zone is taken as UTC."""
    zoned = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return zoned.isoformat().replace("+00:00", "Z")


def _rare(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value.as_tuple().exponent == 0 else float(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)
