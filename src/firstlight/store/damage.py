"""Segments that are not what was written: found, set aside, and named; the rest of the lake goes on.

A segment is whole when it has the size that the catalog says and its bytes have the sum that its name carries.  One
that is not is linked into ``quarantine/`` with a note of what it held, and taken out of the catalog.  A process that
only reads leaves such a segment out and puts its name into ``suspects/``, where the maintaining process finds it.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from firstlight.store import rewrite
from firstlight.store.catalog import Catalog, Segment
from firstlight.store.checksum import noted_sum, sum_of
from firstlight.store.commit import commit, time_text
from firstlight.store.layout import Layout

NOTE = ".json"
"""Ending of what is noted about a file in quarantine."""

_BETWEEN = "--"


@dataclass(frozen=True)
class Lost:
    """A segment that was taken out since it is damaged.

    Attributes:
        table: whose rows it held.
        path: where it lay.
        rows: that are lost with it.
        begin_us: oldest time of them.
        end_us: newest one.
        reason: what is wrong with it.
        kept: where the file is now; empty when there is none.
    """

    table: str
    path: str
    rows: int
    begin_us: int
    end_us: int
    reason: str
    kept: str

    def __str__(self) -> str:
        span = "" if not self.end_us else f" from {time_text(self.begin_us)} to {time_text(self.end_us)}"
        return (
            f"segment {Path(self.path).name} of {self.table} is damaged, {self.rows} rows{span} are lost: {self.reason}"
        )


def fault_of(found: Segment) -> str:
    """Return what is wrong with the bytes of a segment; empty when nothing is.

    Raises:
        FileNotFoundError: it is not there.
    """
    try:
        size_bytes = os.stat(found.path).st_size
        if size_bytes != found.bytes:
            return f"it has {size_bytes} bytes, not {found.bytes}"
        noted = noted_sum(found.path)
        if noted is not None:
            return "" if sum_of(found.path) == noted else "its bytes do not have the sum that its name says"
        rows = sum(group.num_rows for group in rewrite.row_groups(found.path))
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        return f"it cannot be read: {error}"
    return "" if rows == found.rows else f"it has {rows} rows, not {found.rows}"


def set_aside(layout: Layout, table: str, found: Segment, reason: str) -> Lost:
    """Take a segment out of the lake and keep its file in quarantine; the keeper lock is held.

    Raises:
        StorageError: it is no longer part of the lake, or the catalog cannot be written; nothing changed.
        StorageFull: likewise.
        OSError: the quarantine cannot be written; nothing changed.
    """
    path = Path(found.path)
    kept = layout.quarantine / f"{table}{_BETWEEN}{path.name}"
    is_there = path.exists()
    lost = Lost(table, found.path, found.rows, found.begin_us, found.end_us, reason, str(kept) if is_there else "")
    layout.quarantine.mkdir(exist_ok=True)
    if is_there:
        _link(path, kept)
    kept.with_suffix(NOTE).write_text(json.dumps(asdict(lost), indent=1) + "\n")
    commit(layout, f"quarantine: {lost}", remove=[(table, found.path)])
    return lost


def whole_ones(
    layout: Layout, table: str, segments: Iterable[Segment], told: Callable[[Lost], object]
) -> tuple[Segment, ...]:
    """Return those segments that are whole; the others are set aside and told of.  The keeper lock is held.

    Raises:
        StorageError: as :func:`set_aside`.
        OSError: likewise.
    """
    kept = []
    for found in segments:
        try:
            reason = fault_of(found)
        except FileNotFoundError:
            reason = "its file is missing"
        if reason:
            told(set_aside(layout, table, found, reason))
        else:
            kept.append(found)
    return tuple(kept)


def suspect(layout: Layout, table: str, path: str) -> None:
    """Leave the name of a segment for whoever maintains the lake; where nothing may be written, nothing happens."""
    try:
        layout.suspects.mkdir(exist_ok=True)
        (layout.suspects / f"{table}{_BETWEEN}{Path(path).name}").touch()
    except OSError:
        return


def table_of(kept: Path) -> str:
    """Return whose rows a file in quarantine held; empty for a log's."""
    table, mark, _ = kept.name.partition(_BETWEEN)
    return table if mark else ""


def has_suspects(layout: Layout) -> bool:
    """Return whether somebody left the name of a segment."""
    return next(_suspects(layout), None) is not None


def look_at_suspects(layout: Layout, catalog: Catalog, told: Callable[[Lost], object]) -> None:
    """Set aside those suspects that are damaged; the keeper lock is held.  Raises like :func:`set_aside`."""
    for mark in _suspects(layout):
        table, _, name = mark.name.partition(_BETWEEN)
        segments: Sequence[Segment] = catalog.snapshot().segments.get(table, ())
        whole_ones(layout, table, (found for found in segments if Path(found.path).name == name), told)
        mark.unlink(missing_ok=True)


def _suspects(layout: Layout) -> Iterator[Path]:
    return layout.suspects.iterdir() if layout.suspects.is_dir() else iter(())


def _link(path: Path, kept: Path) -> None:
    """Let the file have a second name, which needs no room; copy it where a file system cannot do that."""
    kept.unlink(missing_ok=True)
    try:
        os.link(path, kept)
    except OSError:
        shutil.copyfile(path, kept)
