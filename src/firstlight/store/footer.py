"""What a segment's footer says of its row groups, and the row groups themselves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.errors import CorruptSegment

FOOTER_ROW_GROUP_BYTES = 4096
"""What pyarrow's form of a row group's footer takes in memory, about."""

_TICKS_US = {"us": 1, "ms": 1000}
_LEAST, _GREATEST = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Footer:
    """The row groups of a segment.

    Attributes:
        path: of the file.
        metadata: pyarrow's.
        rows: ``(g,)`` int64, of each.
        low: the least value of a column in each, ``(g,)`` int64; times are microseconds.
        high: the greatest.
        tick_us: how many microseconds the file's times count in.
    """

    path: str
    metadata: Any
    rows: Any
    low: dict[str, Any]
    high: dict[str, Any]
    tick_us: int

    @classmethod
    def of(cls, path: str, columns: Sequence[str]) -> "Footer":
        """Read a footer with the limits of whole-number ``columns``.

        Raises:
            FileNotFoundError: the file was replaced by another one; look at the catalog again.
            CorruptSegment: it cannot be read.
        """
        with reading(path):
            metadata = pq.read_metadata(path)
            places = {metadata.schema.column(at).name: at for at in range(metadata.num_columns)}
            groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
            tick_us = _TICKS_US[metadata.schema.to_arrow_schema().field("time").type.unit]
            units = {"time": tick_us}
            limits = {
                name: np.array([_limits(group, places[name], units.get(name, 1)) for group in groups]).reshape(-1, 2)
                for name in columns
            }
        low, high = ({name: found[:, at] for name, found in limits.items()} for at in (0, 1))
        return cls(path, metadata, np.array([group.num_rows for group in groups], np.int64), low, high, tick_us)

    def read(self, groups: Sequence[int], columns: Sequence[str], read_dictionary: Sequence[str] = ()) -> pa.Table:
        """Return columns of row groups; raises like :meth:`of`.

        Args:
            groups: their numbers.
            columns: their names.
            read_dictionary: those of them that shall be dictionaries.
        """
        options = {"metadata": self.metadata, "read_dictionary": list(read_dictionary)}
        with reading(self.path), pq.ParquetFile(self.path, page_checksum_verification=True, **options) as file:
            return file.read_row_groups(list(groups), columns=list(columns), use_threads=False)


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Name the file in what goes wrong while it is read.

    Raises:
        CorruptSegment: it did.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException, KeyError) as error:
        name = Path(path).name
        raise CorruptSegment(f"cannot read segment {name}: {error}; 'firstlight lake verify' says more") from error


def _limits(group: Any, column: int, unit: int) -> tuple[int, int]:
    statistics = group.column(column).statistics
    if statistics is None or not statistics.has_min_max:
        return _LEAST, _GREATEST
    return statistics.min_raw * unit, statistics.max_raw * unit
