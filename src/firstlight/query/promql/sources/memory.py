"""Series in plain memory as a source of PromQL: for tests, and for answers that shall be asked again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from firstlight.model import Matcher
from firstlight.query.promql.language.selectors import meets
from firstlight.query.promql.limits import Limits
from firstlight.query.promql.sources.source import Labels, Selected


@dataclass(slots=True)
class _Line:
    times_ns: Any
    values: Any
    histograms: Any


class MemorySource:
    """Holds series in memory."""

    def __init__(self) -> None:
        self._lines: dict[Labels, _Line] = {}

    def add(self, labels: Mapping[str, str], samples: Iterable[tuple[int, Any]]) -> None:
        """Add samples of a series; of two at one time the later added one counts.

        Args:
            labels: ``__name__`` included.
            samples: times in ns with a number or a Histogram each.
        """
        key = tuple(sorted((name, value) for name, value in labels.items() if value))
        known = self._lines.get(key)
        merged = dict(zip(known.times_ns.tolist(), _cells(known), strict=True)) if known else {}
        merged.update(samples)
        times = sorted(merged)
        cells = [merged[time] for time in times]
        is_float = [isinstance(cell, float | int) for cell in cells]
        histograms = np.full(len(times), None, object)
        for position in (i for i, plain in enumerate(is_float) if not plain):
            histograms[position] = cells[position]
        values = np.array([cell if plain else 0.0 for cell, plain in zip(cells, is_float, strict=True)], np.float64)
        self._lines[key] = _Line(np.array(times, np.int64), values, None if all(is_float) else histograms)

    def select(self, matchers: Sequence[Matcher], start_ns: int, end_ns: int, limits: Limits) -> Selected:
        """See :meth:`firstlight.query.promql.sources.source.Source.select`."""
        found = [(key, self._lines[key]) for key in sorted(self._lines) if _meets(dict(key), matchers)]
        cut = [slice(*np.searchsorted(line.times_ns, (start_ns, end_ns), "right")) for _, line in found]
        limits.charge(sum(piece.stop - piece.start for piece in cut))
        lines = [
            (key, _Line(line.times_ns[piece], line.values[piece], _piece(line.histograms, piece)))
            for (key, line), piece in zip(found, cut, strict=True)
            if piece.stop > piece.start
        ]
        return _selected(lines)


def _cells(line: _Line) -> list[Any]:
    values: list[Any] = line.values.tolist()
    if line.histograms is None:
        return values
    return [value if one is None else one for value, one in zip(values, line.histograms, strict=True)]


def _piece(histograms: Any, piece: slice) -> Any:
    return None if histograms is None else histograms[piece]


def _selected(lines: list[tuple[Labels, _Line]]) -> Selected:
    lengths = np.array([len(line.times_ns) for _, line in lines], np.int64)
    times_ns = np.concatenate([np.empty(0, np.int64), *(line.times_ns for _, line in lines)])
    values = np.concatenate([np.empty(0), *(line.values for _, line in lines)])
    histograms = None
    if any(line.histograms is not None for _, line in lines):
        empty = [np.full(len(line.times_ns), None, object) if line.histograms is None else line.histograms
                 for _, line in lines]  # fmt: skip
        histograms = np.concatenate(empty)
    return Selected([key for key, _ in lines], lengths, times_ns, values, histograms)


def _meets(labels: Mapping[str, str], matchers: Sequence[Matcher]) -> bool:
    return all(meets(matcher, labels.get(matcher.label, "")) for matcher in matchers)
