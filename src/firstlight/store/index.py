"""Which series there are: by identity, and by name for those who look for them."""

from collections.abc import Iterable, Mapping

import pyarrow as pa

from firstlight.model import Series
from firstlight.store import columns, schema

_MAX_PIECES = 32


class SeriesIndex:
    """Every series that this process has seen in a lake; only grows.

    Attributes:
        collisions: definitions that were refused because another series has the same 64-bit identity.
    """

    def __init__(self) -> None:
        self._by_id: dict[int, Series] = {}
        self._by_name: dict[str, list[int]] = {}
        self._unlisted: list[tuple[int, Series]] = []
        self._pieces: list[pa.Table] = [schema.SERIES.empty_table()]
        self.collisions = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, definitions: Iterable[tuple[int, Series]]) -> None:
        """Remember series; the first definition of an identity stays."""
        for series_id, series in definitions:
            known = self._by_id.get(series_id)
            if known is None:
                self._by_id[series_id] = series
                self._by_name.setdefault(series.name, []).append(series_id)
                self._unlisted.append((series_id, series))
            elif known != series and identity(known) != identity(series):
                self.collisions += 1

    def all(self) -> Mapping[int, Series]:
        """Return every series by id."""
        return self._by_id.copy()

    def select(self, name: str, field: str, labels: Mapping[str, str]) -> dict[int, Series]:
        """Return the series of metric ``name`` and ``field`` whose labels include ``labels``."""
        named = ((series_id, self._by_id[series_id]) for series_id in self._by_name.get(name, ()))
        return {i: s for i, s in named if s.field == field and labels.items() <= dict(s.labels).items()}

    def table(self) -> pa.Table:
        """Return every series as rows of the ``series`` table."""
        if self._unlisted:
            self._pieces.append(columns.series_table(self._unlisted))
            self._unlisted = []
            if len(self._pieces) > _MAX_PIECES:
                self._pieces = [pa.concat_tables(self._pieces).combine_chunks()]
        return pa.concat_tables(self._pieces)


def identity(series: Series) -> tuple[object, ...]:
    """Return what makes a series that series; kind, unit and description do not."""
    return series.name, series.field, series.labels, series.service, series.session_id, series.scope
