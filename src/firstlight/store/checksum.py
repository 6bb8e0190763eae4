"""A segment's name carries the CRC-32 of the whole file: ``2026-01-31-….1a2b3c4d.parquet``.

Parquet's own checksums cover the pages, not the footer, and not every engine looks at them: DuckDB 1.5 returns wrong
values from a damaged page.
"""

import io
import re
import zlib
from pathlib import Path

_PIECE_BYTES = 2**20
_NOTED = re.compile(r"\.([0-9a-f]{8})\.parquet$")


class SummedFile(io.BufferedWriter):
    """A new file that is written from its beginning to its end.

    Attributes:
        crc32: of what was written so far.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "w"))
        self.crc32 = 0

    def write(self, data: object) -> int:
        """Append ``data``, any buffer."""
        self.crc32 = zlib.crc32(data, self.crc32)  # type: ignore[arg-type]
        return super().write(data)  # type: ignore[arg-type]


def with_sum(path: Path, crc32: int) -> Path:
    """Return ``path`` with the sum of what lies there in its name."""
    return path.with_name(f"{path.stem}.{crc32:08x}{path.suffix}")


def without_sum(path: str | Path) -> str:
    """Return a file's name without the sum: what a segment and its rollups have in common."""
    return _NOTED.sub(".parquet", Path(path).name)


def noted_sum(path: str | Path) -> int | None:
    """Return the sum that a name carries; None for a file that somebody else named."""
    found = _NOTED.search(str(path))
    return int(found[1], 16) if found else None


def sum_of(path: str | Path) -> int:
    """Return the CRC-32 of a file.

    Raises:
        OSError: it cannot be read.
    """
    crc32 = 0
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(_PIECE_BYTES):
            crc32 = zlib.crc32(piece, crc32)
    return crc32
