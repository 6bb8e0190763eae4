"""Values of a query's answer as JSON."""

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from firstlight.ports import Rows

_PLAIN = (str, bool, type(None))
_INT64 = range(-(2**63), 2**63)


def answer(rows: Rows, elapsed_ms: float) -> bytes:
    """Return the answer to ``/api/sql`` as JSON; milliseconds are those of the query."""
    columns = [{"name": name, "type": kind} for name, kind in zip(rows.columns, rows.types, strict=True)]
    return msgspec.json.encode(
        {
            "columns": columns,
            "rows": [[plain(value) for value in row] for row in rows.rows],
            "row_count": len(rows.rows),
            "truncated": rows.truncated,
            "warnings": list(rows.warnings),
            "elapsed_ms": round(elapsed_ms, 3),
        }
    )


def plain(value: Any) -> Any:
    """Return ``value`` as JSON has it: times as ISO text, what is not finite as text, integers as they are."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, int):
        return value if value in _INT64 else msgspec.Raw(str(value).encode())
    if isinstance(value, float):
        return value if math.isfinite(value) else _not_finite(value)
    if isinstance(value, dict):
        return {str(plain(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return _text(value)


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return utc.isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return plain(float(value))
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"
