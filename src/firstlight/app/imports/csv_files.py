"""CSV: ours by its line of names, anybody's by a mapping of its columns."""

import csv as standard_csv
import io
from collections.abc import Callable, Iterator
from typing import IO

from firstlight.app.imports.blocks import Line, Piece, blocks, salvage
from firstlight.app.imports.tables import TableReader
from firstlight.app.imports.wanted import Wanted
from firstlight.codecs import csv
from firstlight.errors import DecodeError
from firstlight.model import Batch

_BOM = b"\xef\xbb\xbf"
_DELIMITERS = ",;\t|"


class CsvReader:
    """Reads CSV.  What stands between cells is told by the line of names: a comma, semicolon, tab or bar."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    def pieces(self, stream: IO[bytes]) -> Iterator[Piece]:
        """Yield what each block amounts to.

        Raises:
            UsageError: the mapping does not fit the columns.
        """
        handle: Callable[[list[Line]], Piece] | None = None
        for lines in blocks(stream, quoted=True):
            if handle is None:
                handle = self._begin(lines.pop(0).data.removeprefix(_BOM))
            yield handle(lines) if lines else Piece()

    def _begin(self, head: bytes) -> Callable[[list[Line]], Piece]:
        text = _text(head)
        delimiter = max(_DELIMITERS, key=text.count)
        names = next(standard_csv.reader([text], delimiter=delimiter), [])
        if tuple(names) == csv.EVENT_COLUMNS:
            return lambda lines: _ours(lines, head, csv.decode_events)
        if tuple(names) == csv.METRIC_COLUMNS:
            return lambda lines: _ours(lines, head, lambda data: [csv.decode_metrics(data)])
        table = TableReader([name.strip() for name in names], self._wanted)
        return lambda lines: _theirs(lines, delimiter, table)


def _ours(lines: list[Line], head: bytes, decode: Callable[[bytes], list[Batch]]) -> Piece:
    piece = Piece()
    salvage([line._replace(head=head) for line in lines], decode, piece)
    return piece


def _theirs(lines: list[Line], delimiter: str, table: TableReader) -> Piece:
    piece = Piece()
    table.add(_rows(lines, delimiter, piece), piece)
    return piece


def _rows(lines: list[Line], delimiter: str, piece: Piece) -> Iterator[tuple[int, list[str]]]:
    for line in lines:
        try:
            for row in standard_csv.reader(io.StringIO(_text(line.data), newline=""), delimiter=delimiter, strict=True):
                if row:
                    yield line.number, row
        except (DecodeError, standard_csv.Error) as error:
            piece.refuse(line.number, str(error))


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"not UTF-8: {error.reason}") from error
