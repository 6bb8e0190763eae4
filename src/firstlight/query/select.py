"""Samples of the series that matchers choose, as arrays per series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from firstlight.model import Matcher, Series, named
from firstlight.store.reader import LakeReader, View
from firstlight.store.runs import Runs

Window = list[tuple[Series, list[int], list[float]]]


@dataclass(frozen=True, slots=True)
class SeriesSamples:
    """Samples of one series.

    Attributes:
        series: whose.
        times_ns: ``(n,)`` int64, contiguous, ascending, each once.
        values: ``(n,)`` float64, contiguous, bit for bit as recorded.
    """

    series: Series
    times_ns: Any
    values: Any


@dataclass(frozen=True, slots=True)
class Chosen:
    """Series by ascending id.

    Attributes:
        ids: ``(k,)`` int64.
        series: in the same order.
    """

    ids: Any
    series: list[Series]


def choose(reader: LakeReader, view: View, matchers: Sequence[Matcher], field: str | None) -> Chosen:
    """Return the series of ``view`` that meet ``matchers`` and are of ``field`` (any, when None).

    Raises:
        QueryError: a matcher's value is no regular expression.
    """
    index = reader.series(view)
    positions = index.match(matchers, field)
    ids = index.ids(positions)
    order = np.argsort(ids)
    return Chosen(ids[order], index.at(positions[order].tolist()))


def select(
    reader: LakeReader, matchers: Sequence[Matcher], start_ns: int, end_ns: int, field: str | None = "value"
) -> list[SeriesSamples]:
    """Return the samples with ``start_ns <= time < end_ns`` of each series that has any.

    Raises:
        QueryError: a matcher's value is no regular expression.
        StorageError: a segment cannot be read.
    """

    def read(view: View) -> list[SeriesSamples]:
        chosen = choose(reader, view, matchers, field)
        runs = reader.runs(view, chosen.ids, start_ns, end_ns)
        return _apart(chosen, runs)

    return reader.reading(read)


def window(
    reader: LakeReader,
    name: str,
    start_ns: int,
    end_ns: int,
    labels: Mapping[str, str] | None = None,
    field: str = "value",
) -> Window:
    """See :meth:`firstlight.ports.SignalReader.window`."""
    found = select(reader, named(name, **(labels or {})), start_ns, end_ns, field)
    return [(one.series, one.times_ns.tolist(), one.values.tolist()) for one in found]


def _apart(chosen: Chosen, runs: Runs) -> list[SeriesSamples]:
    starts = runs.starts()
    places = np.searchsorted(chosen.ids, runs.ids)
    return [
        SeriesSamples(chosen.series[place], runs.times_ns[start:end], runs.values[start:end])
        for place, start, end in zip(places.tolist(), starts.tolist(), (starts + runs.lengths).tolist(), strict=True)
    ]
