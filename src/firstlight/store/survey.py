"""How many rows a selection means, in segments and in logs: read from the files, each time anew."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from firstlight.store import columns, rewrite, schema
from firstlight.store.catalog import Catalog, Segment, Snapshot
from firstlight.store.layout import FileKey, Layout
from firstlight.store.retain import series_of
from firstlight.store.selection import Selection
from firstlight.store.tail import TAIL_TABLES, FileTail

Progress = Callable[[str, int, int], object]
"""Told of what is looked at, and how many of how many are done."""

_TRIES = 5


@dataclass(frozen=True)
class Found:
    """Rows that are meant.

    Attributes:
        sealed: by table; definitions of series too, when rows of all times are meant.
        logs: by log file and table.
    """

    sealed: Counter[str]
    logs: dict[FileKey, Counter[str]]

    @property
    def rows(self) -> Counter[str]:
        """All of them by table."""
        return sum(self.logs.values(), Counter(self.sealed))


def survey(layout: Layout, selection: Selection, progress: Progress = lambda *_: None) -> Found:
    """Count the rows that ``selection`` means; others may write meanwhile.

    Raises:
        FileNotFoundError: segments were replaced faster than they were read.
        OSError: a segment cannot be read.
        pa.ArrowException: one is damaged.
    """
    for _ in range(_TRIES - 1):
        try:
            return _survey(layout, selection, progress)
        except FileNotFoundError:
            continue  # a segment was replaced meanwhile
    return _survey(layout, selection, progress)


def touched(snapshot: Snapshot, selection: Selection) -> Iterator[tuple[str, Segment]]:
    """Yield the segments that can have rows that are meant, definitions of series apart."""
    slack_us = 3_600_000_000  # a rollup's row stands for up to an hour after its time
    for table in selection.tables:
        for found in snapshot.segments.get(table, ()):
            if found.touches(selection.begin_ns // 1000 - slack_us, selection.end_ns // 1000):
                yield table, found


def _survey(layout: Layout, selection: Selection, progress: Progress) -> Found:
    logs = {}
    for key in [(writer, number) for writer in layout.writers() for number in layout.wal_files(writer)]:
        rows = _in_log(layout, key, selection)
        if rows:
            logs[key] = rows
    snapshot = Catalog(layout).snapshot()
    series_ids = selection.series_ids(series_of(snapshot))
    sealed: Counter[str] = Counter()
    parts = list(touched(snapshot, selection))
    for number, (table, found) in enumerate(parts):
        progress(table, number, len(parts))
        needed = selection.needs(table)
        sealed[table] += rewrite.count(found.path, needed, partial(selection.meant, table, series_ids))
    if selection.is_timeless and "samples" in selection.tables:
        sealed["series"] = len(series_ids)
    return Found(+sealed, {key: rows for key, rows in logs.items() if key not in snapshot.sealed})


def _in_log(layout: Layout, key: FileKey, selection: Selection) -> Counter[str]:
    file = FileTail()
    try:
        file.follow(layout, key)
    except FileNotFoundError:
        return Counter()
    series_ids = selection.series_ids(columns.series_table(file.series.items()))
    found: Counter[str] = Counter()
    for table in TAIL_TABLES:
        if table in selection.tables:
            rows = file.table(table)
            rows = rows if table == "samples" else rows.cast(schema.TABLES[table])
            found[table] = int(selection.meant(table, series_ids, rows).sum())
    return +found
