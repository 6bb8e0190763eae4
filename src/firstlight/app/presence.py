"""How commands find the hub of a data directory, and why there is only one.

A running hub holds a lock on ``hub.lock``, which the kernel frees when it dies, and writes its address to ``hub.json``;
an address without a lock is a dead hub's.
"""

import contextlib
import fcntl
import os
import time
from pathlib import Path

import msgspec

from firstlight.errors import StorageError
from firstlight.store.layout import FileLock, explain

_ADDRESS = "hub.json"
_LOCK = "hub.lock"
_LOCK_TRIES = 5
_LOCK_PAUSE_S = 0.05


class Address(msgspec.Struct, frozen=True):
    """Where a hub answers and which process it is."""

    url: str
    pid: int
    started_ns: int = 0
    version: str = ""


class Presence:
    """Says of a data directory that this process is its hub.

    Args:
        data_dir: the lake's directory, made if it is missing.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock = FileLock(data_dir / _LOCK)

    def claim(self) -> None:
        """Become the hub of the directory.

        Raises:
            StorageError: there is one already (its address is told), or the directory cannot be used.
            StorageFull: the disk is full.
        """
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain(error, self._data_dir) from error
        if not self._acquire():
            raise StorageError(f"a hub already serves {self._data_dir}{_of(find(self._data_dir))}")

    def announce(self, address: Address) -> None:
        """Write where the hub answers.

        Raises:
            StorageError: the file cannot be written.
            StorageFull: the disk is full.
        """
        target = self._data_dir / _ADDRESS
        fresh = target.with_suffix(f".{os.getpid()}")
        try:
            fresh.write_bytes(msgspec.json.encode(address))
            fresh.replace(target)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise explain(error, target) from error

    def withdraw(self) -> None:
        """Stop being the hub."""
        with contextlib.suppress(OSError):
            (self._data_dir / _ADDRESS).unlink(missing_ok=True)
        self._lock.release()

    def _acquire(self) -> bool:
        for _ in range(_LOCK_TRIES):  # find() of another process holds the lock for a moment
            if self._lock.acquire():
                return True
            time.sleep(_LOCK_PAUSE_S)
        return False


def find(data_dir: str | os.PathLike[str]) -> Address | None:
    """Return the address of the living hub of ``data_dir``; None when there is none."""
    try:
        content = Path(data_dir, _ADDRESS).read_bytes()
        return msgspec.json.decode(content, type=Address) if _is_locked(Path(data_dir, _LOCK)) else None
    except (OSError, msgspec.DecodeError):
        return None


def _is_locked(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _of(address: Address | None) -> str:
    if address is None:
        return "; stop it, or choose another directory with --data DIR"
    return f": {address.url} (pid {address.pid}); stop it, or choose another directory with --data DIR"
