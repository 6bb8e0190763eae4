"""Text files in blocks of whole lines, cut at the same places each time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, NamedTuple

from firstlight.codecs.otlp.outcome import Decoded
from firstlight.errors import DecodeError, FirstlightError
from firstlight.model import Batch

BLOCK_BYTES = 1 << 20
LINE_MOST_BYTES = 64 << 20
"""A longer line is no line of any format that is read here."""


class Line(NamedTuple):
    """One line, or one record that goes over several.

    Attributes:
        number: of its first line in the file, from 1.
        data: with its end.
        head: lines that must be read before it.
    """

    number: int
    data: bytes
    head: bytes = b""


@dataclass(frozen=True, slots=True)
class Bad:
    """Something that cannot be kept.

    Attributes:
        line: its number in the file; in a file without lines that of the row or message.
        reason: why.
    """

    line: int
    reason: str


@dataclass
class Piece:
    """What one block, or some rows of a file without lines, amounts to.

    Attributes:
        batches: to keep.
        bad: what cannot be kept.
        bad_rows: how many that is.
    """

    batches: list[Batch] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    bad_rows: int = 0

    def take(self, line: int, decoded: Decoded) -> None:
        """Add the content of an OTLP request, and count what it has that cannot be kept."""
        self.batches += decoded.batches
        if decoded.rejected:
            self.refuse(line, "; ".join(decoded.reasons), decoded.rejected)

    def refuse(self, line: int, reason: str, rows: int = 1) -> None:
        """Count what cannot be kept."""
        self.bad.append(Bad(line, reason))
        self.bad_rows += rows


def blocks(stream: IO[bytes], *, quoted: bool = False) -> Iterator[list[Line]]:
    """Yield the lines of ``stream`` in blocks of about 1 MiB.

    Args:
        stream: plain bytes.
        quoted: a line goes on until its quotes are closed, as a record of CSV does.

    Raises:
        DecodeError: a line is longer than 64 MiB.
    """
    rest, first_line = b"", 1
    while True:
        more = _read_block(stream)
        data = rest + more
        end = (_last_closed(data) if quoted else data.rfind(b"\n") + 1) if more else len(data)
        if end:
            lines = _split(data[:end], first_line)
            first_line += len(lines)
            yield _closed(lines) if quoted else lines
        rest = data[end:]
        if not more:
            return
        if len(rest) > LINE_MOST_BYTES:
            raise DecodeError(f"line {first_line} is longer than {LINE_MOST_BYTES >> 20} MiB; is this a text file?")


def _read_block(stream: IO[bytes]) -> bytes:
    """Read a block whole, so that the cuts do not depend on how a pipe delivers."""
    parts, size = [], 0
    while size < BLOCK_BYTES and (part := stream.read(BLOCK_BYTES - size)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _split(data: bytes, first_line: int) -> list[Line]:
    """Split at line feeds only: other characters that end lines for Python may stand inside."""
    lines = data.split(b"\n")
    last = lines.pop()
    ended = [Line(number, line + b"\n") for number, line in enumerate(lines, first_line)]
    return [*ended, Line(first_line + len(ended), last)] if last else ended


def _last_closed(data: bytes) -> int:
    """Return where the last line ends with all quotes before it closed."""
    is_open = data.count(b'"') % 2
    end = len(data)
    while end:
        newline = data.rfind(b"\n", 0, end)
        is_open ^= data.count(b'"', newline + 1, end) % 2
        if newline < 0 or not is_open:
            return newline + 1
        end = newline
    return 0


def _closed(lines: list[Line]) -> list[Line]:
    records: list[Line] = []
    is_open = False
    for line in lines:
        if is_open:
            records[-1] = Line(records[-1].number, records[-1].data + line.data)
        else:
            records.append(line)
        is_open ^= bool(line.data.count(b'"') % 2)
    return records


def salvage(lines: list[Line], decode: Callable[[bytes], list[Batch]], piece: Piece) -> None:
    """Decode ``lines`` into ``piece``; where that fails, halve them until the lines that are to blame are found."""
    try:
        piece.batches += decode(lines[0].head + b"".join([line.data for line in lines]))
    except (FirstlightError, ValueError, OverflowError) as error:
        if len(lines) == 1:
            piece.refuse(lines[0].number, reason_of(error))
            return
        middle = len(lines) // 2
        salvage(lines[:middle], decode, piece)
        salvage(lines[middle:], decode, piece)


def reason_of(error: Exception) -> str:
    """Return the message without the codec's own place, which counts from the block's beginning."""
    place, colon, rest = str(error).partition(": ")
    is_place = ", line " in place or place.startswith(("JSON Lines", "CSV"))
    return rest if colon and is_place else str(error)
