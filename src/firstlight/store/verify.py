"""Verifying a lake: every byte of it is read and compared with what is known of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from firstlight.errors import StorageError
from firstlight.store import catalog, rewrite, schema
from firstlight.store.ages import times_us
from firstlight.store.catalog import Catalog, Segment
from firstlight.store.damage import Lost, fault_of, whole_ones
from firstlight.store.frame import rows_of, series_of, unpack
from firstlight.store.layout import FileKey, Layout
from firstlight.store.turn import DEFAULT_WAIT_S, turn
from firstlight.store.wal import read_frames

Progress = Callable[[str, int, int], object]
"""Told of what is looked at, the bytes done and all bytes."""


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be.

    Attributes:
        what: ``segment``, ``log`` or ``catalog``.
        path: of the file.
        problem: what is wrong, for people.
        damaged: bytes are not what was written; else they are and something else is odd.
    """

    what: str
    path: str
    problem: str
    damaged: bool


@dataclass
class Verified:
    """What was looked at and what was found.

    Attributes:
        segments: read to their last byte.
        rows: in them.
        bytes: of them.
        logs: log files that are not sealed yet.
        frames: deliveries in them.
        torn_bytes: at ends of logs, of deliveries that were never acknowledged or are being written.
        problems: what is wrong.
        lost: segments that were set aside.
    """

    segments: int = 0
    rows: int = 0
    bytes: int = 0
    logs: int = 0
    frames: int = 0
    torn_bytes: int = 0
    problems: list[Problem] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)


def verify(
    layout: Layout, progress: Progress = lambda *_: None, *, repair: bool = True, wait_s: float = DEFAULT_WAIT_S
) -> Verified:
    """Look at every segment, log and the catalog; others may write meanwhile.

    Args:
        layout: the lake.
        progress: told how far it is.
        repair: set damaged segments aside.
        wait_s: how long to wait for whoever changes the lake, when there is something to set aside.

    Raises:
        StorageError: the catalog cannot be read at all.
        Unavailable: there is something to set aside and nobody made way.
    """
    report = Verified()
    _verify_catalog(layout, report)
    parts = [(table, found) for table, all_of in Catalog(layout).snapshot().segments.items() for found in all_of]
    total_bytes = sum(found.bytes for _, found in parts)
    damaged: dict[str, list[Segment]] = {}
    defined = _defined(layout)
    for table, found in parts:
        progress(Path(found.path).name, report.bytes, total_bytes)
        if _verify_segment(layout, table, found, defined, report):
            damaged.setdefault(table, []).append(found)
    progress("logs", report.bytes, total_bytes)
    _verify_logs(layout, report)
    if repair and damaged:
        with turn(layout, wait_s):
            present = Catalog(layout).snapshot().segments
            for table, segments in damaged.items():
                still = [found for found in present.get(table, ()) if found.path in {one.path for one in segments}]
                whole_ones(layout, table, still, report.lost.append)
    return report


def _verify_catalog(layout: Layout, report: Verified) -> None:
    with catalog.opened(layout) as database:
        found = [str(row[0]) for row in database.execute("PRAGMA quick_check")]
    if found != ["ok"]:
        report.problems.append(Problem("catalog", str(layout.catalog), "; ".join(found), damaged=True))


def _defined(layout: Layout) -> Any:
    """Return the ids of all series whose definition can be read; int64, ascending."""
    found = [np.empty(0, np.int64)]
    for one in Catalog(layout).snapshot().segments.get("series", ()):
        try:
            found += (rows["series_id"].to_numpy() for rows in rewrite.row_groups(one.path, ["series_id"]))
        except (OSError, pa.ArrowException):
            continue  # it gets its own line when it is looked at
    return np.unique(np.concatenate(found))


def _verify_segment(layout: Layout, table: str, found: Segment, defined: Any, report: Verified) -> bool:
    """Return whether its bytes are damaged."""
    try:
        fault = fault_of(found)
        odd = [] if fault else list(_oddities(table, found, defined))
    except FileNotFoundError:
        if not _is_registered(layout, table, found):
            return False  # it was replaced meanwhile, and what replaced it is new
        fault, odd = "its file is missing", []
    except (OSError, pa.ArrowException) as error:
        fault, odd = f"it cannot be read: {error}", []
    report.segments += 1
    report.rows += found.rows
    report.bytes += found.bytes
    problems = [(fault, True)] if fault else [(problem, False) for problem in odd]
    report.problems += (Problem("segment", found.path, text, damaged) for text, damaged in problems)
    return bool(fault)


def _is_registered(layout: Layout, table: str, found: Segment) -> bool:
    return any(one.path == found.path for one in Catalog(layout).snapshot().segments.get(table, ()))


def _oddities(table: str, found: Segment, defined: Any) -> Iterator[str]:
    """Yield what speaks against a segment whose bytes are right."""
    rows = unsorted = 0
    bounds: list[int] = []
    strangers: set[int] = set()
    last: pa.Table | None = None
    keys = schema.SORT_KEYS[table]
    for part in rewrite.row_groups(found.path):
        rows += part.num_rows
        unsorted += _disorder([last, part.select(keys)] if last is not None else [part.select(keys)])
        last = part.select(keys).slice(part.num_rows - 1)
        if "time" in part.column_names:
            bounds += (int(times_us(part).min()), int(times_us(part).max()))
        if table in ("samples", "exponential"):
            ids = np.unique(part["series_id"].to_numpy())
            strangers.update(ids[~np.isin(ids, defined)].tolist())
    if rows != found.rows:
        yield f"it has {rows} rows, not {found.rows}"
    if unsorted:
        yield f"{unsorted} rows are not in the order of their table"
    if bounds and found.begin_us != -(2**63) and (min(bounds), max(bounds)) != (found.begin_us, found.end_us):
        yield "its times are not those that the catalog says"
    if strangers:
        yield f"{len(strangers)} series of it are not defined anywhere"


def _disorder(parts: Sequence[pa.Table]) -> int:
    """Return how many rows come after one that they should come before."""
    rows = pa.concat_tables(parts)
    count = rows.num_rows - 1
    wrong, same = np.zeros(count, bool), np.ones(count, bool)
    for name in rows.column_names:
        before, after = rows[name].slice(0, count), rows[name].slice(1)
        wrong |= same & pc.greater(before, after).to_numpy()
        same &= pc.equal(before, after).to_numpy()
    return int(np.count_nonzero(wrong))


def _verify_logs(layout: Layout, report: Verified) -> None:
    sealed = Catalog(layout).snapshot().sealed
    keys = [(writer, number) for writer in layout.writers() for number in layout.wal_files(writer)]
    for key in keys:
        if key not in sealed:
            _verify_log(layout, key, report)


def _verify_log(layout: Layout, key: FileKey, report: Verified) -> None:
    path = layout.wal_path(*key)
    try:
        frames, end, torn_bytes, damaged = read_frames(path)
        for frame in frames:
            sections = unpack(frame.payload)
            series_of(sections)
            rows_of(sections.rows)
    except FileNotFoundError:
        return  # it was sealed meanwhile
    except (StorageError, ValueError) as error:
        report.problems.append(Problem("log", str(path), str(error), damaged=True))
        return
    report.logs += 1
    report.frames += len(frames)
    report.torn_bytes += 0 if damaged else torn_bytes
    if damaged:
        text = f"{torn_bytes} bytes after byte {end} fail their checksum"
        report.problems.append(Problem("log", str(path), text, damaged=True))
