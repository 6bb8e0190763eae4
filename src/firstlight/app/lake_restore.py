"""Restoring a lake from a backup, every byte checked on the way."""

import os
import shutil
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from firstlight.app.backup_files import CATALOG, SEGMENTS, BackupLayout, Progress, copy, quietly, read_sums
from firstlight.errors import CorruptSegment, StorageError, UsageError
from firstlight.store.layout import Layout, explain, sync_directory

_AT_WORK = ".restoring"


@dataclass
class RestoreReport:
    """What was restored.

    Attributes:
        generation: of the backup.
        files: segments, their indexes, logs and the catalog.
        bytes: size of these.
    """

    generation: str = ""
    files: int = 0
    bytes: int = 0


def restore(backup: str | PathLike[str], lake: str | PathLike[str], *, progress: Progress = quietly) -> RestoreReport:
    """Make a lake in directory ``lake``, which is missing or empty, from the backup in ``backup``.

    When it fails nothing is left behind; when it is killed the directory has no lake in it, and repeating goes on.

    Raises:
        UsageError: the directory is not empty.
        StorageError: there is no whole backup, or the lake cannot be written.
        StorageFull: no space for the lake.
        CorruptSegment: a file of the backup is damaged; its name is in the message.
    """
    source, layout = BackupLayout(backup), Layout(lake)
    generation = source.generation()
    if generation is None:
        raise StorageError(f"there is no whole backup in {source.root}; name the directory given to 'lake backup'")
    sums = read_sums(generation)
    work = layout.root / _AT_WORK
    try:
        _claim(layout.root)
        work.mkdir()
        report = _copy_all(generation, sums, work, progress)
        _settle(work, layout.root)
    except OSError as error:
        raise explain(error, layout.root) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report.generation = generation.name
    return report


def _claim(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    if set(os.listdir(root)) - {_AT_WORK}:
        raise UsageError(f"{root} is not empty; a lake is restored into an empty directory only")
    shutil.rmtree(root / _AT_WORK, ignore_errors=True)


def _copy_all(generation: Path, sums: dict[str, str], work: Path, progress: Progress) -> RestoreReport:
    sizes = {name: _size(generation / name) for name in sums}
    total, report = sum(sizes.values()), RestoreReport()
    for name, digest in sums.items():
        target = work / _place(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if copy(generation / name, target) != digest:
            raise CorruptSegment(f"{(generation / name).resolve()} is damaged: its checksum is not that of the backup")
        report.files += 1
        report.bytes += sizes[name]
        progress("files", report.bytes, total)
    return report


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        raise CorruptSegment(f"{path.resolve()} is missing from the backup") from None


def _place(name: str) -> Path:
    """Return where in a lake a file of a backup belongs.

    Raises:
        CorruptSegment: nowhere.
    """
    parts = Path(name).parts
    if parts[:2] == ("..", SEGMENTS):
        parts = ("data", "main", *parts[2:])
    if ".." in parts or Path(name).is_absolute():
        raise CorruptSegment(f"the backup names a file that would lie outside the lake: {name}")
    return Path(*parts)


def _settle(work: Path, root: Path) -> None:
    """Move what was restored to its place, the catalog last: without it there is no lake."""
    (work / "wal").mkdir(exist_ok=True)
    for directory in [path for path in work.rglob("*") if path.is_dir()]:
        sync_directory(directory)
    for entry in sorted(work.iterdir(), key=lambda entry: entry.name == CATALOG):
        entry.rename(root / entry.name)
    sync_directory(root)
