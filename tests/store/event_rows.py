"""Rows of the events table, made of texts."""

from collections.abc import Sequence

import pyarrow as pa

from firstlight.store import schema

BEGIN_US = 1_760_000_000_000_000
STEP_US = 1_500


def events(bodies: Sequence[str], begin_us: int = BEGIN_US, step_us: int = STEP_US) -> pa.Table:
    """Return one event a body, ``step_us`` apart."""
    count = len(bodies)
    columns = {name: pa.array([""] * count) for name in schema.EVENTS.names}
    columns |= {
        "time": pa.array([begin_us + i * step_us for i in range(count)], schema.TIME),
        "ns": pa.array([i % 1000 for i in range(count)], pa.int16()),
        "level_number": pa.array([9 + i % 3 * 4 for i in range(count)], pa.int8()),
        "subsystem": pa.array([f"s{i % 3}" for i in range(count)]),
        "name": pa.array([f"name{i % 7}" for i in range(count)]),
        "body": pa.array(bodies, pa.string()),
        "attributes": pa.array([f'{{"n":{i}}}' for i in range(count)]),
        "trace_id": pa.array([f"{i * 7919:032x}" for i in range(count)]),
        "pid": pa.array([i % 5 for i in range(count)], pa.int64()),
    }
    return pa.table(columns).select(schema.EVENTS.names).cast(schema.EVENTS)
