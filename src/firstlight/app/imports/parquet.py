"""Parquet: ours by its schema, anybody's by a mapping of its columns."""

from collections.abc import Callable, Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.app.imports.blocks import Piece
from firstlight.app.imports.tables import TableReader
from firstlight.app.imports.wanted import Wanted
from firstlight.app.shown import iso
from firstlight.errors import DecodeError, FirstlightError, UsageError
from firstlight.model import Batch
from firstlight.store import batches, schema

PIECE_ROWS = 16_384

_METRICS = frozenset({"time", "ns", "value", "name", "labels", "field", "kind"})
_OURS: tuple[tuple[frozenset[str], Callable[[pa.Table], list[Batch]]], ...] = (
    (frozenset(schema.EVENTS.names), batches.event_batches),
    (frozenset(schema.SPANS.names), batches.span_batches),
    (
        frozenset(batches.EXPONENTIAL.names) - {"series_id", "description", *schema.OPTIONAL["exponential"]},
        lambda table: [batches.exponential_batch(table)],
    ),
    (_METRICS, lambda table: [batches.metric_batch(table)]),
)


class ParquetReader:
    """Reads Parquet, some rows at a time."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    def pieces(self, stream: IO[bytes]) -> Iterator[Piece]:
        """Yield what some rows amount to.

        Raises:
            UsageError: the file cannot be read from its end, or the mapping does not fit its columns.
            DecodeError: it is no Parquet file, or damaged.
        """
        if not stream.seekable():
            raise UsageError("a Parquet file is read from its end: give a file that is not packed, no pipe")
        try:
            file = pq.ParquetFile(stream)
            names = set(file.schema_arrow.names)
            if names >= {"series_id", "value_int", "value_divisor", "value_double"}:
                raise UsageError("this is a segment of a lake, which does not name its series; export the lake instead")
            decode = next((decode for columns, decode in _OURS if names >= columns), None)
            yield from _ours(file, decode) if decode else self._theirs(file)
        except pa.ArrowException as error:
            raise DecodeError(f"not a sound Parquet file: {error}") from error

    def _theirs(self, file: pq.ParquetFile) -> Iterator[Piece]:
        table = TableReader(file.schema_arrow.names, self._wanted)
        for first_row, rows in _portions(file):
            piece = Piece()
            cells = zip(*(_python(column) for column in rows.columns), strict=True)
            table.add(enumerate(cells, first_row), piece)
            yield piece


def _ours(file: pq.ParquetFile, decode: Callable[[pa.Table], list[Batch]]) -> Iterator[Piece]:
    for first_row, rows in _portions(file):
        piece = Piece()
        try:
            piece.batches = decode(rows)
        except (FirstlightError, ValueError, TypeError, KeyError) as error:
            piece.refuse(first_row, f"these {len(rows)} rows cannot be read: {error}", len(rows))
        yield piece


def _portions(file: pq.ParquetFile) -> Iterator[tuple[int, pa.Table]]:
    first_row = 1
    for rows in file.iter_batches(PIECE_ROWS):
        yield first_row, pa.Table.from_batches([rows])
        first_row += len(rows)


def _python(column: pa.ChunkedArray) -> list[Any]:
    """Return cells as plain values; a timestamp of nanoseconds, for which Python has no type, as text."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return [None if cell is None else iso(cell) for cell in column.cast(pa.int64()).to_pylist()]
    if pa.types.is_map(kind):
        return [None if cell is None else dict(cell) for cell in column.to_pylist()]
    return list(column.to_pylist())
