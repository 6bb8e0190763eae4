"""Files that rotate: what all file exporters write through.

A file belongs to one process: its name holds the time it was begun and the process id, and a lock on it is held while
it grows, so neither another worker nor a clean-up ever touches it.  Rows go out in one unbuffered ``write`` a batch, so
a process that is killed leaves every batch it reported as written, and at most one torn line, at the end.
"""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Literal

import msgspec

from firstlight.errors import StorageFull, Unavailable, UsageError
from firstlight.export.compress import Compressor, compressor
from firstlight.export.keep import remove_old
from firstlight.model import Batch
from firstlight.ports import Clock

MIB = 1024 * 1024
NS_PER_S = 1_000_000_000
RETRY_AFTER_S = 5.0
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NAMES_TRIED = 1000

Parts = Mapping[str, bytes]
"""What one batch adds to which file."""


class FilePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How files are cut, packed and kept.

    Attributes:
        rotate_bytes: a file that would grow beyond this is finished first; 0 never.
        rotate_interval_s: a file this old is finished at the next batch; 0 never.
        compression: of finished files.
        keep_files: finished files kept of each kind; 0 keeps all.
        keep_s: seconds a finished file is kept after its last row; 0 forever.
        sync: when rows are forced to the disk: with each batch, when a file is finished, or whenever the system likes.
    """

    rotate_bytes: int = 100 * MIB
    rotate_interval_s: float = 0.0
    compression: Literal["none", "gzip", "zstd"] = "none"
    keep_files: int = 0
    keep_s: float = 0.0
    sync: Literal["close", "always", "never"] = "close"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UsageError: one of them makes no sense.
        """
        if min(self.rotate_bytes, self.rotate_interval_s, self.keep_files, self.keep_s) < 0:
            raise UsageError("sizes, counts and seconds of a file policy cannot be negative; 0 switches them off")
        for value, allowed in ((self.compression, ("none", "gzip", "zstd")), (self.sync, ("close", "always", "never"))):
            if value not in allowed:
                raise UsageError(f"a file policy knows {', '.join(allowed)}, not {value!r}")


class RotatingFile:
    """Appends to ``<directory>/<stem>-<time>-<pid><suffix>``, one such file after the other.

    Args:
        directory: made when missing.
        stem: what the rows are, such as ``events``.
        suffix: with its dot.
        policy: see :class:`FilePolicy`.
        header: the first bytes of each file.
        now_ns: the clock that names and rotates.

    Raises:
        UsageError: the compression needs a package that is not installed.
    """

    def __init__(
        self,
        directory: str | PathLike[str],
        stem: str,
        suffix: str,
        policy: FilePolicy,
        header: bytes = b"",
        now_ns: Clock = time.time_ns,
    ) -> None:
        self._directory = Path(directory)
        self._stem = stem
        self._suffix = suffix
        self._policy = policy
        self._header = header
        self._now_ns = now_ns
        self._compressor: Compressor | None = compressor(policy.compression)
        self._path: Path | None = None
        self._fd = -1
        self._pid = 0
        self._size_bytes = 0
        self._opened_ns = 0

    def append(self, rows: bytes) -> None:
        """Write whole ``rows``; after a failure nothing of them is in the file.

        Raises:
            StorageFull: the disk has no room.
            Unavailable: the disk refuses for another reason.
        """
        try:
            self._prepare(len(rows))
            self._write(rows if self._size_bytes else self._header + rows)
        except OSError as error:
            raise explained(error, self._directory) from error

    def close(self) -> None:
        """Finish the present file; the next rows begin another.

        Raises:
            StorageFull: the disk has no room for what was written last.
            Unavailable: the disk refuses for another reason.
        """
        try:
            self._finish()
        except OSError as error:
            raise explained(error, self._directory) from error
        finally:
            if self._compressor is not None:
                self._compressor.wait()

    def _prepare(self, more_bytes: int) -> None:
        if self._pid != os.getpid():
            self._leave_to_parent()
        if self._fd >= 0 and self._is_due(more_bytes):
            self._finish()
        if self._fd < 0:
            self._open()

    def _is_due(self, more_bytes: int) -> bool:
        policy, has_rows = self._policy, self._size_bytes > 0
        too_big = 0 < policy.rotate_bytes < self._size_bytes + more_bytes
        age_ns = self._now_ns() - self._opened_ns
        too_old = 0.0 < policy.rotate_interval_s * NS_PER_S <= age_ns
        # Somebody may have taken the file away under us; what is written to it then is lost.
        return (has_rows and (too_big or too_old)) or os.fstat(self._fd).st_nlink == 0

    def _leave_to_parent(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self._pid = os.getpid()
        if self._compressor is not None:
            self._compressor.forget()

    def _open(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._opened_ns = self._now_ns()
        self._path, self._fd = _begin(self._directory, self._stem, self._suffix, self._opened_ns)
        self._size_bytes = 0
        remove_old(self._directory, self._stem, self._suffix, self._policy.keep_files, self._kept_since_ns())

    def _kept_since_ns(self) -> int:
        keep_s = self._policy.keep_s
        return self._now_ns() - int(keep_s * NS_PER_S) if keep_s else 0

    def _write(self, rows: bytes) -> None:
        try:
            written = os.write(self._fd, rows)
            while written < len(rows):
                written += os.write(self._fd, rows[written:])
            if self._policy.sync == "always":
                os.fdatasync(self._fd)
        except OSError:
            # Half a batch must not stay: the whole of it comes again.
            os.ftruncate(self._fd, self._size_bytes)
            raise
        self._size_bytes += len(rows)

    def _finish(self) -> None:
        if self._fd < 0 or self._pid != os.getpid():
            return
        path, fd, self._fd = self._path, self._fd, -1
        assert path is not None
        try:
            if self._policy.sync != "never":
                os.fdatasync(fd)
        finally:
            os.close(fd)
        if self._compressor is not None:
            self._compressor.start(path)


class FileExporter:
    """Writes what ``encode`` makes of a batch to rotating files, each part once however often the batch is tried.

    Args:
        files: the files by the names that ``encode`` uses.
        encode: returns the rows of a batch by file; raises ``FirstlightError`` for what has no such form.
    """

    def __init__(self, files: Mapping[str, RotatingFile], encode: Callable[[Batch], Parts]) -> None:
        self._files = files
        self._encode = encode
        self._unfinished: tuple[Batch, dict[str, bytes]] | None = None

    def export(self, batch: Batch) -> None:
        """Write ``batch``; called again with it after a failure, write what is missing.

        Raises:
            StorageFull: the disk has no room; try again later.
            Unavailable: the disk refuses for another reason; try again later.
            FirstlightError: a row has no form in this format.
        """
        if self._unfinished is None or self._unfinished[0] is not batch:
            self._unfinished = (batch, {name: rows for name, rows in self._encode(batch).items() if rows})
        parts = self._unfinished[1]
        while parts:
            name = next(iter(parts))
            self._files[name].append(parts[name])
            del parts[name]
        self._unfinished = None

    def close(self) -> None:
        """Finish all files.

        Raises:
            Unavailable: the disk did not take what was written last.
        """
        with ExitStack() as closing:
            for file in self._files.values():
                closing.callback(file.close)


def stamp(time_ns: int) -> str:
    """Return a time as part of a file's name that sorts: ``20250919T103015.123456Z``."""
    moment = datetime.fromtimestamp(time_ns // NS_PER_S, UTC)
    return f"{moment:%Y%m%dT%H%M%S}.{time_ns % NS_PER_S // 1000:06d}Z"


def _begin(directory: Path, stem: str, suffix: str, now_ns: int) -> tuple[Path, int]:
    """Create and lock a file that nobody else has; return its path and descriptor."""
    for attempt in range(_NAMES_TRIED):
        again = f"-{attempt}" if attempt else ""
        path = directory / f"{stem}-{stamp(now_ns)}-{os.getpid()}{again}{suffix}"
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise
        return path, fd
    raise FileExistsError(errno.EEXIST, f"no free name for {stem} in {directory}")


def explained(error: OSError, directory: Path) -> Unavailable:
    """Return the error of ours that says the same; every refusal of a disk may pass."""
    if error.errno in _FULL:
        return StorageFull(f"no space left for {directory}; free some or choose another directory", RETRY_AFTER_S)
    return Unavailable(f"cannot write in {directory}: {error.strerror or error}", RETRY_AFTER_S)
