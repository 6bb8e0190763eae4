"""Removes finished files that are too many or too old."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from firstlight.export.compress import PART, SUFFIXES


def remove_old(directory: Path, stem: str, suffix: str, keep_files: int, since_ns: int) -> None:
    """Remove what is over the bounds; a file that somebody still writes is never touched.

    Args:
        directory: where.
        stem: which files.
        suffix: of the plain ones; packed ones have one more.
        keep_files: the newest so many stay; 0 for all.
        since_ns: what was last written before this goes, in nanoseconds since the epoch; 0 for nothing.

    Raises:
        OSError: the directory cannot be read.
    """
    if not keep_files and not since_ns:
        return
    endings = (suffix, *(suffix + packed for packed in SUFFIXES.values()))
    leftover = tuple(ending + PART for ending in endings)
    names = sorted((name for name in os.listdir(directory) if name.startswith(f"{stem}-")), reverse=True)
    finished = [directory / name for name in names if name.endswith(endings) and not is_held(directory / name)]
    for place, path in enumerate(finished):
        if 0 < keep_files <= place or _modified_ns(path) < since_ns:
            _remove(path)
    for path in (directory / name for name in names if name.endswith(leftover)):
        if _modified_ns(path) < since_ns:
            _remove(path)


def is_held(path: Path) -> bool:
    """Return whether a living process still writes ``path``."""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        # It is locked, or it is none of ours to look into.
        return True
    return False


def _modified_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _remove(path: Path) -> None:
    # Another process may have been faster, or the file is not ours to remove; rows must not wait for that.
    with suppress(OSError):
        path.unlink()
