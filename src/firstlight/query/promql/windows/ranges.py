"""Range vectors: samples of many series, and the window of each step."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from firstlight.query.promql.limits import Limits
from firstlight.query.promql.sources.source import Labels, are_there
from firstlight.query.promql.values import Steps
from firstlight.query.promql.windows.positions import share_times, window_positions

STALE_BITS = 0x7FF0000000000002
"""The NaN that says that a series ended."""

_BLOCK_CELLS = 65_536
_BLOCK_SAMPLES = 500_000


def _go_on() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples, series after series.

    Attributes:
        times_ns: ``(n,)``.
        values: ``(n,)`` float64.
        starts: ``(N,)`` where each series begins.
        lengths: ``(N,)`` how many it has, also 0.
        histograms: ``(n,)`` Histogram or None, which is a float; None for floats only.
    """

    times_ns: Any
    values: Any
    starts: Any
    lengths: Any
    histograms: Any = None

    def kept(self, chosen: Any) -> "Samples":
        """Return only the samples where ``chosen``, ``(n,)`` bool, says so."""
        if chosen.all():
            return self
        counts = np.concatenate(([0], np.cumsum(chosen)))
        lengths = counts[self.starts + self.lengths] - counts[self.starts]
        histograms = None if self.histograms is None else self.histograms[chosen]
        return Samples(self.times_ns[chosen], self.values[chosen], counts[self.starts], lengths, histograms)

    def block(self, begin: int, end: int) -> "Samples":
        """Return the series from ``begin`` up to before ``end``."""
        first = int(self.starts[begin])
        last = int(self.starts[end - 1] + self.lengths[end - 1])
        starts = self.starts[begin:end] - first
        histograms = None if self.histograms is None else self.histograms[first:last]
        return Samples(self.times_ns[first:last], self.values[first:last], starts, self.lengths[begin:end], histograms)


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of a block of series.

    Attributes:
        times_ns: ``(n,)`` of the samples.
        values: ``(n,)``.
        first: ``(N, S)`` where each window begins.
        last: ``(N, S)`` where it ends, exclusive.
        ends_ns: ``(S,)`` the moments that windows end at, inclusive.
        range_ns: how long they are; what lies at the beginning itself is outside.
        is_shared: all series have samples at the same times.
        check: to be called now and then in what takes long; see :meth:`firstlight.query.promql.limits.Limits.check`.
    """

    times_ns: Any
    values: Any
    first: Any
    last: Any
    ends_ns: Any
    range_ns: int
    is_shared: bool = False
    check: Callable[[], None] = _go_on

    @property
    def counts(self) -> Any:
        """``(N, S)`` how many samples there are in each."""
        return self.last - self.first

    def at_least(self, count: int) -> Any:
        """Return ``(N, S)`` bool, which windows have so many samples."""
        return self.counts >= count


@dataclass(frozen=True, slots=True)
class Ranges:
    """A range vector.

    Attributes:
        labels: of each series.
        floats: their floats, without stale markers.
        mixed: their floats and histograms, when there is any histogram.
        steps: the moments that windows end at.
        range_ns: how long windows are.
        nameless: ``(N,)`` bool, whose names are to be dropped.
        cuts: where windows begin and end in the floats of each series, when that is the same in all.
        check: see :class:`Windows`.
    """

    labels: list[Labels]
    floats: Samples
    mixed: Samples | None
    steps: Steps
    range_ns: int
    nameless: Any
    cuts: tuple[Any, Any] | None = None
    check: Callable[[], None] = _go_on

    def blocks(self, limits: Limits) -> Iterator[tuple[slice, "Ranges"]]:
        """Cut into blocks of series that fit the processor's caches."""
        longest = max(1, int(self.floats.lengths.max(initial=0)))
        size = max(1, min(_BLOCK_CELLS // self.steps.count, _BLOCK_SAMPLES // longest))
        whole = replace(self.with_cuts(), check=limits.check)
        for begin in range(0, len(self.labels), size):
            end = min(begin + size, len(self.labels))
            limits.check()
            yield slice(begin, end), whole.block(begin, end)

    def with_cuts(self) -> "Ranges":
        """Return the same with ``cuts``, if all series have floats at the same times."""
        floats = self.floats
        if not self.labels or not share_times(floats.times_ns, floats.starts, floats.lengths):
            return self
        start = int(floats.starts[0])
        first = window_positions(floats.times_ns, floats.starts[:1], floats.lengths[:1], self.steps, self.range_ns)
        return replace(self, cuts=(first[0] - start, first[1] - start))

    def block(self, begin: int, end: int) -> "Ranges":
        """Return the series from ``begin`` up to before ``end``."""
        if end - begin == len(self.labels):
            return self
        mixed = self.mixed.block(begin, end) if self.mixed else None
        floats, nameless = self.floats.block(begin, end), self.nameless[begin:end]
        labels = self.labels[begin:end]
        return replace(self, labels=labels, floats=floats, mixed=mixed, nameless=nameless)

    def float_windows(self) -> Windows:
        """Return the windows over floats."""
        floats = self.floats
        if self.cuts is None:
            return self._windows(floats)
        first, last = (cut + floats.starts[:, None] for cut in self.cuts)
        ends_ns = self.steps.times_ns()
        return Windows(floats.times_ns, floats.values, first, last, ends_ns, self.range_ns, True, self.check)

    def mixed_windows(self) -> Windows:
        """Return the windows over floats and histograms."""
        return self._windows(self.mixed or self.floats)

    def _windows(self, samples: Samples) -> Windows:
        first, last = window_positions(samples.times_ns, samples.starts, samples.lengths, self.steps, self.range_ns)
        ends_ns = self.steps.times_ns()
        return Windows(samples.times_ns, samples.values, first, last, ends_ns, self.range_ns, False, self.check)


def split(times_ns: Any, values: Any, histograms: Any, lengths: Any) -> tuple[Samples, Samples | None]:
    """Return floats, and floats with histograms if there are any; neither has stale markers."""
    starts = np.cumsum(lengths) - lengths
    found = Samples(times_ns, values, starts, lengths, histograms)
    if np.isnan(values).any():
        is_stale = values.view(np.int64) == STALE_BITS
        if histograms is not None:
            is_stale &= ~are_there(histograms)
        found = found.kept(~is_stale)
    if found.histograms is None:
        return found, None
    floats = found.kept(~are_there(found.histograms))
    return Samples(floats.times_ns, floats.values, floats.starts, floats.lengths), found
