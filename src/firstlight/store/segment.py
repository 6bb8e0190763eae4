"""Writing sealed segments: sorted Parquet with an encoding chosen for each column."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.store import encoding, schema
from firstlight.store.layout import sync_directory

_COMPRESSION = "zstd"
_COMPRESSION_LEVEL = 3
_ROW_GROUP_ROWS = 131_072
_DELTA = "DELTA_BINARY_PACKED"
_COLUMN_ENCODINGS = {
    "samples": {
        "series_id": _DELTA,
        "time": _DELTA,
        "ns": _DELTA,
        "value_int": _DELTA,
        "value_divisor": _DELTA,
        "value_double": "BYTE_STREAM_SPLIT",
    },
    "events": {"time": _DELTA, "ns": _DELTA},
    "spans": {"time": _DELTA, "ns": _DELTA, "duration_ns": _DELTA},
    "exponential": {"series_id": _DELTA, "time": _DELTA, "ns": _DELTA},
}
_LIKELY_DISTINCT = frozenset({"trace_id", "span_id", "parent_id", "body", "attributes"})


def sealed_samples(tail: pa.Table) -> pa.Table:
    """Return tail samples sorted by series and time with their values split into exact integers and doubles."""
    ids = _numpy(tail, "series_id")
    times = _numpy(tail, "time", pa.int64())
    rest = _numpy(tail, "ns")
    values = _numpy(tail, "value")
    order = np.lexsort((rest, times, ids))
    ids, values = ids[order], values[order]
    starts = np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1])))
    divisor, whole, exact = encoding.split(values, starts)
    columns = [
        pa.array(ids),
        pa.array(times[order], schema.TIME),
        pa.array(rest[order]),
        pa.array(whole, mask=~exact),
        pa.array(divisor, mask=~exact),
        pa.array(values, mask=exact),
    ]
    return pa.Table.from_arrays(columns, schema=schema.SAMPLES)


def write(table: pa.Table, name: str, staging: Path, target: Path) -> int:
    """Write ``table`` as a segment of table ``name``: first to ``staging``, synced, then renamed to ``target``.

    Returns:
        Its size in bytes.

    Raises:
        OSError: the disk refused.
    """
    encodings = _COLUMN_ENCODINGS.get(name, {})
    dictionary = [f.name for f in table.schema if _wants_dictionary(f, encodings)]
    pq.write_table(
        table,
        staging,
        compression=_COMPRESSION,
        compression_level=_COMPRESSION_LEVEL,
        use_dictionary=dictionary,
        column_encoding=encodings or None,
        row_group_size=_ROW_GROUP_ROWS,
        write_page_checksum=True,
        version="2.6",
    )
    with open(staging, "rb") as file:
        os.fsync(file.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    staging.replace(target)
    sync_directory(target.parent)
    return target.stat().st_size


def _wants_dictionary(field: pa.Field, encodings: dict[str, str]) -> bool:
    return pa.types.is_string(field.type) and field.name not in encodings and field.name not in _LIKELY_DISTINCT


def _numpy(table: pa.Table, column: str, as_type: pa.DataType | None = None) -> Any:
    values = table.column(column)
    if as_type is not None:
        values = values.cast(as_type)
    return values.to_numpy()
