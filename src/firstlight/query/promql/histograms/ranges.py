"""What functions of range vectors make of histograms among the samples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from firstlight.query.promql.annotations import Annotations
from firstlight.query.promql.histograms import rates as histogram_rates
from firstlight.query.promql.histograms import sums as histogram_sums
from firstlight.query.promql.histograms.notes import note
from firstlight.query.promql.histograms.rates import HistogramWindows
from firstlight.query.promql.histograms.troubles import Trouble
from firstlight.query.promql.label_sets import name_of
from firstlight.query.promql.language.durations import seconds_of
from firstlight.query.promql.language.syntax import Place
from firstlight.query.promql.sources.source import are_there
from firstlight.query.promql.windows.folding import total_between
from firstlight.query.promql.windows.ranges import Ranges, Windows


@dataclass(frozen=True, slots=True)
class Made:
    """What a function made of a block of series, ``(N, S)`` each; completed in place."""

    values: Any
    present: Any
    histograms: Any


@dataclass(frozen=True, slots=True)
class Asked:
    """The function, and what to say about its argument.

    Attributes:
        name: of the function.
        notes: where it is said.
        place: of the argument in the query.
    """

    name: str
    notes: Annotations
    place: Place


@dataclass(frozen=True, slots=True)
class _Line:
    """One series with histograms, and what was made of its floats; ``(S,)`` each.

    Attributes:
        windows: over floats and histograms.
        values: of all samples, of no meaning where there is a histogram.
        floats: how many floats each window has.
        made: what to complete.
        row: the place of the series in it.
    """

    windows: HistogramWindows
    values: Any
    floats: Any
    made: Made
    row: int

    @property
    def counts(self) -> Any:
        return self.windows.end - self.windows.first

    def put(self, values: Any, present: Any) -> None:
        self.made.values[self.row] = values
        self.made.present[self.row] = present

    def put_histograms(self, histograms: Any) -> None:
        self.made.histograms[self.row] = histograms
        self.made.present[self.row] |= are_there(histograms)


def complete(asked: Asked, block: Ranges, windows: Windows, made: Made) -> None:
    """Put what ``asked`` makes of histograms beside what it made of floats."""
    mixed = block.mixed
    assert mixed is not None
    kernel = _KERNELS.get(asked.name, _ignored)
    both = block.mixed_windows()
    starts_ns = both.ends_ns - both.range_ns
    for row in range(len(block.labels)):
        if block.floats.lengths[row] == mixed.lengths[row]:
            continue
        where = slice(int(mixed.starts[row]), int(mixed.starts[row] + mixed.lengths[row]))
        first, end = both.first[row] - where.start, both.last[row] - where.start
        line = HistogramWindows(mixed.histograms[where], mixed.times_ns[where], first, end, starts_ns, both.ends_ns)
        for trouble in kernel(asked.name, _Line(line, mixed.values[where], windows.counts[row], made, row)):
            note(asked.notes, trouble, name_of(block.labels[row]), asked.place)


def _only_floats(line: _Line) -> Any:
    """Return which windows have floats only."""
    return line.floats == line.counts


def _ignored(_name: str, line: _Line) -> set[Trouble]:
    return {Trouble.IGNORED} if ((line.floats > 0) & ~_only_floats(line)).any() else set()


def _rates(name: str, line: _Line) -> set[Trouble]:
    line.made.present[line.row] &= _only_floats(line)
    found, troubles = histogram_rates.window_rates(line.windows, counter=name != "delta", per_second=name == "rate")
    line.put_histograms(found)
    return troubles


def _instant_rates(name: str, line: _Line) -> set[Trouble]:
    is_histogram = np.append(are_there(line.windows.histograms), False)
    line.made.present[line.row] &= ~is_histogram[line.windows.end - 1] & ~is_histogram[line.windows.end - 2]
    found, troubles = histogram_rates.instant_rates(line.windows, counter=name == "irate")
    line.put_histograms(found)
    return troubles


def _sums(name: str, line: _Line) -> set[Trouble]:
    troubles = {Trouble.MIXED_FLOATS} if ((line.floats > 0) & ~_only_floats(line)).any() else set()
    line.made.present[line.row] &= _only_floats(line)
    combine = histogram_sums.total if name == "sum_over_time" else histogram_sums.mean
    found = np.full(len(line.counts), None, object)
    for step in np.flatnonzero((line.floats == 0) & (line.counts > 0)).tolist():
        answer = combine(line.windows.histograms[line.windows.first[step] : line.windows.end[step]].tolist())
        if isinstance(answer, Trouble):
            troubles.add(answer)
        else:
            found[step] = answer
    line.put_histograms(found)
    return troubles


def _counts(name: str, line: _Line) -> set[Trouble]:
    line.put(1.0 if name == "present_over_time" else line.counts.astype(float), line.counts > 0)
    return set()


def _flagged(name: str, line: _Line) -> set[Trouble]:
    flags = histogram_rates.reset_flags if name == "resets" else histogram_rates.change_flags
    indicator = flags(line.values, line.windows.histograms)
    first = np.minimum(line.windows.first + 1, len(indicator))
    line.put(total_between(indicator, first, line.windows.end), line.counts > 0)
    return set()


def _positions(name: str, line: _Line) -> Any:
    found = line.windows.first if "first" in name else line.windows.end - 1
    return np.clip(found, 0, max(len(line.values) - 1, 0))


def _picked(name: str, line: _Line) -> set[Trouble]:
    at = _positions(name, line)
    line.put(line.values[at], line.counts > 0)
    line.put_histograms(np.where(line.counts > 0, line.windows.histograms[at], None))
    return set()


def _times(name: str, line: _Line) -> set[Trouble]:
    line.put(seconds_of(line.windows.times_ns[_positions(name, line)]), line.counts > 0)
    return set()


_KERNELS: Mapping[str, Callable[[str, _Line], set[Trouble]]] = {
    **dict.fromkeys(("rate", "increase", "delta"), _rates),
    **dict.fromkeys(("irate", "idelta"), _instant_rates),
    **dict.fromkeys(("sum_over_time", "avg_over_time"), _sums),
    **dict.fromkeys(("count_over_time", "present_over_time"), _counts),
    **dict.fromkeys(("changes", "resets"), _flagged),
    **dict.fromkeys(("first_over_time", "last_over_time"), _picked),
    **dict.fromkeys(("ts_of_first_over_time", "ts_of_last_over_time"), _times),
}
