"""Segments without some of their rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.store import schema
from firstlight.store.catalog import Segment
from firstlight.store.checksum import without_sum
from firstlight.store.commit import NewSegment, commit
from firstlight.store.layout import Layout
from firstlight.store.segment import SegmentWriter

Choose = Callable[[pa.Table], Any]
"""From some rows of a segment to which of them are meant; bool."""


def count(path: str, columns: Sequence[str], choose: Choose) -> int:
    """Return how many rows of a segment ``choose`` means; it is given only ``columns``.

    Raises:
        OSError: the segment cannot be read.
        pa.ArrowException: it is damaged.
    """
    return sum(int(np.count_nonzero(choose(rows))) for rows in row_groups(path, columns))


def row_groups(path: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield a segment's row groups, checksums verified; raises like :func:`count`."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number, columns=None if columns is None else list(columns), use_threads=False)


def without(
    layout: Layout,
    table: str,
    found: Segment,
    choose: Choose,
    what: str,
    between: Callable[[], object] = bool,
) -> int:
    """Replace a segment by one without the rows that ``choose`` means, or by none; return how many these were.

    What replaces it bears its name but for the checksum, so its rollups stay: they may outlive the samples.

    Args:
        layout: the lake; its keeper lock is held.
        table: of the segment.
        found: the segment, part of the lake.
        choose: given all columns.
        what: the word for it in the catalog.
        between: called now and then, for what cannot wait.

    Raises:
        StorageError: it is no longer part of the lake, or the catalog cannot be written; nothing changed.
        StorageFull: no space; nothing changed.
        OSError: a segment cannot be read or written; nothing changed.
        pa.ArrowException: the segment is damaged; nothing changed.
    """
    written = _write(layout, table, found, choose, between)
    if written is not None and written.rows == found.rows:
        return 0
    added = [] if written is None else [replace(written, order=found.order)]
    commit(layout, what, add=added, remove=[(table, found.path)])
    return found.rows - sum(one.rows for one in added)


def _write(
    layout: Layout, table: str, found: Segment, choose: Choose, between: Callable[[], object]
) -> NewSegment | None:
    """Write the rows that stay; nothing when there are none."""
    kept = _kept(found.path, choose, between)
    first = next(kept, None)
    if first is None:
        return None
    name = without_sum(found.path)
    staging, target = layout.staging / f"{table}-{name}", layout.table_dir(table) / name
    with SegmentWriter(table, staging, target, whole_ms=has_whole_ms(found.path), use="merged") as writer:
        writer.write(first)
        for rows in kept:
            writer.write(rows)
    return writer.written()


def _kept(path: str, choose: Choose, between: Callable[[], object]) -> Iterator[pa.Table]:
    for rows in row_groups(path):
        chosen = choose(rows)
        if not chosen.all():
            yield rows.filter(pa.array(~chosen)) if chosen.any() else rows
        between()


def has_whole_ms(path: str) -> bool:
    """Return whether a segment holds its times as milliseconds."""
    columns = pq.read_schema(path)
    return "time" in columns.names and bool(columns.field("time").type == schema.TIME_MS)
