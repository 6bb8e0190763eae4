"""The stable schema of a lake: one table per signal, the same columns in the log's tail and in sealed segments.

``time`` is microseconds, UTC, so that every engine compares it with its own clock; ``ns`` holds the rest of the
nanoseconds (0..999).  In a sealed segment of ``samples`` a value is ``value_int / value_divisor`` where that is exact
bit for bit, else ``value_double`` (:mod:`firstlight.store.encoding`).
"""

from functools import cache

import pyarrow as pa

TIME = pa.timestamp("us", "UTC")
TIME_MS = pa.timestamp("ms", "UTC")
"""What a segment holds ``time`` as when all its times are whole milliseconds; every engine reads both as one."""
LABELS = pa.map_(pa.string(), pa.string())
_COUNTS = pa.list_(pa.int64())
_DOUBLES = pa.list_(pa.float64())

_SENDER = [
    ("service", pa.string()),
    ("session_id", pa.string()),
    ("host", pa.string()),
    ("pid", pa.int64()),
    ("resource", pa.string()),
]
_REPEATED = frozenset({"service", "session_id", "host", "resource", "subsystem", "component", "kind", "status"})
REPEATED_TEXT = pa.dictionary(pa.int32(), pa.string())

SAMPLES = pa.schema(
    [
        ("series_id", pa.int64()),
        ("time", TIME),
        ("ns", pa.int16()),
        ("value_int", pa.int64()),
        ("value_divisor", pa.int32()),
        ("value_double", pa.float64()),
    ]
)
SERIES = pa.schema(
    [
        ("series_id", pa.int64()),
        ("name", pa.string()),
        ("labels", LABELS),
        ("service", pa.string()),
        ("session_id", pa.string()),
        ("scope", pa.string()),
        ("field", pa.string()),
        ("kind", pa.string()),
        ("unit", pa.string()),
        ("description", pa.string()),
    ]
)
EVENTS = pa.schema(
    [
        ("time", TIME),
        ("ns", pa.int16()),
        ("level_number", pa.int8()),
        ("subsystem", pa.string()),
        ("component", pa.string()),
        ("name", pa.string()),
        ("body", pa.string()),
        ("attributes", pa.string()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        *_SENDER,
    ]
)
SPANS = pa.schema(
    [
        ("time", TIME),
        ("ns", pa.int16()),
        ("duration_ns", pa.int64()),
        ("name", pa.string()),
        ("kind", pa.string()),
        ("status", pa.string()),
        ("status_message", pa.string()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("parent_id", pa.string()),
        ("subsystem", pa.string()),
        ("component", pa.string()),
        ("attributes", pa.string()),
        ("events", pa.string()),
        ("links", pa.string()),
        *_SENDER,
    ]
)
EXPONENTIAL = pa.schema(
    [
        ("series_id", pa.int64()),
        ("time", TIME),
        ("ns", pa.int16()),
        ("count", pa.int64()),
        ("sum", pa.float64()),
        ("scale", pa.int32()),
        ("zero_count", pa.int64()),
        ("zero_threshold", pa.float64()),
        ("positive_offset", pa.int32()),
        ("positive", _COUNTS),
        ("negative_offset", pa.int32()),
        ("negative", _COUNTS),
        ("min", pa.float64()),
        ("max", pa.float64()),
        ("float_count", pa.float64()),
        ("float_zero_count", pa.float64()),
        ("float_positive", _DOUBLES),
        ("float_negative", _DOUBLES),
        ("bounds", _DOUBLES),
        ("hint", pa.int8()),
    ]
)
OPTIONAL = {"exponential": EXPONENTIAL.names[-6:]}
"""Columns that segments from before they were thought of lack, by table; they are as good as NULL there."""

ROLLUP = pa.schema(
    [
        ("series_id", pa.int64()),
        ("time", TIME),
        ("count", pa.int64()),
        ("sum", pa.float64()),
        ("min", pa.float64()),
        ("max", pa.float64()),
        ("first", pa.float64()),
        ("last", pa.float64()),
        *((f"p{percent:02d}", pa.float32()) for percent in (1, 5, 10, 25, 50, 75, 90, 95, 99)),
    ]
)

TABLES: dict[str, pa.Schema] = {
    "samples": SAMPLES,
    "series": SERIES,
    "events": EVENTS,
    "spans": SPANS,
    "exponential": EXPONENTIAL,
    "rollup_1m": ROLLUP,
    "rollup_1h": ROLLUP,
}

DERIVED = frozenset({"rollup_1m", "rollup_1h"})
"""Tables that say again what others say."""


def _in_tail(columns: pa.Schema) -> pa.Schema:
    """Return ``columns`` with the text that repeats from row to row held once."""
    return pa.schema([pa.field(c.name, REPEATED_TEXT if c.name in _REPEATED else c.type) for c in columns])


TAIL_SAMPLES = pa.schema(
    [("series_id", pa.int64()), ("time", TIME), ("ns", pa.int16()), ("value", pa.float64())],
)
"""Samples in the tail have their value as it came."""

TAIL: dict[str, pa.Schema] = {
    "samples": TAIL_SAMPLES,
    "events": _in_tail(EVENTS),
    "spans": _in_tail(SPANS),
    "exponential": EXPONENTIAL,
}
"""What the log's tail is held as in memory; cast to ``TABLES`` when it is sealed."""


@cache
def nothing(table: str) -> pa.Table:
    """Return no rows of ``table`` as the tail holds them; making that anew takes as long as a small question."""
    return TAIL[table].empty_table()


INDEXED_SERIES = pa.schema(
    [pa.field(c.name, REPEATED_TEXT if c.type == pa.string() else c.type) for c in SERIES],
)
"""What the index lists its series as."""

SORT_KEYS = {
    "samples": ["series_id", "time"],
    "exponential": ["series_id", "time"],
    "series": ["name", "series_id"],
    "events": ["time"],
    "spans": ["time"],
    "rollup_1m": ["series_id", "time"],
    "rollup_1h": ["series_id", "time"],
}

SQL_TYPES = {
    pa.int64(): "BIGINT",
    pa.int32(): "INTEGER",
    pa.int16(): "SMALLINT",
    pa.int8(): "TINYINT",
    pa.float64(): "DOUBLE",
    pa.float32(): "FLOAT",
    pa.string(): "VARCHAR",
    TIME: "TIMESTAMPTZ",
    LABELS: "MAP(VARCHAR, VARCHAR)",
    _COUNTS: "BIGINT[]",
    _DOUBLES: "DOUBLE[]",
}


def completed(table: str, rows: pa.Table) -> pa.Table:
    """Return rows of a segment of ``table`` with NULL in the columns that it lacks."""
    for name in OPTIONAL.get(table, ()):
        if name not in rows.column_names:
            column = TABLES[table].field(name)
            rows = rows.append_column(column, pa.nulls(rows.num_rows, column.type))
    return rows


@cache
def field_ids(table: str) -> dict[str, int]:
    """Return the number of each column of ``table`` by its path (``time``, ``labels.key`` …), as the catalog counts."""
    paths = [path for column in TABLES[table] for path in _paths(column)]
    return {path: number for number, path in enumerate(paths, 1)}


def _paths(column: pa.Field) -> list[str]:
    if pa.types.is_map(column.type):
        return [column.name, f"{column.name}.key", f"{column.name}.value"]
    if pa.types.is_list(column.type):
        return [column.name, f"{column.name}.element"]
    return [column.name]
