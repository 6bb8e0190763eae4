"""The answer to a query: columns, and whatever one wants to have them as."""

from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from typing import Any

import pyarrow as pa

from firstlight.errors import PluginError


class RowSet:
    """Rows with their column names and SQL types (see :class:`firstlight.ports.Rows`).

    Args:
        table: the rows.
        types: the columns' SQL types.
        truncated: there was more than the limit.
        warnings: what is missing in the answer, for people.
    """

    def __init__(
        self, table: pa.Table, types: Sequence[str], *, truncated: bool = False, warnings: Sequence[str] = ()
    ) -> None:
        self._table = table
        self.columns: Sequence[str] = list(table.column_names)
        self.types = types
        self.truncated = truncated
        self.warnings = tuple(warnings)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @cached_property
    def rows(self) -> Sequence[tuple[Any, ...]]:
        """Each row as a tuple of plain Python values, made when asked for; maps are dicts, whole decimals integers."""
        if not self.columns:
            return []
        return list(zip(*map(python_values, self._table.columns), strict=True))

    def dicts(self) -> list[dict[str, Any]]:
        """Return each row as a dict."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def arrow(self) -> pa.Table:
        """Return the rows as they came from the query: an Arrow table."""
        return self._table

    def polars(self) -> Any:
        """Return a ``polars.DataFrame``.

        Raises:
            PluginError: polars is not installed.
        """
        return package("polars").from_arrow(self._table)

    def pandas(self) -> Any:
        """Return a ``pandas.DataFrame`` of Arrow columns: pandas' own would turn integers beside NULL into floats.

        Raises:
            PluginError: pandas is not installed.
        """
        return self._table.to_pandas(types_mapper=package("pandas").ArrowDtype)


def package(name: str) -> Any:
    """Return the package that answers are turned into.

    Raises:
        PluginError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise PluginError(f"{name} is not installed; pip install {name}") from error


def python_values(column: pa.ChunkedArray) -> list[Any]:
    """Return a column as plain Python values: times to the microsecond, maps as dicts, whole decimals as integers."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    values = column.to_pylist()
    if pa.types.is_decimal(kind) and kind.scale == 0:
        return [None if value is None else int(value) for value in values]
    if pa.types.is_map(kind):
        return [None if value is None else dict(value) for value in values]
    return list(values)
