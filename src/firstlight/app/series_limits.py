"""How many series a lake may have: those beyond are refused, those that are there go on."""

import threading
import time
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from firstlight.model import Batch
from firstlight.store.index import SeriesIndex
from firstlight.store.reader import LakeReader

DEFAULT_SERIES_PER_METRIC = 100_000
DEFAULT_SERIES_TOTAL = 2_000_000
MAX_REFUSED_METRICS = 1000
"""So many metrics are counted by name; the others together under an empty one."""

_MAX_REMEMBERED = 100_000
_LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class SeriesLimits:
    """How many series there may be; 0 is without limit.

    Attributes:
        per_metric: with one name.
        total: in all.
    """

    per_metric: int = DEFAULT_SERIES_PER_METRIC
    total: int = DEFAULT_SERIES_TOTAL


PER_METRIC, TOTAL = REASONS = ("series_per_metric", "series_total")


def refused_by_reason(refused: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """Return how many samples were refused for each reason, also for those that never occurred."""
    totals = dict.fromkeys(REASONS, 0)
    for (reason, _), count in refused.items():
        totals[reason] += count
    return totals


class SeriesAdmission:
    """Lets samples of known series through, and those of new ones as long as there is room.

    What other processes add is seen a second later, so that several that write at once may go over a limit by what
    they add in that time.

    Attributes:
        refused: samples and points left out, by reason (:data:`REASONS`) and metric.
    """

    def __init__(self, reader: LakeReader, limits: SeriesLimits) -> None:
        self._reader = reader
        self._limits = limits
        self._lowest = min((limit for limit in (limits.per_metric, limits.total) if limit), default=0)
        self._lock = threading.Lock()
        self._admitted: set[int] = set()
        self._refused: dict[int, tuple[str, str]] = {}
        self._index: SeriesIndex | None = None
        self._looked_s = 0.0
        self._at_most = 0
        self._unseen: dict[int, str] = {}
        self._unseen_named: Counter[str] = Counter()
        self._seen = 0
        self._seen_named: dict[str, int] = {}
        self.refused: Counter[tuple[str, str]] = Counter()

    def anew(self) -> "SeriesAdmission":
        """Return another one that has seen nothing yet, for a forked child."""
        return SeriesAdmission(self._reader, self._limits)

    def admit(self, batches: Sequence[Batch]) -> Sequence[Batch]:
        """Return ``batches`` without the samples of series that there is no room for, and count these."""
        if not any(batch.series.keys() - self._admitted for batch in batches):
            return batches
        with self._lock:
            if len(self._refused) >= _MAX_REMEMBERED:
                self._refused.clear()
            refused: set[int] = set()
            for batch in batches:
                refused.update(self._judge(batch))
            return [self._without(batch, refused) for batch in batches] if refused else batches

    def _judge(self, batch: Batch) -> set[int]:
        """Return which of the batch's series are refused; the others are known from now on."""
        fresh = [series_id for series_id in batch.series if series_id not in self._admitted]
        if not self._lowest:
            self._admitted.update(fresh)
            return set()
        if time.monotonic() - self._looked_s > _LOOK_EVERY_S:
            self._look(len(fresh))
        for series_id in self._unknown([series_id for series_id in fresh if series_id not in self._refused]):
            reason = self._reason(batch.series[series_id].name)
            if reason:
                self._refused[series_id] = reason, batch.series[series_id].name
            else:
                self._unseen[series_id] = batch.series[series_id].name
                self._unseen_named[batch.series[series_id].name] += 1
        refused = {series_id for series_id in fresh if series_id in self._refused}
        self._admitted.update(series_id for series_id in fresh if series_id not in refused)
        return refused

    def _look(self, more: int) -> None:
        """See how many series there are; one by one only when ``more`` may not fit, since that takes longer."""
        view = self._reader.view()
        rows = sum(segment.rows for segment in view.snapshot.segments.get("series", ()))
        self._at_most = rows + sum(file.series_at_most for file in view.files.values())
        if self._index is not None or self._may_be_full(more):
            self._index = self._reader.series(view)
            self._unseen = {one: self._unseen[one] for one in self._strangers(list(self._unseen))}
            self._unseen_named = Counter(self._unseen.values())
            self._seen, self._seen_named = len(self._index), {}
        self._looked_s = time.monotonic()

    def _may_be_full(self, more: int) -> bool:
        return self._at_most + len(self._unseen) + more > self._lowest

    def _unknown(self, ids: list[int]) -> list[int]:
        if self._index is None and self._may_be_full(len(ids)):
            self._look(len(ids))
        return self._strangers(ids)

    def _strangers(self, ids: list[int]) -> list[int]:
        """Return those of ``ids`` that are not known to be in the lake."""
        if self._index is None:
            return ids
        positions = self._index.positions(np.array(ids, np.int64)).tolist()
        return [series_id for series_id, position in zip(ids, positions, strict=True) if position < 0]

    def _reason(self, name: str) -> str:
        """Return why there is no room for one more series of metric ``name``; nothing when there is."""
        if self._index is None:
            return ""
        total, per_metric = self._limits.total, self._limits.per_metric
        if total and self._seen + len(self._unseen) >= total:
            return TOTAL
        if not per_metric:
            return ""
        if name not in self._seen_named:
            self._seen_named[name] = self._index.count_named(name)
        return PER_METRIC if self._seen_named[name] + self._unseen_named[name] >= per_metric else ""

    def _without(self, batch: Batch, refused: set[int]) -> Batch:
        left_out = refused.intersection(batch.series)
        if not left_out:
            return batch
        ids = np.frombuffer(batch.samples.series_ids, np.int64)
        is_out = np.isin(ids, np.fromiter(left_out, np.int64, len(left_out)))
        points = [point.series_id for point in batch.exponential if point.series_id in left_out]
        for series_id, count in Counter([*ids[is_out].tolist(), *points]).items():
            self._count(*self._refused[series_id], count)
        return _copy(batch, left_out, ~is_out)

    def _count(self, reason: str, metric: str, count: int) -> None:
        key = reason, metric
        self.refused[key if key in self.refused or len(self.refused) < MAX_REFUSED_METRICS else (reason, "")] += count


def _copy(batch: Batch, left_out: set[int], kept: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Batch:
    """Return ``batch`` without some series; events and spans are the same objects."""
    copy = Batch(batch.resource)
    if batch.columns is None:
        copy.events = batch.events
    else:
        copy.columns = batch.columns
    copy.spans = batch.spans
    copy.exponential = [point for point in batch.exponential if point.series_id not in left_out]
    copy.series = {series_id: series for series_id, series in batch.series.items() if series_id not in left_out}
    samples = batch.samples
    copy.samples.series_ids = array("q", np.frombuffer(samples.series_ids, np.int64)[kept].tobytes())
    copy.samples.times_ns = array("q", np.frombuffer(samples.times_ns, np.int64)[kept].tobytes())
    copy.samples.values = array("d", np.frombuffer(samples.values, np.float64)[kept].tobytes())
    return copy
