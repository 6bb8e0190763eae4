"""OTLP data points to samples: one reader per kind of point."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from math import inf
from sys import intern
from typing import Any, Protocol

import msgspec

from firstlight.codecs.otlp.outcome import TIME_MAX_NS, Decoded, Refused, time_or
from firstlight.codecs.otlp.read_values import label_text, plain
from firstlight.codecs.otlp.series_cache import Labels, SeriesCache, Stream
from firstlight.codecs.otlp.shapes import (
    Buckets,
    ExponentialDataPoint,
    HistogramPoint,
    KeyValue,
    NumberPoint,
    SummaryPoint,
    given,
)
from firstlight.codecs.otlp.values import LABEL_MAX_CHARS, LABELS_MAX, STALE, number_text
from firstlight.model import Batch, ExponentialPoint

NO_RECORDED_VALUE = 1
KNOWN_LABELS_MAX = 10_000
"""Label sets remembered as JSON spells them, 1 KiB each: 10 MB."""
RAW_LABELS_MAX_BYTES = 1024
"""JSON of a longer label set is decoded each time, so that no sender can make the memory grow."""

_json_pairs_decoder = msgspec.json.Decoder(list[KeyValue] | None, strict=False)

SCALE_MIN, SCALE_MAX = -10, 20
"""Scales of exponential histograms that the OTLP data model provides for (MinScale, MaxScale of its producers)."""


class DeltaSum(Protocol):
    """Adds the increments of delta points up to running totals."""

    def add(self, identity: tuple[Any, ...], start_ns: int, time_ns: int, parts: Sequence[float]) -> Sequence[float]:
        """Return the totals of ``parts`` for the stream ``identity`` after the interval ``start_ns``..``time_ns``.

        Raises:
            Refused: the interval repeats or overlaps an earlier one, or there is no room for another stream.
        """


class PointReader:
    """Turns the points of one resource into rows of ``batch``."""

    def __init__(
        self, batch: Batch, decoded: Decoded, cache: SeriesCache, deltas: DeltaSum | None, now_ns: int
    ) -> None:
        self.batch = batch
        self._decoded = decoded
        self._cache = cache
        self._deltas = deltas
        self._now_ns = now_ns
        self._readers: dict[str, Callable[[Any], None]] = {
            "gauge": self._number,
            "sum": self._number,
            "histogram": self._histogram,
            "exponential_histogram": self._exponential,
            "summary": self._summary,
        }

    def begin(self, stream: Stream, which: str, *, is_delta: bool) -> None:
        """Say which metric the next points belong to."""
        self._stream = stream
        self._is_delta = is_delta
        self._reader = self._readers[which]

    def read(self, point: Any) -> None:
        """Add the rows of ``point`` to the batch, or count it as refused."""
        self._decoded.received += 1
        try:
            self._reader(point)
        except Refused as refused:
            self._decoded.refuse(f"{self._stream.name}: {refused}")

    def take(self, points: int) -> None:
        """Count ``points`` that went into the batch by another way."""
        self._decoded.received += points

    def refuse_all(self, reason: str, points: int) -> None:
        """Count ``points`` that were not even looked at."""
        self._decoded.received += points
        if points:
            self._decoded.refuse(reason, points)

    def _number(self, point: NumberPoint) -> None:
        labels = read_labels(point.attributes)
        time_ns = time_or(point.time_unix_nano, self._now_ns)
        if (point.flags or 0) & NO_RECORDED_VALUE:
            self._add("value", labels, time_ns, STALE)
            return
        which = given(point, ("as_double", "as_int"))
        if not which:
            raise Refused("point without a value")
        value = point.as_double if which == "as_double" else _int64(point.as_int)
        (total,) = self._totals(labels, point, (_number_of(value),), ())
        self._add("value", labels, time_ns, total)

    def _histogram(self, point: HistogramPoint) -> None:
        labels = read_labels(point.attributes)
        time_ns = time_or(point.time_unix_nano, self._now_ns)
        bounds = _bounds(point)
        if (point.flags or 0) & NO_RECORDED_VALUE:
            self._add_histogram(labels, time_ns, bounds, (STALE, STALE, *[STALE] * len(bounds)), has_sum=True)
            return
        has_sum = given(point, ("sum",)) != ""
        counts = [_count(count) for count in point.bucket_counts or ()]
        parts = (_count(point.count), _number_of(point.sum) if has_sum else 0.0, *accumulate(counts[:-1]))
        totals = self._totals(labels, point, parts, bounds)
        self._add_histogram(labels, time_ns, bounds, totals, has_sum)
        if not self._is_delta:
            self._add_extremes(labels, time_ns, point)

    def _add_histogram(
        self, labels: Labels, time_ns: int, bounds: Sequence[float], parts: Sequence[float], has_sum: bool
    ) -> None:
        self._add("count", labels, time_ns, parts[0])
        if has_sum:
            self._add("sum", labels, time_ns, parts[1])
        for bound, value in zip((*bounds, inf), (*parts[2:], parts[0]), strict=True):
            self._add("bucket", with_label(labels, "le", number_text(bound)), time_ns, value)

    def _add_extremes(self, labels: Labels, time_ns: int, point: HistogramPoint) -> None:
        for field in ("min", "max"):
            if given(point, (field,)):
                self._add(field, labels, time_ns, getattr(point, field))

    def _exponential(self, point: ExponentialDataPoint) -> None:
        if self._is_delta:
            raise Refused("exponential histograms are taken with cumulative temporality only")
        scale = point.scale or 0
        if not SCALE_MIN <= scale <= SCALE_MAX:
            raise Refused(f"scale {scale} is outside {SCALE_MIN}..{SCALE_MAX}")
        labels = read_labels(point.attributes)
        time_ns = time_or(point.time_unix_nano, self._now_ns)
        if (point.flags or 0) & NO_RECORDED_VALUE:
            self._add("value", labels, time_ns, STALE)
            return
        positive, negative = _bucket_side(point.positive), _bucket_side(point.negative)
        row = ExponentialPoint(
            0,
            time_ns,
            _count(point.count),
            _number_of(point.sum),
            scale,
            _count(point.zero_count),
            _number_of(point.zero_threshold),
            *positive,
            *negative,
            point.min if given(point, ("min",)) else None,
            point.max if given(point, ("max",)) else None,
        )
        row.series_id = self._series_id("value", labels)
        self.batch.exponential.append(row)

    def _summary(self, point: SummaryPoint) -> None:
        labels = read_labels(point.attributes)
        time_ns = time_or(point.time_unix_nano, self._now_ns)
        stale = (point.flags or 0) & NO_RECORDED_VALUE
        count = STALE if stale else _count(point.count)
        self._add("count", labels, time_ns, count)
        self._add("sum", labels, time_ns, STALE if stale else _number_of(point.sum))
        for item in point.quantile_values or ():
            quantile = with_label(labels, "quantile", number_text(_number_of(item.quantile)))
            self._add("quantile", quantile, time_ns, STALE if stale else _number_of(item.value))

    def _totals(
        self, labels: Labels, point: NumberPoint | HistogramPoint, parts: Sequence[float], bounds: Sequence[float]
    ) -> Sequence[float]:
        if not self._is_delta:
            return parts
        if self._deltas is None:
            raise Refused("delta temporality is not taken here; send cumulative")
        time_ns = time_or(point.time_unix_nano, self._now_ns)
        start_ns = time_or(point.start_time_unix_nano, 0)
        return self._deltas.add(
            (self._stream._replace(description=""), labels, tuple(bounds)), start_ns, time_ns, parts
        )

    def _add(self, field: str, labels: Labels, time_ns: int, value: float) -> None:
        self.batch.samples.add(self._series_id(field, labels), time_ns, value)

    def _series_id(self, field: str, labels: Labels) -> int:
        series_id, series = self._cache.find(self._stream, field, labels)
        self.batch.series[series_id] = series
        return series_id


def read_labels(pairs: Iterable[KeyValue] | msgspec.Raw) -> Labels:
    """Return attributes as labels: texts, sorted by key, without empty ones; the last of a repeated key wins.

    Attributes in JSON are looked up as they came, before anything is decoded.

    Raises:
        Refused: there are too many, or one is too long.
    """
    if isinstance(pairs, msgspec.Raw):
        raw = bytes(pairs)
        return _known_json_labels(raw) if len(raw) <= RAW_LABELS_MAX_BYTES else _json_labels(raw)
    texts = {intern(pair.key or ""): label_text(plain(pair.value)) for pair in pairs}
    if len(texts) > LABELS_MAX:
        raise Refused(f"{len(texts)} attributes; at most {LABELS_MAX} make a series")
    for key, text in texts.items():
        if len(key) > LABEL_MAX_CHARS or len(text) > LABEL_MAX_CHARS:
            raise Refused(f"attribute {key[:40]!r} is longer than {LABEL_MAX_CHARS} characters")
    return tuple(sorted(item for item in texts.items() if item[0] and item[1]))


def _json_labels(raw: bytes) -> Labels:
    return read_labels(_json_pairs_decoder.decode(raw) or ())


_known_json_labels = lru_cache(KNOWN_LABELS_MAX)(_json_labels)


def with_label(labels: Labels, key: str, value: str) -> Labels:
    """Return ``labels`` with ``key`` set."""
    return tuple(sorted([*(pair for pair in labels if pair[0] != key), (key, value)]))


def _bounds(point: HistogramPoint) -> Sequence[float]:
    bounds = list(point.explicit_bounds or ())
    counts = len(point.bucket_counts or ())
    if counts != len(bounds) + 1 and (counts or bounds) and not (point.flags or 0) & NO_RECORDED_VALUE:
        raise Refused(f"{counts} bucket counts for {len(bounds)} bounds; there must be one more")
    return ascending(bounds)


def ascending(bounds: Sequence[float]) -> Sequence[float]:
    """Return the bounds of a histogram as they are.

    Raises:
        Refused: they are not finite and ascending.
    """
    if bounds and not (all(low < high for low, high in pairwise(bounds)) and -inf < bounds[0] and bounds[-1] < inf):
        raise Refused("histogram bounds must be finite and ascending")
    return bounds


def _bucket_side(side: Buckets | None) -> tuple[int, list[int]]:
    if side is None:
        return 0, []
    return side.offset or 0, [_count(count) for count in side.bucket_counts or ()]


def _count(value: int | None) -> int:
    if not 0 <= (value or 0) <= TIME_MAX_NS:
        raise Refused(f"count {value} is outside 0..2^63-1")
    return value or 0


def _number_of(value: float | None) -> float:
    return 0.0 if value is None else value


def _int64(value: int | None) -> int:
    if not -TIME_MAX_NS - 1 <= (value or 0) <= TIME_MAX_NS:
        raise Refused(f"value {value} does not fit 64 bits")
    return value or 0
