"""The write-ahead log: one append-only file after another, written by one process.

A file begins with :data:`MAGIC`.  Then come frames: ``length`` and ``crc32`` of what follows (two little-endian
``uint32``), the 16-byte delivery name, and the payload (:mod:`firstlight.store.frame`).  A frame is there whole or not
at all: a reader stops at the first one that is short or fails its checksum.  Each file defines the series that it uses,
so that it can be read alone.
"""

import os
import struct
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from firstlight.errors import StorageError
from firstlight.model import Batch
from firstlight.store.forks import restart_in_children
from firstlight.store.frame import pack
from firstlight.store.layout import FileLock, Layout, explain, new_writer_name, sync_directory

Durability = Literal["always", "interval", "never"]

MAGIC = b"FLWAL\x00\x00\x01"
BATCH_ID_BYTES = 16
_HEADER = struct.Struct("<II")
DEFAULT_ROTATE_BYTES = 16 * 2**20
DEFAULT_ROTATE_S = 900.0
_SYNC_INTERVAL_S = 1.0
ROTATE = "rotate"
"""A file of this name in a writer's directory asks the writer to begin a new log, so that the present one is sealed."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One acknowledged delivery: its name (16 bytes, zeros for none), its payload and where it ends in its file."""

    batch_id: bytes
    payload: memoryview
    end: int


def delivery_name(batch_id: bytes) -> bytes:
    """Return ``batch_id`` as it stands in a frame: cut or filled with zeros to 16 bytes."""
    return batch_id[:BATCH_ID_BYTES].ljust(BATCH_ID_BYTES, b"\0")


class WalWriter:
    """Appends frames durably; safe to call from many threads, which then share their disk syncs.

    Args:
        layout: the lake's directory.
        durability: ``always`` syncs before ``append`` returns, ``interval`` about once a second, ``never`` leaves it
            to the operating system (a crash of the machine, not of the process, can then lose rows).
        rotate_bytes: a new file is begun after this many.
        rotate_s: or after this time, if the file holds anything.

    Raises:
        StorageError: the directory cannot be written.
    """

    def __init__(
        self,
        layout: Layout,
        durability: Durability = "always",
        rotate_bytes: int = DEFAULT_ROTATE_BYTES,
        rotate_s: float = DEFAULT_ROTATE_S,
    ) -> None:
        self.layout = layout
        self.durability = durability
        self._rotate_bytes = rotate_bytes
        self._rotate_s = rotate_s
        self._write_lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._fd = -1
        self.frames = 0
        self.bytes = 0
        self.syncs = 0
        layout.create()
        self._open_writer()
        restart_in_children(self)

    def append(self, batches: Sequence[Batch], batch_id: bytes = b"") -> int:
        """Write one frame with all of ``batches`` and sync as the policy says; see ``ports.SignalStore.append``.

        Returns:
            How many bytes the log has grown.

        Raises:
            StorageFull: nothing was kept.
            StorageError: nothing was kept.
        """
        if not any(map(len, batches)):
            return 0
        name = delivery_name(batch_id)
        with self._write_lock:
            if self._forked:
                self._open_writer()
            if self._fd < 0:
                raise StorageError("the log is closed; open the lake again")
            if self._size >= max(self._rotate_bytes, len(MAGIC) + 1):
                self._rotate()
            parts, fresh = pack(batches, self._defined)
            appended_bytes = self._write(name, parts)
            self._defined.update(fresh)
            sequence, end = self.sequence, self._size
        if self.durability == "always":
            self._sync_to(sequence, end)
        else:
            self.sync_if_due()
        return appended_bytes

    def sync(self) -> None:
        """Bring everything written so far to the disk.

        Raises:
            StorageError: the disk failed.
        """
        self._sync_to(self.sequence, self._size)

    def sync_if_due(self) -> None:
        """With ``interval``, sync if the last time is long enough ago and something came since.

        Raises:
            StorageError: the disk failed.
        """
        if self.durability == "interval" and time.monotonic() - self._synced_at > _SYNC_INTERVAL_S:
            self.sync()

    def rotate_if_due(self) -> bool:
        """Begin a new file when the present one is old or large enough, or somebody asked; return whether it did."""
        with self._write_lock:
            if self._fd < 0 or self._size <= len(MAGIC):
                return False
            asked = self.layout.wal / self.name / ROTATE
            if asked.exists():
                asked.unlink(missing_ok=True)
            elif self._size < self._rotate_bytes and time.monotonic() - self._opened_at < self._rotate_s:
                return False
            self._rotate()
            return True

    def close(self) -> None:
        """Sync and close; the files stay for whoever seals them."""
        with self._write_lock:
            self._forked = False
            if self._fd < 0:
                return
            try:
                os.fdatasync(self._fd)
            finally:
                self._abandon()

    def restart(self) -> None:
        """In a forked child: leave the parent's log alone; the next append begins one of the child's own."""
        self._write_lock = threading.Lock()
        self._sync_lock = threading.Lock()
        if self._fd >= 0:
            self._abandon()
            self._forked = True
            self.frames = self.bytes = self.syncs = 0

    def _open_writer(self) -> None:
        self.name = new_writer_name()
        directory = self.layout.wal / self.name
        try:
            directory.mkdir()
        except OSError as error:
            raise explain(error, directory) from error
        self._forked = False
        self._lock = FileLock(directory / "lock")
        self._lock.acquire(wait=True)  # somebody may be looking whether it is free
        self.sequence = 0
        self._open_next()

    def _open_next(self) -> None:
        path = self.layout.wal_path(self.name, self.sequence + 1)
        try:
            fd = _begin_file(path)
        except OSError as error:
            raise explain(error, path) from error
        self.sequence += 1
        self._fd = fd
        self._size = self._synced = len(MAGIC)
        self._defined: set[int] = set()
        self._opened_at = self._synced_at = time.monotonic()

    def _rotate(self) -> None:
        with self._sync_lock:
            old = self._fd
            os.fdatasync(old)
            self._open_next()
            os.close(old)

    def _write(self, name: bytes, parts: list[bytes | memoryview]) -> int:
        crc = zlib.crc32(name)
        for part in parts:
            crc = zlib.crc32(part, crc)
        length = BATCH_ID_BYTES + sum(map(len, parts))
        buffers = [_HEADER.pack(length, crc), name, *parts]
        total = _HEADER.size + length
        try:
            written = os.writev(self._fd, buffers)
            if written < total:
                self._write_rest(b"".join(buffers), written)
        except OSError as error:
            os.ftruncate(self._fd, self._size)
            os.lseek(self._fd, self._size, os.SEEK_SET)
            raise explain(error, self.layout.wal) from error
        self._size += total
        self.frames += 1
        self.bytes += total
        return total

    def _write_rest(self, data: bytes, written: int) -> None:
        rest = memoryview(data)[written:]
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def _sync_to(self, sequence: int, end: int) -> None:
        with self._sync_lock:
            if sequence < self.sequence or end <= self._synced or self._fd < 0:
                return
            reached = self._size
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                raise explain(error, self.layout.wal) from error
            self._synced = reached
            self._synced_at = time.monotonic()
            self.syncs += 1

    def _abandon(self) -> None:
        os.close(self._fd)
        self._fd = -1
        self._lock.release()


def _begin_file(path: Path) -> int:
    """Make a log file that is whole or not there at all; return its descriptor."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, MAGIC)
        sync_directory(path.parent)
    except OSError:
        os.close(fd)
        path.unlink()
        raise
    return fd


def read_frames(path: Path, offset: int = 0) -> tuple[list[Frame], int, int, bool]:
    """Read the whole frames of a log file from ``offset`` on.

    Returns:
        The frames, the offset after the last good one, how many bytes follow it (0, or a torn tail, or a frame that
        is just being written), and whether those bytes are damage: a whole frame that fails its checksum with more
        data behind it, which no crash in the middle of a write leaves.

    Raises:
        FileNotFoundError: the file is gone (it was sealed).
        StorageError: it is not a log file.
    """
    with open(path, "rb") as file:
        file.seek(offset)
        data = memoryview(file.read())
    position = 0
    if offset == 0 and data:
        if len(data) >= len(MAGIC) and data[: len(MAGIC)] != MAGIC:
            raise StorageError(f"{path} is not a log file of this version")
        if len(data) < len(MAGIC):
            return [], 0, len(data), False
        position = len(MAGIC)
    frames = list(_scan(data, position, offset))
    end = frames[-1].end if frames else offset + position
    rest = data[end - offset :]
    return frames, end, len(rest), _is_damage(rest)


def _is_damage(rest: memoryview) -> bool:
    if len(rest) < _HEADER.size:
        return False
    length, _ = _HEADER.unpack_from(rest)
    return bool(length) and _HEADER.size + length < len(rest)


def _scan(data: memoryview, position: int, base: int) -> Iterator[Frame]:
    while position + _HEADER.size <= len(data):
        length, crc = _HEADER.unpack_from(data, position)
        start = position + _HEADER.size
        position = start + length
        if length < BATCH_ID_BYTES or position > len(data) or zlib.crc32(data[start:position]) != crc:
            return
        payload = data[start + BATCH_ID_BYTES : position]
        yield Frame(bytes(data[start : start + BATCH_ID_BYTES]), payload, base + position)
