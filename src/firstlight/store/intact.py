"""Which segments a reader may use: each is checked before its first use here, and a damaged one is left out and named.

Engines do not notice all damage by themselves (:mod:`firstlight.store.checksum`).  Segments never change, so once is
enough; it takes about a second for a gigabyte.
"""

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from firstlight.store.catalog import Segment, Snapshot
from firstlight.store.damage import fault_of, suspect
from firstlight.store.layout import Layout


class Intact:
    """Knows the segments of a lake that were found whole, and those that were not; any thread may use it.

    Args:
        layout: the lake.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._whole: set[str] = set()
        self._faults: dict[str, str] = {}

    def __len__(self) -> int:
        """How many damaged segments were found."""
        return len(self._faults)

    def whole_ones(self, table: str, segments: Iterable[Segment]) -> list[Segment]:
        """Return those of ``segments`` that are whole, or not there any more; looks at each only once."""
        return [found for found in segments if self.is_whole(table, found)]

    def without_damaged(self, snapshot: Snapshot) -> Snapshot:
        """Return ``snapshot`` without the segments that are known to be damaged."""
        if not self._faults:
            return snapshot
        faults = self._faults
        segments = {
            table: tuple(found for found in parts if found.path not in faults)
            for table, parts in snapshot.segments.items()
        }
        return replace(snapshot, segments=segments)

    def look_at(self, snapshot: Snapshot) -> bool:
        """Look at all segments, known ones too; return whether damage was found that was not known."""
        before = len(self)
        with self._lock:
            self._whole.clear()
        for table, parts in snapshot.segments.items():
            self.whole_ones(table, parts)
        return len(self) > before

    def warnings(self, snapshot: Snapshot, tables: Iterable[str]) -> tuple[str, ...]:
        """Return what is missing in an answer from ``tables``, for people.

        Args:
            snapshot: from the catalog, damaged segments included.
            tables: that were asked.
        """
        faults = self._faults
        return tuple(
            f"{found.rows} rows of {table} are missing: {Path(found.path).name} is damaged, {faults[found.path]}"
            for table in tables
            for found in snapshot.segments.get(table, ())
            if found.path in faults
        )

    def is_whole(self, table: str, found: Segment) -> bool:
        """Return whether ``found`` is whole, or not there any more."""
        if found.path in self._whole:
            return True
        if found.path in self._faults:
            return False
        try:
            fault = fault_of(found)
        except FileNotFoundError:
            return True  # it was replaced; whoever reads it finds that out and looks at the catalog again
        with self._lock:
            if fault:
                self._faults[found.path] = fault
                suspect(self._layout, table, found.path)
            else:
                self._whole.add(found.path)
        return not fault
