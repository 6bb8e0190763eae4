"""Rows of the ``series`` table as numbers."""

from typing import Any

import numpy as np
import pyarrow as pa

from firstlight.store import columns
from firstlight.store.growing import ranges
from firstlight.store.terms import Terms, Texts

TEXTS = ("name", "field", "service", "session_id", "scope", "kind", "unit", "description")
"""The columns of texts."""


class SeriesRows:
    """The numbers.

    Args:
        table: the rows.
        texts: where texts get their numbers.
        terms: where pairs of label and value do.
    """

    def __init__(self, table: pa.Table, texts: Texts, terms: Terms) -> None:
        self.ids = columns.raw(_whole(table["series_id"]), np.int64)
        self.codes = {name: texts.encode(_whole(table[name])) for name in TEXTS}
        maps = _whole(table["labels"])
        offsets = columns.raw(maps.offsets, np.int32)
        self._starts, self._lengths = offsets[:-1] - offsets[0], np.diff(offsets)
        inside = slice(offsets[0], offsets[-1])
        self._terms = terms.encode(texts.encode(maps.keys[inside]), texts.encode(maps.items[inside]))

    def labels_of(self, rows: Any) -> tuple[Any, Any]:
        """Return how many labels each of ``rows`` has, and their terms row after row."""
        lengths = self._lengths[rows]
        return lengths, self._terms[ranges(self._starts[rows], lengths)]


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()
