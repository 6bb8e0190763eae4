"""The files of a spool: records on disk that wait to be delivered, oldest first.

::

    DIR/DRAWER/lock             held by the living process that owns the drawer
    DIR/DRAWER/00000001.spool   its files, in order

A file begins with :data:`MAGIC` and the offset of its first record that is not delivered yet (little-endian
``uint64``).  Then come records: length and crc32 of what follows (two ``uint32``), then sender (8 bytes), sequence
(``uint64``), how many events, spans and samples (three ``uint32``) and the payload.
"""

import fcntl
import os
import shutil
import struct
import time
import weakref
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Literal, NamedTuple

from firstlight.export.moved import Counts

Sync = Literal["close", "always", "never"]
MAGIC = b"FLSPOOL\x01"
_START = struct.Struct("<8sQ")
_CURSOR = struct.Struct("<Q")
_HEAD = struct.Struct("<II")
_NAME = struct.Struct("<8sQIII")
_PRIVATE_FILE, _PRIVATE_DIRECTORY = 0o600, 0o700
_LEAST_FILE_BYTES = 64 * 2**10
_FILES_OF_A_FULL_SPOOL = 16
_NEWBORN_S = 60.0
"""A younger drawer may belong to a process that has not taken its lock yet."""


class Record(NamedTuple):
    """A batch on disk; ``sender`` is 8 bytes, ``end`` the offset behind it in its file."""

    sender: bytes
    sequence: int
    counts: Counts
    payload: bytes
    end: int = 0


class Drawer:
    """The records of one process.

    Args:
        path: the drawer's directory; made with the first record.
        max_bytes: most that all its files take together.
        sync: when they are brought to the disk: each record (``always``), each finished file (``close``) or when the
            system likes (``never``); a crash of the process alone loses nothing either way.

    Attributes:
        damaged_bytes: what could not be read back: torn by a crash in the middle of a write, or by the disk.
    """

    def __init__(self, path: Path, max_bytes: int, sync: Sync) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._sync = sync
        self.damaged_bytes = 0
        self._sizes: dict[int, int] = {}
        self._cursor = 0
        self._lock = self._reading = self._writing = -1
        _drawers.add(self)

    def adopt(self) -> bool:
        """Take over the drawer of a process that died; return whether it is ours now."""
        self._lock = _locked(self.path / "lock", wait=False)
        if self._lock < 0:
            return False
        self._sizes = {number: self._file(number).stat().st_size for number in _numbers(self.path)}
        return True

    def is_empty(self) -> bool:
        """Return whether no file is left."""
        return not self._sizes

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(self._sizes.values())

    def append(self, record: Record) -> None:
        """Keep ``record`` behind the others.

        Raises:
            OSError: the disk refused; nothing of it was kept.
        """
        name = _NAME.pack(record.sender, record.sequence, *record.counts)
        body = name + record.payload
        data = _HEAD.pack(len(body), zlib.crc32(body)) + body
        number = self._writable(len(data))
        size = self._sizes[number]
        try:
            _write_all(self._writing, data)
            if self._sync == "always":
                os.fdatasync(self._writing)
        except OSError:
            os.ftruncate(self._writing, size)
            os.lseek(self._writing, size, os.SEEK_SET)
            raise
        self._sizes[number] = size + len(data)

    def drop_oldest(self) -> Iterator[Counts]:
        """Drop the oldest files until the rest is within bounds; yield what each lost record held."""
        while self.bytes > self._max_bytes and len(self._sizes) > 1:
            while (record := self.oldest(within=min(self._sizes))) is not None:
                yield record.counts
                self._cursor = record.end
            self._remove(min(self._sizes, default=0))

    def oldest(self, within: int = 0) -> Record | None:
        """Return the oldest record, or None when there is none (in the file ``within``, if given).

        Raises:
            OSError: the disk failed.
        """
        while self._sizes:
            number = min(self._sizes)
            if within and number != within:
                return None
            if self._reading < 0:
                self._open(number)
            record = self._read(self._cursor)
            if record is not None:
                return record
            if within:
                return None
            # Delivered to its end, or to where a process died while it wrote, or the disk lost it.
            self.damaged_bytes += max(0, self._sizes[number] - self._cursor)
            self._remove(number)
        return None

    def done(self, record: Record) -> None:
        """Forget the oldest record, which is ``record``."""
        self._cursor = record.end
        with suppress(OSError):  # a later process sends it again, under the same number
            os.pwrite(self._reading, _CURSOR.pack(record.end), len(MAGIC))
        if record.end >= self._sizes[min(self._sizes)]:
            self._remove(min(self._sizes))

    def close(self) -> None:
        """Close the files; the drawer stays for the next process unless it is empty."""
        with suppress(OSError):  # what the disk refuses now, it has in its cache at least
            self._stop_writing()
        if self._lock >= 0 and self.is_empty():
            shutil.rmtree(self.path, ignore_errors=True)
        self.leave()

    def leave(self) -> None:
        """Close the files and touch nothing else, as a forked child does, whose parent owns them."""
        for fd in (self._reading, self._writing, self._lock):
            if fd >= 0:
                os.close(fd)
        self._reading = self._writing = self._lock = -1

    def _file(self, number: int) -> Path:
        return self.path / f"{number:08d}.spool"

    def _writable(self, more_bytes: int) -> int:
        """Return the number of a file that has room, open for writing."""
        last = max(self._sizes, default=0)
        most = max(_LEAST_FILE_BYTES, self._max_bytes // _FILES_OF_A_FULL_SPOOL)
        if self._writing >= 0 and self._sizes[last] + more_bytes <= most:
            return last
        self._stop_writing()
        if self._lock < 0:
            self.path.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            self._lock = _locked(self.path / "lock", wait=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._writing = os.open(self._file(last + 1), flags, _PRIVATE_FILE)
        os.write(self._writing, _START.pack(MAGIC, _START.size))
        self._sizes[last + 1] = _START.size
        return last + 1

    def _stop_writing(self) -> None:
        if self._writing < 0:
            return
        fd, self._writing = self._writing, -1
        try:
            if self._sync == "close":
                os.fdatasync(fd)
        finally:
            os.close(fd)

    def _open(self, number: int) -> None:
        self._reading = os.open(self._file(number), os.O_RDWR | os.O_CLOEXEC)
        start = os.pread(self._reading, _START.size, 0)
        is_ours = len(start) == _START.size and start.startswith(MAGIC)
        self._cursor = _START.unpack(start)[1] if is_ours else self._sizes[number]

    def _read(self, offset: int) -> Record | None:
        head = os.pread(self._reading, _HEAD.size, offset)
        if len(head) < _HEAD.size:
            return None
        length, crc = _HEAD.unpack(head)
        body = os.pread(self._reading, min(length, self._max_bytes), offset + _HEAD.size)
        if len(body) < max(length, _NAME.size) or zlib.crc32(body) != crc:
            return None
        sender, sequence, *counts = _NAME.unpack_from(body)
        end = offset + _HEAD.size + length
        return Record(sender, sequence, (counts[0], counts[1], counts[2]), body[_NAME.size :], end)

    def _remove(self, number: int) -> None:
        if self._reading >= 0:
            os.close(self._reading)
            self._reading = -1
        if number == max(self._sizes, default=0) and self._writing >= 0:
            os.close(self._writing)
            self._writing = -1
        self._file(number).unlink(missing_ok=True)
        self._sizes.pop(number, None)


def new_drawer_name() -> str:
    """Return a name that sorts by time and is never used twice."""
    return f"{time.time_ns():016x}-{os.getpid()}-{token_hex(3)}"


def orphans(directory: Path) -> list[Path]:
    """Return the drawers in ``directory`` that might have no owner any more, oldest first."""
    try:
        return sorted(Path(entry.path) for entry in os.scandir(directory) if entry.is_dir())
    except OSError:
        return []


def clear_away(path: Path) -> None:
    """Remove a drawer that is ours and empty, unless it is so young that its owner may not have locked it yet."""
    try:
        is_young = time.time() - path.stat().st_mtime < _NEWBORN_S
    except OSError:
        return
    if not is_young:
        shutil.rmtree(path, ignore_errors=True)


def _numbers(path: Path) -> list[int]:
    return sorted(int(name[:-6]) for name in os.listdir(path) if name.endswith(".spool"))


def _locked(path: Path, *, wait: bool) -> int:
    """Return the descriptor of the file at ``path``, locked, or -1 when somebody else holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE_FILE)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return -1
    return fd


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


_drawers: "weakref.WeakSet[Drawer]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    # A lock held through an inherited descriptor would outlive its owner.
    for drawer in list(_drawers):
        drawer.leave()


os.register_at_fork(after_in_child=_after_fork_in_child)
