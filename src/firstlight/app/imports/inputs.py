"""The files that an import reads: found, opened and inflated as they come."""

import gzip
import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from firstlight.errors import DecodeError, UsageError

STDIN = "-"
DIGEST_BYTES = 16
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_MAGIC_BYTES = 4
_COPY_BYTES = 1 << 20
_UNFINISHED = (".tmp", ".part")
PACKED_SUFFIXES = (".gz", ".zst")


@dataclass(frozen=True, slots=True)
class Input:
    """One file, or standard input.

    Attributes:
        path: where it lies; None is standard input.
        size_bytes: as it lies there; 0 where that is unknown.
    """

    path: Path | None
    size_bytes: int = 0

    @property
    def name(self) -> str:
        """What people call it."""
        return "standard input" if self.path is None else str(self.path)

    @property
    def suffix(self) -> str:
        """The end of its name in lower case, without that of packing: ``.jsonl`` of ``a.jsonl.gz``."""
        if self.path is None:
            return ""
        name = self.path.name.lower()
        for packed in PACKED_SUFFIXES:
            name = name.removesuffix(packed)
        return Path(name).suffix

    def digest(self) -> bytes:
        """Return a digest of all its bytes as they lie on the disk; nothing for what can be read once only.

        Raises:
            UsageError: it cannot be read.
        """
        if self.path is None or not self.path.is_file():
            return b""
        hasher = blake2b(digest_size=DIGEST_BYTES)
        try:
            with open(self.path, "rb") as file:
                while piece := file.read(_COPY_BYTES):
                    hasher.update(piece)
        except OSError as error:
            raise _unreadable(self.name, error) from error
        return hasher.digest()


class Opened:
    """An input being read; inflated when its first bytes say that it is packed.

    Attributes:
        stream: its plain bytes.
    """

    def __init__(self, raw: io.BufferedReader) -> None:
        self._raw = raw
        self.stream = _inflated(raw)

    def position_bytes(self) -> int:
        """Return how much of the input was taken, as it lies on the disk."""
        try:
            return self._raw.tell()
        except OSError:
            return 0


def find(names: Iterable[str]) -> list[Input]:
    """Return the inputs that ``names`` stand for: files, ``-`` for standard input, directories with all below them.

    Hidden files and those still being written (``.tmp``, ``.part``) of a directory are passed over.

    Raises:
        UsageError: there is no such file, or a directory has none.
    """
    return [one for name in names for one in _find(name)]


def _find(name: str) -> list[Input]:
    if name == STDIN:
        return [Input(None)]
    path = Path(name)
    if path.is_dir():
        found = [one for one in sorted(path.rglob("*")) if one.is_file() and not _is_aside(one.relative_to(path))]
        if not found:
            raise UsageError(f"the directory {path} has no files")
        return [Input(one, one.stat().st_size) for one in found]
    if not path.exists():
        raise UsageError(f"there is no file {path}")
    return [Input(path, path.stat().st_size)]


def _is_aside(path: Path) -> bool:
    return path.suffix in _UNFINISHED or any(part.startswith(".") for part in path.parts)


@contextmanager
def opened(source: Input) -> Iterator[Opened]:
    """Open ``source``.

    Raises:
        UsageError: it cannot be read.
        DecodeError: it is packed, and damaged or cut off.
    """
    try:
        if source.path is None:
            yield Opened(cast(io.BufferedReader, sys.stdin.buffer))
        else:
            with open(source.path, "rb") as raw:
                yield Opened(raw)
    except (EOFError, gzip.BadGzipFile) as error:
        raise DecodeError(f"{source.name} is packed and damaged: {error}") from error
    except OSError as error:
        if "ompress" in str(error):  # Arrow has no class of its own for it
            raise DecodeError(f"{source.name} is packed and damaged: {error}") from error
        raise _unreadable(source.name, error) from error


def _inflated(raw: io.BufferedReader) -> io.BufferedReader:
    magic = raw.peek(_MAGIC_BYTES)[:_MAGIC_BYTES]
    packed: Any = None
    if magic.startswith(_GZIP):
        packed = gzip.GzipFile(fileobj=raw)
    if magic == _ZSTD:
        packed = pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd")
    return raw if packed is None else io.BufferedReader(packed)


def _unreadable(name: str, error: OSError) -> UsageError:
    return UsageError(f"{name} cannot be read: {error.strerror or error}")
