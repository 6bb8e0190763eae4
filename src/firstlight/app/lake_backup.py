"""Backing up a lake while others write to it: every row that was acknowledged before it began is in it, once.

The logs are copied first, up to their last whole frame, and the catalog after them: a log that was sealed in between is
then named in the catalog as sealed, and whoever reads passes it over.  Segments never change, so they are linked where
that is possible, and those that an earlier backup into the same directory has are left alone.
"""

import os
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path

from firstlight.app.backup_files import (
    CATALOG,
    LOGS,
    PART,
    SEGMENTS,
    BackupLayout,
    Progress,
    copy,
    digest_of,
    quietly,
    read_sums,
    write_sums,
    write_text,
)
from firstlight.errors import StorageError, Unavailable, UsageError
from firstlight.store import catalog, lakehouse
from firstlight.store.catalog import Catalog, Snapshot
from firstlight.store.layout import FileKey, FileLock, Layout, explain, sync_directory
from firstlight.store.sweep import SIDECAR
from firstlight.store.wal import read_frames

TRIES = 5
"""A segment may be replaced and swept while others are copied; what was copied stays, so the next try is short."""


@dataclass
class BackupReport:
    """What a backup holds, and what was new in it.

    Attributes:
        generation: its directory.
        segments: files of sealed rows, their indexes included.
        segment_bytes: size of these.
        new_segments: those that an earlier backup did not have.
        new_bytes: size of these.
        linked: those of the new ones that take no room of their own, as they are the lake's own files.
        logs: log files with rows that were not sealed.
        log_bytes: size of these.
        removed: segments of earlier backups that the lake does not consist of any more.
    """

    generation: str = ""
    segments: int = 0
    segment_bytes: int = 0
    new_segments: int = 0
    new_bytes: int = 0
    linked: int = 0
    logs: int = 0
    log_bytes: int = 0
    removed: int = 0


def back_up(
    lake: str | PathLike[str], backup: str | PathLike[str], *, link: bool = True, progress: Progress = quietly
) -> BackupReport:
    """Back the lake in directory ``lake`` up into directory ``backup``, new or with an earlier backup.

    An earlier backup stays whole until this one is.

    Args:
        lake: its directory; other processes may write to it.
        backup: where to.
        link: link segments where that is possible, else copy each; a linked one is as safe as the disk it is on.
        progress: hears how far it is.

    Raises:
        UsageError: ``backup`` holds something else, or lies in the lake.
        Unavailable: another backup into the same directory is at work.
        StorageError: the lake cannot be read, or the backup not written.
        StorageFull: no space for the backup.
    """
    layout, target = Layout(lake), BackupLayout(backup)
    if target.root == layout.root or layout.root in target.root.parents:
        raise UsageError(f"the backup {target.root} would lie in the lake itself; give another directory")
    if not layout.catalog.exists():
        if not layout.wal.is_dir():
            raise StorageError(f"there is no lake in {layout.root}")
        lakehouse.create(layout)
    lock = FileLock(target.lock)
    try:
        target.claim()
        if not lock.acquire():
            raise Unavailable(f"another backup into {target.root} is at work; try again later", 60.0)
        return _Backup(layout, target, link, progress).run()
    except OSError as error:
        raise explain(error, target.root) from error
    finally:
        lock.release()


@dataclass
class _Backup:
    """One backup under way."""

    layout: Layout
    target: BackupLayout
    link: bool
    progress: Progress
    report: BackupReport = field(default_factory=BackupReport)

    def run(self) -> BackupReport:
        before = self.target.generation()
        known = read_sums(before) if before is not None else {}
        for _ in range(TRIES - 1):
            try:
                return self._try(known)
            except FileNotFoundError:
                continue
        return self._try(known)

    def _try(self, known: dict[str, str]) -> BackupReport:
        generation = self._begin()
        try:
            sums = self._logs(generation)
            sums[CATALOG] = self._catalog(generation)
            sums |= self._segments(_snapshot_of(generation, self.layout), known)
            write_sums(generation, sums)
        except BaseException:
            shutil.rmtree(generation, ignore_errors=True)
            raise
        write_text(self.target.current, f"{generation.name}\n")
        self.report.generation = str(generation)
        self._remove_old(generation, sums)
        return self.report

    def _begin(self) -> Path:
        self.report = BackupReport()
        now = datetime.fromtimestamp(time.time(), UTC)
        generation = self.target.root / f"{now:%Y%m%dT%H%M%S.%fZ}"
        (generation / LOGS).mkdir(parents=True)
        return generation

    def _logs(self, generation: Path) -> dict[str, str]:
        sums: dict[str, str] = {}
        kept: dict[FileKey, tuple[str, int]] = {}
        keys = [(writer, number) for writer in self.layout.writers() for number in self.layout.wal_files(writer)]
        for done, key in enumerate(keys):
            self.progress("logs", done, len(keys))
            try:
                kept[key] = self._log(generation, key)
            except FileNotFoundError:
                continue  # sealed since; the catalog, which is copied later, has its rows
        for key, (digest, size) in kept.items():
            name = self._log_name(key)
            if self.layout.wal_path(*key).exists():
                sums[name] = digest
                self.report.logs += 1
                self.report.log_bytes += size
            else:
                # The lake may forget that a log was sealed once the file is gone.
                (generation / name).unlink()
        return sums

    def _log(self, generation: Path, key: FileKey) -> tuple[str, int]:
        source = self.layout.wal_path(*key)
        _, end, rest, damaged = read_frames(source)
        target = generation / self._log_name(key)
        target.parent.mkdir(exist_ok=True)
        size = end + rest if damaged else end
        return copy(source, target, size), size

    @staticmethod
    def _log_name(key: FileKey) -> str:
        return f"{LOGS}/{key[0]}/{key[1]:08d}.wal"

    def _catalog(self, generation: Path) -> str:
        target = generation / CATALOG
        with catalog.opened(self.layout) as read, closing(sqlite3.connect(target)) as write:
            read.backup(write)
        with open(target, "rb") as file:
            os.fsync(file.fileno())
        return digest_of(target)

    def _segments(self, snapshot: Snapshot, known: dict[str, str]) -> dict[str, str]:
        sums: dict[str, str] = {}
        total = sum(found.bytes for segments in snapshot.segments.values() for found in segments)
        for table, segments in snapshot.segments.items():
            (self.target.segments / table).mkdir(parents=True, exist_ok=True)
            for found in segments:
                self.progress("segments", self.report.segment_bytes, total)
                for path in _with_sidecar(Path(found.path)):
                    name = f"../{SEGMENTS}/{table}/{path.name}"
                    sums[name] = self._segment(path, self.target.segments / table / path.name, known.get(name))
        for table in snapshot.segments:
            sync_directory(self.target.segments / table)
        return sums

    def _segment(self, source: Path, target: Path, known: str | None) -> str:
        size = source.stat().st_size
        self.report.segments += 1
        self.report.segment_bytes += size
        if target.exists() and target.stat().st_size == size:
            return known or digest_of(target)
        target.unlink(missing_ok=True)
        self.report.new_segments += 1
        self.report.new_bytes += size
        if self.link and _linked(source, target):
            self.report.linked += 1
            return digest_of(target)
        return copy(source, target)

    def _remove_old(self, generation: Path, sums: dict[str, str]) -> None:
        for other in self.target.root.iterdir():
            if other.is_dir() and other != generation and (other / LOGS).is_dir():
                shutil.rmtree(other)
        wanted = {(generation / name).resolve() for name in sums}
        for path in self.target.segments.glob("*/*"):
            if path.resolve() not in wanted:
                path.unlink()
                self.report.removed += path.suffix != PART


def _snapshot_of(generation: Path, layout: Layout) -> Snapshot:
    """Return what the copied catalog says; its segments are where the lake has them."""
    copied = Layout(layout.root)
    copied.catalog = generation / CATALOG
    snapshot = Catalog(copied).snapshot()
    for table, segments in snapshot.segments.items():
        for found in segments:
            if Path(found.path).parent != layout.table_dir(table):
                raise StorageError(f"the segment {found.path} lies outside the lake, where no backup reaches it")
    return snapshot


def _with_sidecar(path: Path) -> list[Path]:
    sidecar = path.with_suffix(SIDECAR)
    return [path, sidecar] if sidecar.exists() else [path]


def _linked(source: Path, target: Path) -> bool:
    """Link a file; return False where the file systems do not allow it."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True
