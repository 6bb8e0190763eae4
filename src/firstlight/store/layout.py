"""Where things lie in a lake's directory, and the locks that say who is alive.

::

    DIR/catalog.sqlite            DuckLake catalog
    DIR/data/main/TABLE/*.parquet sealed segments
    DIR/wal/WRITER/lock           held by the living writer
    DIR/wal/WRITER/00000001.wal   its log files, in order
    DIR/wal/WRITER/rotate         asks it to begin a new one
    DIR/quarantine/               log files and segments with bytes that fail their checksum
    DIR/suspects/                 names of segments that somebody could not read
    DIR/keeper.lock               held by whoever changes what the lake consists of
    DIR/keeper.wanted             held by who waits for that
    DIR/retained.json             when retention last went through the segments
    DIR/forgotten                 changes when definitions of series are taken out
    DIR/staging/ DIR/spill/       files of the moment: segments being written, large queries
"""

import fcntl
import os
import secrets
import time
from pathlib import Path

from firstlight.errors import StorageError, StorageFull

FileKey = tuple[str, int]
"""Writer and sequence number of a log file."""

_FULL_ERRNOS = frozenset({28, 122})  # ENOSPC, EDQUOT


class Layout:
    """Names every path of one lake."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).absolute()
        self.catalog = self.root / "catalog.sqlite"
        self.data = self.root / "data"
        self.wal = self.root / "wal"
        self.quarantine = self.root / "quarantine"
        self.suspects = self.root / "suspects"
        self.keeper_lock = self.root / "keeper.lock"
        self.keeper_wanted = self.root / "keeper.wanted"
        self.retained = self.root / "retained.json"
        self.forgotten = self.root / "forgotten"
        self.staging = self.root / "staging"
        self.spill = self.root / "spill"

    def create(self) -> None:
        """Make the directories that are missing.

        Raises:
            StorageError: the directory cannot be made or written (the message says what to do).
            StorageFull: the disk is full.
        """
        try:
            for path in (self.data, self.wal):
                path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain(error, self.root) from error
        if not os.access(self.wal, os.W_OK):
            raise StorageError(f"no permission to write in {self.root}; choose another directory with --data DIR")

    def table_dir(self, table: str) -> Path:
        """Return the directory of a table's segments."""
        return self.data / "main" / table

    def writers(self) -> list[str]:
        """Return the names of all writers that left something, oldest first."""
        try:
            return sorted(entry.name for entry in os.scandir(self.wal) if entry.is_dir())
        except FileNotFoundError:
            return []

    def wal_files(self, writer: str) -> list[int]:
        """Return the sequence numbers of a writer's log files, ascending."""
        try:
            names = os.listdir(self.wal / writer)
        except FileNotFoundError:
            return []
        return sorted(int(name[:-4]) for name in names if name.endswith(".wal"))

    def wal_path(self, writer: str, sequence: int) -> Path:
        """Return the path of one log file."""
        return self.wal / writer / f"{sequence:08d}.wal"


def new_writer_name() -> str:
    """Return a name that sorts by time and is never used twice."""
    return f"{time.time_ns():016x}-{os.getpid()}-{secrets.token_hex(3)}"


class FileLock:
    """An advisory lock on a file that the kernel frees when its holder dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def acquire(self, *, wait: bool = False) -> bool:
        """Take the lock if it is free, or as soon as it is; return whether it is now held.

        Raises:
            StorageError: the file cannot be opened.
            StorageFull: the disk is full.
        """
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise explain(error, self._path) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def release(self) -> None:
        """Give the lock back; does nothing when it is not held."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def explain(error: OSError, path: Path) -> StorageFull | StorageError:
    """Turn an operating-system error at ``path`` into one of ours that says what to do."""
    if error.errno in _FULL_ERRNOS:
        return StorageFull(f"no space left for {path}; free some or choose another directory with --data DIR", 5.0)
    if isinstance(error, PermissionError):
        return StorageError(f"no permission to use {path}; choose another directory with --data DIR")
    return StorageError(f"cannot use {path}: {error.strerror or error}; is it a directory on a local disk?")


def sync_directory(path: Path) -> None:
    """Bring the names in a directory to the disk; a file's own sync does not.

    Raises:
        OSError: the disk refused.
    """
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
