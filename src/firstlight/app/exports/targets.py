"""Where an export goes: standard output, a file, or a directory; files appear whole or not at all."""

import gzip
import os
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from firstlight.errors import UsageError
from firstlight.store.layout import explain, sync_directory

STDOUT = "-"
_PART = ".part"
_PACKED = (".gz", ".zst")


def plain_name(path: Path) -> str:
    """Return the last part of a path without the ending of packing."""
    name = path.name
    for packed in _PACKED:
        name = name.removesuffix(packed)
    return name


class Target:
    """Opens the files of one export.

    Args:
        name: ``-``, a file (packed when it ends in ``.gz`` or ``.zst``), or a directory, which exists or ends in ``/``.

    Attributes:
        is_directory: whether there may be several files.
    """

    def __init__(self, name: str) -> None:
        self._path = None if name == STDOUT else Path(name)
        self.is_directory = self._path is not None and (name.endswith("/") or self._path.is_dir())
        self._stack = ExitStack()
        self._opened = 0
        self._moves: list[tuple[Path, Path]] = []

    def open(self, name: str) -> IO[bytes]:
        """Open a file for writing; ``name`` is its name in a directory.

        Raises:
            UsageError: there can be one file only, and it is open already.
            StorageError: it cannot be made.
        """
        self._opened += 1
        if self._opened > 1 and not self.is_directory:
            raise UsageError("this takes several files: name a directory, as in export/, or one --signal")
        if self._path is None:
            return sys.stdout.buffer
        target = self._path / name if self.is_directory else self._path
        part = target.with_name(f".{target.name}{_PART}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            raw = open(part, "wb")  # noqa: SIM115 - closed by the stack
        except OSError as error:
            raise explain(error, target) from error
        self._moves.append((part, target))
        self._stack.callback(_close_synced, raw)
        return self._packing(raw, target)

    def finish(self) -> list[str]:
        """Bring everything to the disk and under its name; return the names.

        Raises:
            StorageError: the disk refused.
            StorageFull: no space.
        """
        try:
            self._stack.close()
            for part, target in self._moves:
                part.replace(target)
            for parent in {target.parent for _, target in self._moves}:
                sync_directory(parent)
        except OSError as error:
            raise explain(error, self._path or Path(STDOUT)) from error
        return [str(target) for _, target in self._moves]

    def abandon(self) -> None:
        """Remove what was begun."""
        with suppress(OSError, pa.ArrowException):
            self._stack.close()
        for part, _ in self._moves:
            part.unlink(missing_ok=True)

    def _packing(self, raw: IO[bytes], target: Path) -> IO[bytes]:
        packed: Any = raw
        if target.suffix == ".gz":
            packed = self._stack.enter_context(gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0))
        elif target.suffix == ".zst":
            packed = self._stack.enter_context(pa.CompressedOutputStream(pa.PythonFile(raw, "w"), "zstd"))
        return packed  # type: ignore[no-any-return]


def _close_synced(raw: IO[bytes]) -> None:
    if not raw.closed:
        raw.flush()
        os.fsync(raw.fileno())
        raw.close()
