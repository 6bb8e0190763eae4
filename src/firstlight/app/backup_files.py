"""What a backup consists of, and copying with a checksum.

::

    BACKUP/firstlight-backup.lock     marks the directory, and is held while somebody writes to it
    BACKUP/CURRENT                    name of the generation that is whole
    BACKUP/segments/TABLE/*.parquet   segments, shared by all generations, never changed
    BACKUP/GENERATION/catalog.sqlite  the catalog at one moment
    BACKUP/GENERATION/wal/…           what was not sealed then
    BACKUP/GENERATION/SHA256SUMS      of all of it; ``sha256sum -c SHA256SUMS`` reads it, too
"""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from firstlight.errors import CorruptSegment, StorageError, UsageError
from firstlight.store.layout import sync_directory

SUMS = "SHA256SUMS"
CATALOG = "catalog.sqlite"
LOGS = "wal"
SEGMENTS = "segments"
PART = ".part"

_COPY_BYTES = 1 << 20

Progress = Callable[[str, int, int], None]
"""Hears what is being done, and how many bytes of how many."""


def quietly(what: str, done_bytes: int, total_bytes: int) -> None:
    """Hear nothing of the progress."""
    del what, done_bytes, total_bytes


class BackupLayout:
    """Names every path of one backup."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).absolute()
        self.lock = self.root / "firstlight-backup.lock"
        self.current = self.root / "CURRENT"
        self.segments = self.root / SEGMENTS

    def generation(self) -> Path | None:
        """Return the directory of the generation that is whole; None when there is none yet."""
        try:
            return self.root / self.current.read_text().strip()
        except FileNotFoundError:
            return None

    def claim(self) -> None:
        """Make the directory, unless it is there and something else.

        Raises:
            UsageError: it holds other files.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        if not self.lock.exists() and any(self.root.iterdir()):
            raise UsageError(f"{self.root} holds something that is no backup; give an empty directory, or a backup")


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    hasher = sha256()
    with open(path, "rb") as file:
        while piece := file.read(_COPY_BYTES):
            hasher.update(piece)
    return hasher.hexdigest()


def copy(source: Path, target: Path, limit_bytes: int | None = None) -> str:
    """Copy a file, or its beginning, so that the copy is there whole or not at all; return its SHA-256."""
    part = target.with_name(f"{target.name}{PART}")
    hasher = sha256()
    left = source.stat().st_size if limit_bytes is None else limit_bytes
    with open(source, "rb") as read, open(part, "wb") as write:
        while left and (piece := read.read(min(_COPY_BYTES, left))):
            write.write(piece)
            hasher.update(piece)
            left -= len(piece)
        write.flush()
        os.fsync(write.fileno())
    part.replace(target)
    return hasher.hexdigest()


def write_sums(generation: Path, sums: dict[str, str]) -> None:
    """Write the checksums of a generation; paths are relative to it."""
    write_text(generation / SUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))


def read_sums(generation: Path) -> dict[str, str]:
    """Return the checksums of a generation by path.

    Raises:
        StorageError: they are missing.
        CorruptSegment: they are no checksums.
    """
    path = generation / SUMS
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"cannot read {path}: {error}; is this a backup of Firstlight?") from error
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if not sums or not all(sums) or not all(sums.values()):
        raise CorruptSegment(f"{path} is damaged: it does not have a checksum and a name on each line")
    return sums


def write_text(path: Path, text: str) -> None:
    """Write a small file so that it is there whole or not at all."""
    part = path.with_name(f"{path.name}{PART}")
    with open(part, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_directory(path.parent)
