"""Removing what a lake no longer consists of: replaced segments, their traces in the catalog, leftovers of crashes."""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from firstlight.store import catalog, schema, sidecar
from firstlight.store.catalog import Note
from firstlight.store.commit import time_text
from firstlight.store.delivery import without_older
from firstlight.store.layout import Layout

GRACE_S = 60.0
"""So long a replaced segment stays for those who have begun to read it."""

ABANDONED_S = 3600.0
"""A file that nobody registered is a leftover of a crash when it is older than this."""

SIDECAR = sidecar.SUFFIX
"""Ending of a segment's text index, which lies beside it and goes with it."""

_SEGMENT = ".parquet"
_US_PER_S = 1_000_000
_REPLACED = (
    "SELECT f.data_file_id, t.table_name, f.path, f.path_is_relative FROM ducklake_data_file f "
    "JOIN ducklake_table t ON t.table_id = f.table_id AND t.end_snapshot IS NULL "
    "LEFT JOIN ducklake_snapshot s ON s.snapshot_id = f.end_snapshot "
    "WHERE f.end_snapshot IS NOT NULL AND coalesce(s.snapshot_time, '') < ?"
)
_OLD = "snapshot_id < (SELECT max(snapshot_id) FROM ducklake_snapshot) AND snapshot_time < ?"
_OLD_CHANGES = (
    "SELECT snapshot_id FROM ducklake_snapshot_changes "
    "WHERE snapshot_id NOT IN (SELECT snapshot_id FROM ducklake_snapshot)"
)
_KNOWN = (
    "SELECT t.table_name, f.path, f.path_is_relative FROM ducklake_data_file f JOIN ducklake_table t USING (table_id)"
)
_NOTED = (
    "SELECT commit_extra_info FROM ducklake_snapshot_changes WHERE commit_extra_info IS NOT NULL AND snapshot_id IN"
)


@dataclass(frozen=True)
class Swept:
    """How many files were removed, and their bytes."""

    files: int = 0
    bytes: int = 0


def is_due(layout: Layout, grace_s: float = GRACE_S) -> bool:
    """Return whether a replaced segment has outlived its grace."""
    with catalog.opened(layout) as database:
        return database.execute(f"{_REPLACED} LIMIT 1", (_before(grace_s),)).fetchone() is not None


def sweep(layout: Layout, grace_s: float = GRACE_S, abandoned_s: float = ABANDONED_S) -> Swept:
    """Remove segments that were replaced at least ``grace_s`` ago, and what else nobody can ask for any more.

    Args:
        layout: the lake.
        grace_s: seconds that a replaced segment stays.
        abandoned_s: age of a file of ours that nobody registered; who holds the keeper lock knows that nobody will.

    Raises:
        StorageError: the catalog cannot be written; nothing was removed.
        StorageFull: no space; nothing was removed.
        OSError: a file could not be removed; the next sweep finds it.
    """
    with catalog.opened(layout, write=True) as database:
        replaced = _forget_replaced(database, layout, _before(grace_s))
        _forget_snapshots(database, layout, _before(grace_s))
    known = _registered(layout)
    return _removed([*replaced, *_abandoned(layout, known, abandoned_s)])


def _forget_replaced(database: sqlite3.Connection, layout: Layout, before: str) -> list[Path]:
    paths = []
    for file_id, table, path, is_relative in database.execute(_REPLACED, (before,)).fetchall():
        database.execute("DELETE FROM ducklake_data_file WHERE data_file_id = ?", (file_id,))
        database.execute("DELETE FROM ducklake_file_column_stats WHERE data_file_id = ?", (file_id,))
        paths.append(layout.table_dir(table) / path if is_relative else Path(path))
    return paths


def _forget_snapshots(database: sqlite3.Connection, layout: Layout, before: str) -> None:
    """Forget old snapshots; what they note about logs and deliveries that still matter moves to the newest."""
    database.execute(f"DELETE FROM ducklake_snapshot WHERE {_OLD}", (before,))
    old = [number for (number,) in database.execute(_OLD_CHANGES)]
    if not old:
        return
    newest = database.execute("SELECT max(snapshot_id) FROM ducklake_snapshot").fetchone()[0]
    marks = ", ".join(map(str, [*old, newest]))
    notes = [catalog.parse_note(text) for (text,) in database.execute(f"{_NOTED} ({marks})")]
    logs = frozenset(key for note in notes for key in note.logs if layout.wal_path(*key).exists())
    note = Note(logs, without_older(name for note in notes for name in note.unanswered))
    update = "UPDATE ducklake_snapshot_changes SET commit_extra_info = ? WHERE snapshot_id = ?"
    database.execute(update, (catalog.write_note(note), newest))
    database.executemany("DELETE FROM ducklake_snapshot_changes WHERE snapshot_id = ?", [(number,) for number in old])


def _registered(layout: Layout) -> set[str]:
    """Return the paths of all files that the catalog knows, replaced ones too."""
    with catalog.opened(layout) as database:
        rows = database.execute(_KNOWN).fetchall()
    return {str(layout.table_dir(table) / path) if is_relative else path for table, path, is_relative in rows}


def _abandoned(layout: Layout, known: set[str], age_s: float) -> list[Path]:
    """Return files of crashes: segments and sidecars that no registered segment has, and segments half written."""
    folders = [layout.table_dir(table) for table in schema.TABLES]
    written = [path for folder in folders for ending in (_SEGMENT, SIDECAR) for path in folder.glob(f"*{ending}")]
    staged = list(layout.staging.glob("*")) if layout.staging.is_dir() else []
    now_s = time.time()
    left = [path for path in written if str(path.with_suffix(_SEGMENT)) not in known] + staged
    return [path for path in left if _is_older(path, now_s - (ABANDONED_S if _is_theirs(path) else age_s))]


def _is_theirs(path: Path) -> bool:
    """Return whether another engine wrote the file, and may be about to register it."""
    return path.name.startswith("ducklake-")


def _is_older(path: Path, limit_s: float) -> bool:
    try:
        return path.stat().st_mtime < limit_s
    except FileNotFoundError:
        return False


def _removed(paths: list[Path]) -> Swept:
    files = size_bytes = 0
    for path in paths:
        for file in (path, path.with_suffix(SIDECAR)):
            if file.exists():
                size_bytes += file.stat().st_size
                file.unlink(missing_ok=True)
                files += 1
    return Swept(files, size_bytes)


def _before(grace_s: float) -> str:
    return time_text(time.time_ns() // 1000 - round(grace_s * _US_PER_S))
