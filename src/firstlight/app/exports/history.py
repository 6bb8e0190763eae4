"""Formats that want each metric's samples together: Prometheus text and OpenMetrics.

Series are read a portion at a time, so that memory stays bounded however much there is; each portion reads the row
groups that hold its series.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from firstlight.app.exports.wanted import Report, Wanted
from firstlight.codecs.prometheus_families import family_of, metric_of
from firstlight.codecs.prometheus_history import OpenMetrics, Run, Text, group_samples, place_of
from firstlight.codecs.prometheus_names import family_names
from firstlight.model import Series
from firstlight.store.batches import times_ns
from firstlight.store.held import Held

PORTION_SAMPLES = 2_000_000
"""Samples in memory at a time: about 100 MB; a group of series that is larger than this is read whole."""


@dataclass(frozen=True, slots=True)
class Group:
    """Series that make up the same points, such as the buckets of one histogram.

    Attributes:
        family: the name under which they are written.
        ids: of the series.
    """

    family: str
    ids: tuple[int, ...]


class HistoryWriter:
    """Writes all samples of a lake that are wanted.

    Args:
        held: the lake.
        wanted: which samples.
        ids: sorted int64 ids of the series that are wanted.
        report: is told of what was written.
    """

    def __init__(self, held: Held, wanted: Wanted, ids: Any, report: Report) -> None:
        self._held = held
        self._wanted = wanted
        self._ids = ids
        self._report = report
        self._series: dict[int, Series] = {}
        self._form: Text | OpenMetrics = OpenMetrics() if wanted.format == "openmetrics" else Text()
        self._family = ""

    def write(self, file: IO[bytes], progress: Callable[[int, int], None]) -> None:
        """Write to ``file``; ``progress`` hears of the samples written, and of how many."""
        counts = self._counts()
        total, done = int(sum(counts.values())), 0
        for portion in _portions(self._groups(counts), counts):
            found = self._read(portion)
            for group in portion:
                done += self._group(file, group, found)
            progress(done, total)
        self._out(file, self._form.end)

    def _pieces(self, ids: Any) -> Iterator[tuple[Any, Any, Any]]:
        for rows in self._held.pieces("samples", self._wanted.start_ns, self._wanted.end_ns, ids):
            yield rows["series_id"].to_numpy(), times_ns(rows), rows["value"].to_numpy()

    def _counts(self) -> dict[int, int]:
        """Return how many samples each series has; series without any are not in it."""
        counts = np.zeros(len(self._ids), np.int64)
        for ids, _, _ in self._pieces(self._ids):
            counts += np.bincount(np.searchsorted(self._ids, ids), minlength=len(counts))
        present = self._ids[counts > 0]
        index = self._held.index()
        self._series = dict(zip(present.tolist(), index.at(index.positions(present).tolist()), strict=True))
        return dict(zip(present.tolist(), counts[counts > 0].tolist(), strict=True))

    def _groups(self, counts: dict[int, int]) -> list[Group]:
        """Return the groups family after family; counts those series that the formats cannot have as left out."""
        metrics = {number: metric_of(self._series[number]) for number in counts}
        names = family_names(metrics.values())
        groups: dict[tuple[str, Any], list[int]] = {}
        for number, metric in metrics.items():
            place = place_of(self._series[number], names[metric])
            if place is None:
                self._report.wrote("samples", 0, counts[number])
            else:
                groups.setdefault((names[metric], place.labels), []).append(number)
        ordered = sorted(groups.items())
        return [Group(name, tuple(ids)) for (name, _), ids in ordered]

    def _read(self, portion: Sequence[Group]) -> dict[int, Run]:
        wanted = np.sort(np.fromiter((number for group in portion for number in group.ids), np.int64))
        pieces = list(self._pieces(wanted))
        ids, times, values = (np.concatenate(columns) for columns in zip(*pieces, strict=True))
        order = np.lexsort((times, ids))
        ids, times = ids[order], times[order]
        # Of two samples of one moment the later written one counts; the order is stable.
        last = np.append((ids[1:] != ids[:-1]) | (times[1:] != times[:-1]), np.ones(min(1, len(ids)), bool))
        ids, times, values = ids[last], times[last], values[order][last]
        edges = np.searchsorted(ids, wanted), np.searchsorted(ids, wanted, side="right")
        return {
            number: Run(self._series[number], times[start:stop].tolist(), values[start:stop].tolist())
            for number, start, stop in zip(wanted.tolist(), *edges, strict=True)
        }

    def _group(self, file: IO[bytes], group: Group, found: dict[int, Run]) -> int:
        runs = [found.pop(number) for number in group.ids]
        lines = [] if group.family == self._family else [self._head(group, runs[0].series)]
        before = len(lines)
        lines += [self._form.line(sample) for sample in group_samples(group.family, runs)]
        self._out(file, b"".join(lines))
        count = sum(len(run.values) for run in runs)
        self._report.wrote("samples", min(len(lines) - before, count), count)
        return count

    def _head(self, group: Group, first: Series) -> bytes:
        self._family = group.family
        return self._form.head(family_of(group.family, metric_of(first)[1], first))

    def _out(self, file: IO[bytes], data: bytes) -> None:
        file.write(data)
        self._report.bytes += len(data)


def _portions(groups: Sequence[Group], counts: dict[int, int]) -> Iterator[list[Group]]:
    portion: list[Group] = []
    size = 0
    for group in groups:
        more = sum(counts[number] for number in group.ids)
        if portion and size + more > PORTION_SAMPLES:
            yield portion
            portion, size = [], 0
        portion.append(group)
        size += more
    if portion:
        yield portion
