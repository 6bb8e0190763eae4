"""The present state as text, ``prometheus/<service>-<pid>.prom``, for a textfile collector of Prometheus."""

import fcntl
import os
import re
import time
from os import PathLike
from pathlib import Path

from firstlight.codecs import prometheus_text
from firstlight.codecs.prometheus_families import families, text_families
from firstlight.export.files import NS_PER_S, FilePolicy, explained
from firstlight.export.keep import is_held
from firstlight.export.latest import MAX_SERIES, Latest
from firstlight.model import Batch
from firstlight.ports import Clock

FOLDER = "prometheus"
SUFFIX = ".prom"
REWRITE_INTERVAL_NS = 5 * NS_PER_S
"""Well below the quarter of a minute at which collectors look."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_.]+")


class PrometheusFileExporter:
    """Rewrites one file as a whole now and then and at the end; a reader sees the old or the new one.

    Each process has a file of its own; what a dead process of the same service left goes when the next one begins.

    Args:
        directory: the folder ``prometheus`` is made in it.
        policy: of it only ``sync`` matters; see :class:`~firstlight.export.files.FilePolicy`.
        events_total: count events under this name by subsystem, component and level; empty for not.
        operation_duration_ms: keep each operation's last duration under this name; empty for not.
        sender: add ``job`` and ``instance``, which tells the files of several processes apart.
        now_ns: the clock.
    """

    def __init__(
        self,
        directory: str | PathLike[str],
        policy: FilePolicy | None = None,
        *,
        events_total: str = "",
        operation_duration_ms: str = "",
        sender: bool = False,
        now_ns: Clock = time.time_ns,
    ) -> None:
        self._directory = Path(directory) / FOLDER
        self._sync = (policy or FilePolicy()).sync
        self._names = (events_total, operation_duration_ms)
        self._latest = Latest(*self._names, MAX_SERIES)
        self._sender = sender
        self._now_ns = now_ns
        self._folded: Batch | None = None
        self._path: Path | None = None
        self._held = -1
        self._pid = os.getpid()
        self._written_ns = 0
        self._is_written = True

    def export(self, batch: Batch) -> None:
        """Take ``batch`` into the state and write that if it is time.

        Raises:
            StorageFull: the disk has no room; try again later.
            Unavailable: the disk refuses for another reason; try again later.
        """
        if self._pid != os.getpid():
            self._leave_to_parent()
        if batch is not self._folded:
            self._latest.fold(batch)
            self._is_written = self._is_written and not len(batch)
            self._folded = batch
        if self._path is None:
            self._path = self._directory / f"{_UNSAFE.sub('_', batch.resource.service)}-{self._pid}{SUFFIX}"
        now_ns = self._now_ns()
        if not 0 <= now_ns - self._written_ns < REWRITE_INTERVAL_NS:
            self._write(self._path)
            self._written_ns = now_ns
        self._folded = None

    def close(self) -> None:
        """Write the last state; the file stays.

        Raises:
            Unavailable: the disk refuses.
        """
        if self._path is not None and self._pid == os.getpid():
            self._write(self._path)
        self._let_go()

    def _write(self, path: Path) -> None:
        if self._is_written:
            return
        data = prometheus_text.encode(text_families(families(self._latest.readings(), sender=self._sender)))
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            if self._held < 0:
                self._remove_dead(path)
            self._replace(path, data)
        except OSError as error:
            raise explained(error, self._directory) from error
        self._is_written = True

    def _replace(self, path: Path, data: bytes) -> None:
        """Write beside ``path``, then rename; the lock says that its writer lives."""
        part = path.with_name(f".{path.name}.tmp")
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            with open(fd, "wb", closefd=False) as file:
                file.write(data)
            if self._sync == "always":
                os.fsync(fd)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.replace(path)
        except OSError:
            os.close(fd)
            part.unlink(missing_ok=True)
            raise
        self._let_go()
        self._held = fd

    def _remove_dead(self, own: Path) -> None:
        service = own.stem.rpartition("-")[0]
        for path in self._directory.glob(f"{service}-*{SUFFIX}"):
            if path.stem.removeprefix(f"{service}-").isdecimal() and not is_held(path):
                path.unlink(missing_ok=True)

    def _let_go(self) -> None:
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    def _leave_to_parent(self) -> None:
        self._let_go()
        self._latest = Latest(*self._names, MAX_SERIES)
        self._path = self._folded = None
        self._pid = os.getpid()
        self._written_ns = 0
        self._is_written = True
