"""Packs finished files on a thread of its own, so that rows never wait for it."""

import gzip
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import IO, Any

from firstlight.errors import UsageError

PART = ".tmp"
"""Ends the name of a packed file that is not whole yet."""

SUFFIXES = {"gzip": ".gz", "zstd": ".zst"}
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3
_COPY_BYTES = 1 << 20

Open = Callable[[Path], IO[bytes] | gzip.GzipFile]


class Compressor:
    """Turns ``<file>`` into ``<file><suffix>``, one file at a time.

    Args:
        suffix: with its dot.
        open_packed: opens a file for writing what is packed into it.
    """

    def __init__(self, suffix: str, open_packed: Open) -> None:
        self._suffix = suffix
        self._open = open_packed
        self._thread: Thread | None = None

    def start(self, path: Path) -> None:
        """Pack ``path`` in the background, after what was started before."""
        self.wait()
        self._thread = Thread(target=self._pack, args=(path,), name="firstlight-compress", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until nothing is being packed."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def forget(self) -> None:
        """In a forked child: what the parent is packing is the parent's."""
        self._thread = None

    def _pack(self, path: Path) -> None:
        part = path.with_name(f"{path.name}{self._suffix}{PART}")
        try:
            with open(path, "rb") as plain, self._open(part) as packed:
                shutil.copyfileobj(plain, packed, _COPY_BYTES)
            _sync(part)
            part.replace(path.with_name(f"{path.name}{self._suffix}"))
            path.unlink()
        except OSError:
            # The plain file stays, which is as readable; a full disk is reported where rows are written.
            with suppress(OSError):
                part.unlink(missing_ok=True)


def compressor(name: str) -> Compressor | None:
    """Return what packs as ``name`` says; None for ``none``.

    Raises:
        UsageError: ``zstd`` is wanted and this Python has none.
    """
    if name == "none":
        return None
    return Compressor(SUFFIXES[name], _open_gzip if name == "gzip" else _zstd())


def _open_gzip(path: Path) -> gzip.GzipFile:
    return gzip.open(path, "wb", compresslevel=_GZIP_LEVEL)


def _zstd() -> Open:
    """Find zstd: Python 3.14 has its own, before that it is the package ``zstandard``."""
    for module in ("compression.zstd", "zstandard"):
        with suppress(ImportError):
            return partial(_open_zstd, import_module(module))
    raise UsageError("zstd needs Python 3.14 or the package zstandard; try: pip install zstandard, or use gzip")


def _open_zstd(library: Any, path: Path) -> IO[bytes]:
    if library.__name__ == "zstandard":
        packed: IO[bytes] = library.open(path, "wb", cctx=library.ZstdCompressor(level=_ZSTD_LEVEL))
    else:
        packed = library.open(path, "wb", level=_ZSTD_LEVEL)
    return packed


def _sync(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
