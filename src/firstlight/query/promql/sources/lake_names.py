"""What the series of a lake are called in PromQL.

A series that says nothing of its sender came from Prometheus and keeps its name and labels.  Any other is called as at
``/metrics`` (:mod:`firstlight.codecs.prometheus_names`): characters that a name may not have become underscores, a
counter ends in ``_total``, the parts of a histogram in ``_bucket``, ``_sum`` and ``_count``; the service is ``job``,
the session ``instance``, the scope ``otel_scope_name``, unless a label has that name.
"""

from collections.abc import Callable, Iterable, Iterator

from firstlight.codecs.prometheus_families import VALUE_SUFFIXES
from firstlight.codecs.prometheus_names import family_name, label_name, legal_labels
from firstlight.model import Series
from firstlight.query.promql.sources.source import Labels
from firstlight.store.index import SeriesIndex

NAME = "__name__"
PARTS = {"job": "service", "instance": "session_id", "otel_scope_name": "scope"}
"""Labels that say a part of a series' identity."""

_SUFFIXES = {"bucket": "_bucket", "sum": "_sum", "count": "_count"}
_EXTREMES = frozenset({"min", "max"})


def shown_name(name: str, field: str, kind: str) -> str:
    """Return what PromQL calls a series that came from elsewhere than Prometheus."""
    if field in _EXTREMES:
        return family_name(f"{name}_{field}", "gauge")
    suffix = _SUFFIXES.get(field, VALUE_SUFFIXES.get(kind, "") if field == "value" else "")
    return family_name(name, kind) + suffix


def shown_labels(series: Series) -> Labels:
    """Return the whole label set of ``series``."""
    if _is_plain(series):
        return tuple(sorted([(NAME, series.name), *series.labels]))
    labels = dict(legal_labels(series.labels))
    for label, part in PARTS.items():
        if value := getattr(series, part):
            labels.setdefault(label, value)
    labels[NAME] = shown_name(series.name, series.field, series.kind.value)
    return tuple(sorted(labels.items()))


def _is_plain(series: Series) -> bool:
    return series.field == "value" and not (series.service or series.session_id or series.scope)


class Names:
    """Which names and labels of a lake's series stand behind those of PromQL; grows with the index.

    Args:
        index: of the series.
    """

    def __init__(self, index: SeriesIndex) -> None:
        self.index = index
        self._seen = 0
        self._labels_seen = 0
        self._originals: dict[str, set[str]] = {}
        self._labels: dict[str, set[str]] = {}

    def refresh(self) -> None:
        """Look at the series that have come since."""
        count = len(self.index)
        if count > self._seen:
            for name, field, kind in self.index.metrics(self._seen):
                # Which of the two it is depends on the series.
                for shown in (shown_name(name, field, kind), name):
                    self._originals.setdefault(shown, set()).add(name)
            self._seen = count
        labels = self.index.labels()
        for label in labels[self._labels_seen :]:
            self._labels.setdefault(label_name(label), set()).add(label)
        self._labels_seen = len(labels)

    def named(self, shown: str) -> set[str]:
        """Return the names of series that may be called ``shown``."""
        return self._originals.get(shown, set())

    def meeting(self, choose: Callable[[list[str]], Iterable[bool]]) -> set[str]:
        """Return the names of series that may be called one of the names that ``choose`` says yes to."""
        shown = list(self._originals)
        chosen = zip(shown, choose(shown), strict=True)
        return {name for one, is_meant in chosen if is_meant for name in self._originals[one]}

    def labels(self, shown: str) -> Iterator[str]:
        """Yield the labels that may stand behind one of PromQL, that of the same name first."""
        yield shown
        yield from sorted(self._labels.get(shown, set()) - {shown})
