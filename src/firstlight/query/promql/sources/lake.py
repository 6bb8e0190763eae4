"""A lake as a source of PromQL."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from firstlight.codecs.otlp.values import STALE
from firstlight.model import Matcher, Series
from firstlight.query.promql.language.expressions import which_match
from firstlight.query.promql.limits import Limits
from firstlight.query.promql.sources.lake_histograms import HistogramReader, Rows
from firstlight.query.promql.sources.lake_names import NAME, PARTS, Names, shown_labels
from firstlight.query.promql.sources.source import Labels, Selected
from firstlight.store.index import SeriesIndex, part_label
from firstlight.store.reader import LakeReader, View
from firstlight.store.runs import Runs

_LABELS_KEPT = 200_000
"""Label sets remembered, by series."""
_AT_ONCE = 10_000
"""Series between two looks at the limits."""
_FEW_NAMES = 64
"""More are not looked up one by one."""

_STALE_BITS = np.array([STALE]).view(np.int64)[0]


class LakeSource:
    """Finds the series of a lake by PromQL's matchers; many threads may use it.

    Args:
        reader: the lake.

    Attributes:
        reader: likewise.
    """

    def __init__(self, reader: LakeReader) -> None:
        self.reader = reader
        self._names: Names | None = None
        self._labels: dict[int, tuple[str, Labels]] = {}
        self.histograms = HistogramReader()

    def select(self, matchers: Sequence[Matcher], start_ns: int, end_ns: int, limits: Limits) -> Selected:
        """See :meth:`firstlight.query.promql.sources.source.Source.select`.

        Raises:
            StorageError: a segment cannot be read.
        """

        def read(view: View) -> Selected:
            ids, labels = self.chosen(view, matchers, limits)
            runs = self.reader.runs(view, ids, start_ns + 1, end_ns + 1)
            limits.charge(len(runs.times_ns))
            span_ns = (start_ns + 1, end_ns + 1)
            rows = self.histograms.rows(self.reader, view, ids, span_ns, limits) if len(ids) else None
            return _selected(ids, labels, runs, rows)

        return self.reader.reading(read)

    def names(self, index: SeriesIndex) -> Names:
        """Return what stands behind the names of PromQL."""
        names = self._names
        if names is None or names.index is not index:
            names = self._names = Names(index)
            self._labels = {}
        names.refresh()
        return names

    def chosen(self, view: View, matchers: Sequence[Matcher], limits: Limits) -> tuple[Any, list[Labels]]:
        """Return ids, ascending, and label sets of the series that meet ``matchers``.

        Raises:
            QueryError: a limit is reached, or a matcher is no regular expression.
        """
        index = self.reader.series(view)
        names = self.names(index)
        of_name = [matcher for matcher in matchers if matcher.label == NAME]
        positions = _positions(index, names, of_name, [matcher for matcher in matchers if matcher.label != NAME])
        ids = index.ids(positions)
        order = np.argsort(ids)
        ids, positions = ids[order], positions[order]
        found: list[Labels | None] = []
        for start in range(0, len(ids), _AT_ONCE):
            limits.check()
            some = slice(start, start + _AT_ONCE)
            found += self._shown(ids[some].tolist(), index.at(positions[some].tolist()), of_name)
        kept = [place for place, labels in enumerate(found) if labels is not None]
        return ids[kept], [labels for labels in found if labels is not None]

    def _shown(self, ids: list[int], series: list[Series], of_name: Sequence[Matcher]) -> list[Labels | None]:
        """Return the label set of each series, None where its name is not meant after all."""
        known = self._labels
        if len(known) + len(ids) > _LABELS_KEPT:
            known = self._labels = {}
        found = [known.get(series_id) for series_id in ids]
        for place, shown in enumerate(found):
            if shown is None:
                labels = shown_labels(series[place])
                found[place] = known[ids[place]] = (dict(labels)[NAME], labels)
        return _by_name(found, series, of_name)


def _positions(index: SeriesIndex, names: Names, of_name: Sequence[Matcher], others: Sequence[Matcher]) -> Any:
    plain, sets = _taken_apart(index, names, others)
    wanted = _wanted_names(names, of_name)
    if wanted is None or len(wanted) > _FEW_NAMES:
        found = index.match(plain)
    else:
        found = _union(index.match([Matcher(NAME, "=", name), *plain]) for name in sorted(wanted))
    return reduce(lambda one, other: np.intersect1d(one, other, assume_unique=True), sets, found)


def _wanted_names(names: Names, matchers: Sequence[Matcher]) -> set[str] | None:
    """Return the original names of the series that may be meant, None for all."""
    if not matchers:
        return None
    return set.intersection(*(_meant(names, matcher) for matcher in matchers))


def _meant(names: Names, matcher: Matcher) -> set[str]:
    return names.named(matcher.value) if matcher.op == "=" else names.meeting(_chooser(matcher))


def _chooser(matcher: Matcher) -> Callable[[list[str]], Iterable[bool]]:
    """Return what says which texts meet ``matcher``."""
    if matcher.op in {"=", "!="}:
        return lambda texts: [(text == matcher.value) == (matcher.op == "=") for text in texts]
    negated = matcher.op == "!~"
    return lambda texts: (which_match(matcher.value, texts) != negated).tolist()


def _taken_apart(index: SeriesIndex, names: Names, matchers: Sequence[Matcher]) -> tuple[list[Matcher], list[Any]]:
    """Return what the index can match by itself, and the positions that meet each of the others."""
    plain, sets = [], []
    for matcher in matchers:
        places = list(names.labels(matcher.label))
        if matcher.label in PARTS:
            places.append(part_label(PARTS[matcher.label]))
        if len(places) == 1:
            plain.append(matcher)
        else:
            sets.append(_in_any_place(index, places, matcher))
    return plain, sets


def _in_any_place(index: SeriesIndex, places: Sequence[str], matcher: Matcher) -> Any:
    """Return the positions of series that meet ``matcher`` by the first of ``places`` where they say anything."""
    found, before = [], list[Matcher]()
    for number, place in enumerate(places):
        here = Matcher(place, matcher.op, matcher.value)
        said = [] if number == len(places) - 1 else [Matcher(place, "!=", "")]
        found.append(index.match([*before, *said, here]))
        before.append(Matcher(place, "=", ""))
    return _union(found)


def _union(sets: Iterable[Any]) -> Any:
    found = list(sets)
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)


def _by_name(found: Sequence[Any], series: Sequence[Series], matchers: Sequence[Matcher]) -> list[Labels | None]:
    """Leave out the series whose shown name is not meant; one that is asked for by its own name has that."""
    if not matchers:
        return [labels for _, labels in found]
    distinct = sorted({name for name, _ in found})
    meant = set(distinct)
    for matcher in matchers:
        meant &= {name for name, is_meant in zip(distinct, _chooser(matcher)(distinct), strict=True) if is_meant}
    if len(meant) == len(distinct):
        return [labels for _, labels in found]
    asked = matchers[0].value if len(matchers) == 1 and matchers[0].op == "=" else None
    answers: list[Labels | None] = []
    for (name, labels), one in zip(found, series, strict=True):
        if name in meant:
            answers.append(labels)
        elif one.name == asked and one.field == "value":
            answers.append(tuple((key, asked if key == NAME else value) for key, value in labels))
        else:
            answers.append(None)
    return answers


@dataclass(frozen=True, slots=True)
class _Columns:
    """Samples with the place of the series of each among the label sets."""

    owners: Any
    times_ns: Any
    values: Any
    histograms: Any


def _selected(ids: Any, labels: list[Labels], runs: Runs, rows: Rows | None) -> Selected:
    places = np.searchsorted(ids, runs.ids)
    if rows is None and len(set(labels)) == len(labels):
        return Selected([labels[place] for place in places.tolist()], runs.lengths, runs.times_ns, runs.values)
    distinct = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    number_of = np.array([distinct[label] for label in labels], np.int64)
    floats = _Columns(number_of[np.repeat(places, runs.lengths)], runs.times_ns, runs.values, None)
    columns = _sorted(floats if rows is None else _joined(floats, number_of[np.searchsorted(ids, rows.ids)], rows))
    used, lengths = np.unique(columns.owners, return_counts=True)
    names = list(distinct)
    return Selected(
        [names[number] for number in used.tolist()], lengths, columns.times_ns, columns.values, columns.histograms
    )


def _joined(floats: _Columns, owners: Any, rows: Rows) -> _Columns:
    """Floats and histograms together; the stale marker of a histogram is a float."""
    stale = rows.sums.view(np.int64) == _STALE_BITS
    values = np.where(stale, STALE, 0.0)
    histograms = rows.histograms.copy()
    histograms[stale] = None
    return _Columns(
        np.concatenate((floats.owners, owners)),
        np.concatenate((floats.times_ns, rows.times_ns)),
        np.concatenate((floats.values, values)),
        np.concatenate((np.full(len(floats.values), None, object), histograms)),
    )


def _sorted(columns: _Columns) -> _Columns:
    """By series and time; of two samples at one time the last one is kept."""
    order = np.lexsort((columns.times_ns, columns.owners))
    owners, times_ns = columns.owners[order], columns.times_ns[order]
    is_last = np.append((owners[1:] != owners[:-1]) | (times_ns[1:] != times_ns[:-1]), True)
    kept = order[is_last]
    histograms = None if columns.histograms is None else columns.histograms[kept]
    return _Columns(owners[is_last], times_ns[is_last], columns.values[kept], histograms)
