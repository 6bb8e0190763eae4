"""The state of a collector as a file that is replaced as a whole."""

import asyncio
import os
from collections.abc import Awaitable, Iterable, Sequence
from itertools import count
from os import PathLike
from pathlib import Path
from threading import Lock
from typing import Protocol

import msgspec

from firstlight.app.collector.collector import Collector
from firstlight.codecs import prometheus_text
from firstlight.codecs.prometheus_families import families, text_families
from firstlight.errors import Unavailable
from firstlight.export.files import explained
from firstlight.export.jitter import shortened
from firstlight.store.forks import restart_in_children

ATTEMPTS = 3
RETRY_S = 0.1
"""Before the second try; twice as long before each further one, less up to a half at random."""

_serial = count()


class Writes(Protocol):
    """Writes the state of a collector somewhere."""

    async def write(self, collector: Collector) -> None:
        """Write it as it is now."""


class WholeFile:
    """One file; a reader sees the old or the new one, never a part.

    Args:
        path: the file; directories that are missing are made.
        attempts: tries before it is given up.
        retry_s: seconds before the second try.
    """

    def __init__(self, path: str | PathLike[str], *, attempts: int = ATTEMPTS, retry_s: float = RETRY_S) -> None:
        # Absolute, because the program may change its working directory.
        self.path = Path(path).expanduser().absolute()
        self._attempts = attempts
        self._retry_s = retry_s
        self.restart()
        restart_in_children(self)

    def restart(self) -> None:
        """Take a lock of our own, as a forked child does."""
        self._lock = Lock()

    async def write(self, collector: Collector) -> None:
        """Write the state as it is now, on another thread; try again when the disk refuses.

        Raises:
            StorageFull: the disk has no room.
            Unavailable: the disk refuses for another reason.
        """
        retry_s = self._retry_s
        for attempt in range(1, self._attempts + 1):
            try:
                await asyncio.to_thread(self._write, collector)
            except Unavailable:
                if attempt == self._attempts:
                    raise
                await asyncio.sleep(shortened(retry_s))
                retry_s *= 2
            else:
                return

    def encoded(self, collector: Collector) -> bytes:
        """Return the content."""
        raise NotImplementedError

    def _write(self, collector: Collector) -> None:
        # One after the other, so that an older state never replaces a newer one.
        with self._lock:
            try:
                replace_whole(self.path, self.encoded(collector))
            except OSError as error:
                raise explained(error, self.path.parent) from error


class PrometheusFile(WholeFile):
    """The state in the Prometheus text format 0.0.4, for a textfile collector."""

    def encoded(self, collector: Collector) -> bytes:
        """Return the exposition; a metric without a value has no lines."""
        return prometheus_text.encode(text_families(families(collector.readings())))


class JsonFile(WholeFile):
    """The state as one JSON object; see :meth:`Snapshot.plain`."""

    def encoded(self, collector: Collector) -> bytes:
        """Return the object, indented."""
        return msgspec.json.format(msgspec.json.encode(collector.get_snapshot().plain()), indent=2) + b"\n"


class SeveralFiles:
    """Writes to several; one that fails does not keep the others from being written."""

    def __init__(self, writers: Sequence[Writes]) -> None:
        self._writers = tuple(writers)

    async def write(self, collector: Collector) -> None:
        """Write all at once.

        Raises:
            Exception: what the first one raised that failed.
        """
        await all_of(one.write(collector) for one in self._writers)


async def all_of(writes: Iterable[Awaitable[None]]) -> None:
    """Await all of ``writes``, whatever becomes of each.

    Raises:
        Exception: what the first one raised that failed.
    """
    for result in await asyncio.gather(*writes, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def replace_whole(path: Path, data: bytes) -> None:
    """Write ``data`` beside ``path``, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.{next(_serial)}.tmp")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
