"""The answer to a query as plain Python values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa


@dataclass(frozen=True)
class RowSet:
    """Rows with their column names and SQL types (see :class:`firstlight.ports.Rows`).

    Attributes:
        truncated: there was more than the limit.
        warnings: what is missing in the answer, for people.
    """

    columns: Sequence[str]
    types: Sequence[str]
    rows: Sequence[tuple[Any, ...]]
    truncated: bool = False
    warnings: tuple[str, ...] = ()

    def dicts(self) -> list[dict[str, Any]]:
        """Return each row as a dict."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def from_arrow(batches: Sequence[pa.RecordBatch]) -> list[tuple[Any, ...]]:
    """Return Arrow batches as rows of Python values; maps become dicts and whole decimals integers."""
    rows: list[tuple[Any, ...]] = []
    for batch in batches:
        values = [_python(batch.column(i)) for i in range(batch.num_columns)]
        rows.extend(zip(*values, strict=True))
    return rows


def _python(column: pa.Array) -> list[Any]:
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    values = column.to_pylist()
    if pa.types.is_decimal(kind) and kind.scale == 0:
        return [None if value is None else int(value) for value in values]
    if pa.types.is_map(kind):
        return [None if value is None else dict(value) for value in values]
    return list(values)
