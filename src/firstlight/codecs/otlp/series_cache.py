"""Series and their ids, made once per identity and then found again."""

from typing import NamedTuple

from firstlight.model import Kind, Series

SERIES_MAX = 50_000
"""Series remembered; about 1 KiB each, most of which the store's own index shares.  A fuller cache starts anew."""

Labels = tuple[tuple[str, str], ...]


class Stream(NamedTuple):
    """What all series of one metric of one scope of one sender have in common."""

    service: str
    session_id: str
    scope: str
    name: str
    kind: Kind
    unit: str
    description: str


class SeriesCache:
    """Finds the series of a stream, field and labels.

    Attributes:
        forgotten: set when the cache was full and started anew; whoever keeps ids beside it should do the same.
    """

    def __init__(self, max_series: int = SERIES_MAX) -> None:
        self._known: dict[tuple[Stream, str, Labels], tuple[int, Series]] = {}
        self._max_series = max_series
        self.forgotten = False

    def find(self, stream: Stream, field: str, labels: Labels) -> tuple[int, Series]:
        """Return ``(series id, series)``; ``labels`` are sorted and without empty values."""
        key = (stream, field, labels)
        found = self._known.get(key)
        if found is None:
            series = make_series(stream, field, labels)
            found = (series.id(), series)
            if len(self._known) >= self._max_series:
                self._known.clear()
                self.forgotten = True
            self._known[key] = found
        return found


def make_series(stream: Stream, field: str, labels: Labels) -> Series:
    """Return the series of one field of ``stream``."""
    return Series(
        stream.name,
        labels,
        stream.service,
        stream.session_id,
        stream.scope,
        field,
        stream.kind,
        stream.unit,
        stream.description,
    )
