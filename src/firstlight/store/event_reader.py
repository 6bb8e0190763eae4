"""Events counted straight from sealed segments."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from firstlight.store import schema
from firstlight.store.catalog import Segment
from firstlight.store.footer import FOOTER_ROW_GROUP_BYTES, Footer
from firstlight.store.kept import Kept

DEFAULT_KEPT_BYTES = 16 * 2**20
_NS_PER_US = 1000
_ENTRY_BYTES = 400
_COUNT_BYTES = 150

Counts = Counter[tuple[Any, ...]]


class EventReader:
    """Counts events; what it counted in whole row groups it keeps, since segments never change.

    Args:
        kept_bytes: how much of it.
    """

    def __init__(self, kept_bytes: int = DEFAULT_KEPT_BYTES) -> None:
        self._kept = Kept(kept_bytes)

    def counts(self, segment: Segment, by: Sequence[str], start_ns: int, end_ns: int) -> Counts:
        """Return how many events have each combination of values of the columns ``by``.

        Args:
            segment: of the table ``events``.
            by: names of columns of few values.
            start_ns: earlier events are left out.
            end_ns: events from here on are left out.

        Raises:
            FileNotFoundError: the file was replaced by another one; look at the catalog again.
            CorruptSegment: it cannot be read.
        """
        footer = self._footer(segment.path)
        low_ns, high_ns = footer.low["time"] * _NS_PER_US, (footer.high["time"] + 1) * _NS_PER_US
        touched = (high_ns > start_ns) & (low_ns < end_ns)
        whole = (low_ns >= start_ns) & (high_ns <= end_ns)
        found = self._of_whole(footer, np.flatnonzero(touched & whole).tolist(), by)
        cut = np.flatnonzero(touched & ~whole).tolist()
        if cut:
            rows = footer.read(cut, [*by, "time", "ns"], _texts(footer, by))
            found.update(count(rows, by, start_ns, end_ns))
        return found

    def _of_whole(self, footer: Footer, groups: list[int], by: Sequence[str]) -> Counts:
        key = (footer.path, tuple(by), tuple(groups))
        found: Counts | None = self._kept.get(key)
        if found is None:
            found = self._of_each(footer, groups, by)
            self._kept.put(key, found, len(found) * _COUNT_BYTES + _ENTRY_BYTES)
        return found.copy()

    def _of_each(self, footer: Footer, groups: list[int], by: Sequence[str]) -> Counts:
        keys = [(footer.path, tuple(by), group) for group in groups]
        known: dict[int, Counts | None] = {group: self._kept.get(key) for group, key in zip(groups, keys, strict=True)}
        missing = [group for group, found in known.items() if found is None]
        if missing:
            rows = footer.read(missing, by, _texts(footer, by))
            for group, found in zip(missing, _apart(rows, by, footer.rows[missing]), strict=True):
                known[group] = found
                self._kept.put((footer.path, tuple(by), group), found, len(found) * _COUNT_BYTES + _ENTRY_BYTES)
        total: Counts = Counter()
        for found in filter(None, known.values()):
            total.update(found)
        return total

    def _footer(self, path: str) -> Footer:
        footer: Footer | None = self._kept.get(path)
        if footer is None:
            footer = Footer.of(path, ["time"])
            self._kept.put(path, footer, FOOTER_ROW_GROUP_BYTES * len(footer.rows) + _ENTRY_BYTES)
        return footer


def count(rows: pa.Table, by: Sequence[str], start_ns: int, end_ns: int) -> Counts:
    """Return how many of ``rows`` with ``start_ns <= time < end_ns`` have each combination of values."""
    times_ns = rows["time"].cast(schema.TIME).cast(pa.int64()).to_numpy() * _NS_PER_US + rows["ns"].to_numpy()
    return _counted(*_codes(rows, by), (times_ns >= start_ns) & (times_ns < end_ns))


def _apart(rows: pa.Table, by: Sequence[str], lengths: Any) -> list[Counts]:
    """Count each stretch of ``rows`` by itself."""
    codes, values = _codes(rows, by)
    ends = np.cumsum(lengths).tolist()
    return [_counted(codes[end - n : end], values, None) for n, end in zip(lengths.tolist(), ends, strict=True)]


def _codes(rows: pa.Table, by: Sequence[str]) -> tuple[Any, list[list[Any]]]:
    """Return a number for each row's combination of values, and the values of each column."""
    codes = np.zeros(rows.num_rows, np.int64)
    values: list[list[Any]] = []
    for name in by:
        column = rows[name]
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        whole = encoded.unify_dictionaries().combine_chunks()
        whole = whole if isinstance(whole, pa.DictionaryArray) else whole.chunk(0)
        values.append(whole.dictionary.to_pylist())
        codes = codes * len(values[-1]) + whole.indices.to_numpy()
    return codes, values


def _counted(codes: Any, values: list[list[Any]], inside: Any) -> Counts:
    numbers, counts = np.unique(codes if inside is None else codes[inside], return_counts=True)
    columns = []
    for known in reversed(values):
        numbers, at = np.divmod(numbers, max(1, len(known)))
        columns.append([known[place] for place in at.tolist()])
    keys = zip(*reversed(columns), strict=True) if columns else [()] * len(counts)
    return Counter(dict(zip(keys, counts.tolist(), strict=True)))


def _texts(footer: Footer, by: Sequence[str]) -> list[str]:
    columns = footer.metadata.schema.to_arrow_schema()
    return [name for name in by if pa.types.is_string(columns.field(name).type)]
