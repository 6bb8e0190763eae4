"""What PromQL calls the series of a lake: label sets, names and values of labels, what metrics mean."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from firstlight.codecs.prometheus_names import family_name, label_name
from firstlight.codecs.remote_write_series import Metadata
from firstlight.model import Kind, Matcher
from firstlight.query.promql.limits import Limits
from firstlight.query.promql.sources.lake import LakeSource
from firstlight.query.promql.sources.lake_cardinality import cardinality
from firstlight.query.promql.sources.lake_names import NAME, PARTS, Names, shown_labels, shown_name
from firstlight.query.promql.sources.lake_presence import present
from firstlight.query.promql.sources.source import Labels
from firstlight.store.index import Meaning, SeriesIndex, part_label
from firstlight.store.reader import View

_AT_ONCE = 10_000
_UNKNOWN = Kind.UNKNOWN.value
_DISTRIBUTIONS = frozenset({"histogram", "summary"})
_PARTS = ("_bucket", "_count", "_sum")
_DISTRIBUTION_FIELDS = frozenset({"bucket", "count", "sum", "quantile"})


class Chosen(NamedTuple):
    """Which series are meant.

    Attributes:
        selectors: matchers, of which a series meets all of one of the lists; empty for all series.
        span_ns: they had samples from the first to the last of two moments; see
            :func:`firstlight.query.promql.sources.lake_presence.present`.
    """

    selectors: Sequence[Sequence[Matcher]]
    span_ns: tuple[int, int]


class _Found(NamedTuple):
    """Series by how they are called.

    Attributes:
        known: where they are.
        bare: positions of those that keep their names and labels.
        others: positions of those that get other ones.
    """

    known: SeriesIndex
    bare: Any
    others: Any


class LakeLabels:
    """Tells of the series of a lake by the names that PromQL has for them; many threads may use it.

    Args:
        source: the lake.
    """

    def __init__(self, source: LakeSource) -> None:
        self._source = source
        self._reader = source.reader

    def sets(self, chosen: Chosen, limits: Limits) -> list[Labels]:
        """Return the label sets, sorted.

        Raises:
            QueryError: a limit is reached, or a matcher is no regular expression.
            StorageError: a segment cannot be read.
        """

        def read(view: View) -> list[Labels]:
            found: set[Labels] = set()
            for matchers in chosen.selectors:
                ids, labels = self._source.chosen(view, matchers, limits)
                places = np.searchsorted(ids, present(self._source, view, ids, chosen.span_ns, limits))
                found.update(labels[place] for place in places.tolist())
            return sorted(found)

        return self._reader.reading(read)

    def names(self, chosen: Chosen, limits: Limits) -> list[str]:
        """Return the names of all labels, sorted; raises like :meth:`sets`."""

        def read(view: View) -> list[str]:
            index, bare, others = self._found(view, chosen, limits)
            if not len(bare) + len(others):
                return []
            shown = {NAME, *index.labels_at(bare), *map(label_name, index.labels_at(others))}
            shown |= {label for label, part in PARTS.items() if index.values_at(part_label(part), others)}
            return sorted(shown)

        return self._reader.reading(read)

    def values(self, label: str, chosen: Chosen, limits: Limits) -> list[str]:
        """Return the values of a label, sorted; raises like :meth:`sets`."""

        def read(view: View) -> list[str]:
            found = self._found(view, chosen, limits)
            index, bare, others = found
            if label == NAME:
                names = {one.name for one in index.meanings(bare)}
                return sorted(names | {shown_name(*one[:3]) for one in index.meanings(others)})
            names_known = self._source.names(index)
            return sorted({*index.values_at(label, bare), *_given_values(names_known, label, others, limits)})

        return self._reader.reading(read)

    def metadata(self, told: Mapping[str, Metadata]) -> dict[str, list[dict[str, str]]]:
        """Return type, help and unit of each metric, as Prometheus' API has them; several when senders disagree.

        Args:
            told: of metrics whose series came before anybody said what they mean.

        Raises:
            StorageError: a segment cannot be read.
        """

        def read(view: View) -> dict[str, list[dict[str, str]]]:
            index, bare, others = _parted(self._reader.series(view), None)
            families = [(_bare_family(one), one) for one in index.meanings(bare)]
            families += [_given_family(one) for one in index.meanings(others)]
            return _described(families)

        found = self._reader.reading(read)
        for name, metadata in list(told.items()):
            if all(one["type"] == _UNKNOWN for one in found.get(name, [])):
                shown = {"type": metadata.kind.value, "help": metadata.description, "unit": metadata.unit}
                found[name] = [shown]
        return found

    def cardinality(self, limit: int) -> dict[str, Any]:
        """Return which metrics, labels and pairs have most series, as Prometheus' API has it.

        Raises:
            StorageError: a segment cannot be read.
        """
        return self._reader.reading(lambda view: cardinality(self._reader.series(view), limit))

    def _found(self, view: View, chosen: Chosen, limits: Limits) -> _Found:
        index = self._reader.series(view)
        if not chosen.selectors:
            ids = np.sort(index.ids())
        else:
            pieces = [self._source.chosen(view, matchers, limits)[0] for matchers in chosen.selectors]
            ids = np.unique(np.concatenate(pieces))
        kept = present(self._source, view, ids, chosen.span_ns, limits)
        return _parted(index, index.positions(kept))


def _parted(index: SeriesIndex, positions: Any) -> _Found:
    chosen = np.arange(len(index)) if positions is None else positions
    is_bare = index.are_bare(chosen)
    return _Found(index, chosen[is_bare], chosen[~is_bare])


def _given_values(names: Names, label: str, positions: Any, limits: Limits) -> Iterable[str]:
    """Return the values of ``label`` of series that are not called what they are called here."""
    index = names.index
    if label_name(label) != label or not len(positions):
        return []
    places = [*names.labels(label), *([part_label(PARTS[label])] if label in PARTS else [])]
    said = [values for place in places if (values := index.values_at(place, positions))]
    # Where several places say something, it depends on the series which of them counts.
    return said[0] if len(said) == 1 else _one_by_one(index, label, positions, limits) if said else []


def _one_by_one(index: SeriesIndex, label: str, positions: Any, limits: Limits) -> Iterator[str]:
    for start in range(0, len(positions), _AT_ONCE):
        limits.check()
        for series in index.at(positions[start : start + _AT_ONCE].tolist()):
            if value := dict(shown_labels(series)).get(label):
                yield value


def _bare_family(meaning: Meaning) -> str:
    if meaning.kind not in _DISTRIBUTIONS:
        return meaning.name
    return next((meaning.name.removesuffix(part) for part in _PARTS if meaning.name.endswith(part)), meaning.name)


def _given_family(meaning: Meaning) -> tuple[str, Meaning]:
    name, field, kind = meaning[:3]
    if kind in _DISTRIBUTIONS and field in _DISTRIBUTION_FIELDS:
        return family_name(name, kind), meaning
    return shown_name(name, field, kind), meaning._replace(kind="gauge") if field in {"min", "max"} else meaning


def _described(families: Iterable[tuple[str, Meaning]]) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for name, meaning in families:
        shown = {"type": meaning.kind, "help": meaning.description, "unit": meaning.unit}
        if shown not in found.setdefault(name, []):
            found[name].append(shown)
    return found
