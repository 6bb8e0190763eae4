"""Samples of several series as flat columns, series after series, and how several such become one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from firstlight.store.growing import ranges

_FEW_RUNS = 64


@dataclass(frozen=True, slots=True)
class Runs:
    """Samples series after series.

    Attributes:
        ids: ``(k,)`` int64, ascending, each once.
        lengths: ``(k,)`` int64, how many samples each has.
        times_ns: ``(n,)`` int64.
        values: ``(n,)`` float64.
    """

    ids: Any
    lengths: Any
    times_ns: Any
    values: Any

    def starts(self) -> Any:
        """Return where each series begins."""
        return np.cumsum(self.lengths) - self.lengths


NO_RUNS = Runs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def between(run: Runs, start_ns: int, end_ns: int) -> Runs:
    """Return the samples of one series with ``start_ns <= time < end_ns``, without looking at each."""
    if not len(run.ids):
        return NO_RUNS
    first, end = np.searchsorted(run.times_ns, (start_ns, end_ns))
    if first == end:
        return NO_RUNS
    return Runs(run.ids, np.array([end - first]), run.times_ns[first:end], run.values[first:end])


def chosen(runs: Runs, ids: Any) -> Runs:
    """Return the samples of those of ``ids`` (ascending) that are there."""
    if not len(runs.ids):
        return NO_RUNS
    at = np.minimum(np.searchsorted(runs.ids, ids), len(runs.ids) - 1)
    at = at[runs.ids[at] == ids]
    if len(at) == len(runs.ids):
        return runs
    lengths = runs.lengths[at]
    rows = ranges(runs.starts()[at], lengths)
    return Runs(runs.ids[at], lengths, runs.times_ns[rows], runs.values[rows])


def within(runs: Runs, start_ns: int, end_ns: int) -> Runs:
    """Return the samples of ``runs`` with ``start_ns <= time < end_ns``."""
    if not len(runs.ids):
        return NO_RUNS
    inside = (runs.times_ns >= start_ns) & (runs.times_ns < end_ns)
    if inside.all():
        return runs
    lengths = np.add.reduceat(inside, runs.starts(), dtype=np.int64)
    kept = lengths > 0
    return Runs(runs.ids[kept], lengths[kept], runs.times_ns[inside], runs.values[inside])


def joined(pieces: Sequence[Runs]) -> Runs:
    """Return the runs of ``pieces``, whose ids ascend from one piece to the next; the last id of one may go on."""
    pieces = [piece for piece in pieces if len(piece.ids)]
    if not pieces:
        return NO_RUNS
    if len(pieces) == 1:
        return pieces[0]
    ids, lengths, times_ns, values = _concatenated(pieces)
    firsts = np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1])))
    return Runs(ids[firsts], np.add.reduceat(lengths, firsts), times_ns, values)


def merged(sources: Sequence[Runs]) -> Runs:
    """Return all samples of ``sources`` series by series in the order of time; see :func:`merged_pieces`."""
    return merged_pieces([[source] for source in sources])


def merged_pieces(sources: Sequence[Sequence[Runs]]) -> Runs:
    """Return all samples series by series in the order of time, copied once.

    Of two with the same series and time only that of the later source, in one source the later one, is kept.

    Args:
        sources: of each its pieces, as :func:`joined` takes them.
    """
    filled = [[piece for piece in source if len(piece.times_ns)] for source in sources]
    filled = [source for source in filled if source]
    if not filled:
        return NO_RUNS
    if len(filled) == 1:
        whole = joined(filled[0])
    else:
        whole = _interleaved(sorted(filled, key=lambda source: min(int(piece.times_ns.min()) for piece in source)))
    return whole if _ascends(whole) else _resolved([piece for source in filled for piece in source])


def _interleaved(sources: Sequence[Sequence[Runs]]) -> Runs:
    """Put the samples of each series together, source after source."""
    pieces = [piece for source in sources for piece in source]
    ids = np.unique(np.concatenate([piece.ids for piece in pieces]))
    places = [np.searchsorted(ids, piece.ids) for piece in pieces]
    totals = np.zeros(len(ids), np.int64)
    for place, piece in zip(places, pieces, strict=True):
        totals[place] += piece.lengths
    ends = np.cumsum(totals) - totals
    times_ns, values = np.empty(int(totals.sum()), np.int64), np.empty(int(totals.sum()))
    for place, piece in zip(places, pieces, strict=True):
        _put(piece, ends[place], times_ns, values)
        ends[place] += piece.lengths
    return Runs(ids, totals, times_ns, values)


def _put(source: Runs, starts: Any, times_ns: Any, values: Any) -> None:
    if len(starts) <= _FEW_RUNS:
        at = 0
        for start, length in zip(starts.tolist(), source.lengths.tolist(), strict=True):
            times_ns[start : start + length] = source.times_ns[at : at + length]
            values[start : start + length] = source.values[at : at + length]
            at += length
        return
    target = ranges(starts, source.lengths)
    times_ns[target], values[target] = source.times_ns, source.values


def _ascends(runs: Runs) -> bool:
    """Return whether each series' times grow from sample to sample."""
    steps = np.diff(runs.times_ns)
    borders = runs.starts()[1:] - 1
    steps[borders[runs.lengths[1:] > 0]] = 1
    return bool((steps > 0).all())


def _resolved(sources: Sequence[Runs]) -> Runs:
    ids, lengths, times_ns, values = _concatenated(sources)
    owners = np.repeat(ids, lengths)
    order = np.lexsort((times_ns, owners))
    owners, times_ns, values = owners[order], times_ns[order], values[order]
    is_last = np.append((owners[1:] != owners[:-1]) | (times_ns[1:] != times_ns[:-1]), True)
    owners, times_ns, values = owners[is_last], times_ns[is_last], values[is_last]
    found, counts = np.unique(owners, return_counts=True)
    return Runs(found, counts, times_ns, values)


def _concatenated(pieces: Sequence[Runs]) -> tuple[Any, Any, Any, Any]:
    columns = zip(*((piece.ids, piece.lengths, piece.times_ns, piece.values) for piece in pieces), strict=True)
    ids, lengths, times_ns, values = (np.concatenate(column) for column in columns)
    return ids, lengths, times_ns, values
