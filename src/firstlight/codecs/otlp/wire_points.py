"""The usual OTLP data points straight from protobuf's bytes.

A steady sender repeats the same attributes in every request; only times and values change, and those have a fixed width
at a fixed place.  So the bytes of a point's attributes are looked up as they are, and nothing is decoded twice.
"""

import struct
from array import array
from itertools import accumulate
from math import inf

from firstlight.codecs.otlp.messages import parse
from firstlight.codecs.otlp.outcome import Refused
from firstlight.codecs.otlp.points import ascending, read_labels, with_label
from firstlight.codecs.otlp.series_cache import Labels, SeriesCache, Stream
from firstlight.codecs.otlp.values import number_text
from firstlight.codecs.otlp.wire import MORE, Unusual
from firstlight.errors import DecodeError
from firstlight.model import Batch, Series

# A tag is field number << 3 | wire type; numbers from opentelemetry/proto/metrics/v1/metrics.proto.
_POINT = 0x0A
_START, _TIME, _DOUBLE, _INT = 0x11, 0x19, 0x21, 0x31
_COUNT, _SUM, _BUCKETS, _MIN, _MAX = 0x21, 0x29, 0x32, 0x59, 0x61

KEY_MAX_BYTES = 1024
"""Longer attributes are decoded each time, so that no sender can make the memory grow."""

_FIXED_BYTES = 9
"""A tag and a 64-bit value."""

_NUMBER_BYTES = 2 * _FIXED_BYTES
_HISTOGRAM_BYTES = 3 * _FIXED_BYTES
_EXTREMES_BYTES = 2 * _FIXED_BYTES

_number_at = struct.Struct("<BqBd").unpack_from
_int_at = struct.Struct("<q").unpack_from
_histogram_at = struct.Struct("<BqBqBdBB").unpack_from
_extremes_at = struct.Struct("<BdBd").unpack_from
_counts_at = [struct.Struct(f"<{size}q").unpack_from for size in range(MORE // 8)]


class Memo:
    """What is known of one metric: its stream, and the series behind the raw bytes of its points.

    Attributes:
        numbers: series id by the bytes of a number point's attributes.
        histograms: series ids of count, sum and buckets by the bytes of a histogram point's bounds and attributes.
        extremes: the same where min and max follow, whose ids come last.
        series: the definition of every id.
    """

    __slots__ = ("_cache", "extremes", "histograms", "numbers", "series", "stream")

    def __init__(self, stream: Stream, cache: SeriesCache) -> None:
        self.stream = stream
        self.numbers: dict[bytes, int] = {}
        self.histograms: dict[bytes, tuple[int, ...]] = {}
        self.extremes: dict[bytes, tuple[int, ...]] = {}
        self.series: dict[int, Series] = {}
        self._cache = cache

    def series_id(self, field: str, labels: Labels) -> int:
        """Return the id of one field of the metric."""
        series_id, self.series[series_id] = self._cache.find(self.stream, field, labels)
        return series_id


class Rows:
    """Rows on their way into a batch.

    Attributes:
        points: how many points the rows stand for.
        odd: where the points lie that are not laid out as usual; protobuf's own parser must read them.
    """

    __slots__ = ("ids", "odd", "points", "times", "values")

    def __init__(self) -> None:
        self.odd: list[tuple[int, int]] = []
        self.ids: list[int] = []
        self.times: list[int] = []
        self.values: list[float] = []
        self.points = 0

    def move_to(self, batch: Batch, memo: Memo) -> None:
        """Append the rows to ``batch``, with the definition of their series."""
        known, used = memo.series, set(self.ids)
        batch.series.update(known if len(used) == len(known) else {series_id: known[series_id] for series_id in used})
        batch.samples.series_ids += array("q", self.ids)
        batch.samples.times_ns += array("q", self.times)
        batch.samples.values += array("d", self.values)


def read_numbers(body: bytes, position: int, end: int, memo: Memo) -> Rows:
    """Return the points of a gauge or a cumulative sum that lie between ``position`` and ``end``.

    Raises:
        Unusual, IndexError, struct.error: this is no sequence of points.
    """
    rows = Rows()
    if position == end:
        return rows
    find = memo.numbers.get
    add_id, add_time, add_value = rows.ids.append, rows.times.append, rows.values.append
    lead = body[position + (2 if body[position + 1] < MORE else 3)]
    skipped = _FIXED_BYTES if lead == _START else 0
    least = skipped + _NUMBER_BYTES
    while position < end:
        if body[position] != _POINT:
            raise Unusual
        start = position + 2
        size = body[position + 1]
        if size >= MORE:
            more = body[start]
            if more >= MORE:
                raise Unusual
            size += (more << 7) - MORE
            start += 1
        time_tag, time_ns, value_tag, value = _number_at(body, start + skipped)
        position = start + size
        if value_tag == _INT:
            (value,) = _int_at(body, start + least - 8)
            value_tag = _DOUBLE
        attributes = body[start + least : position]
        series_id = find(attributes)
        if series_id is None:
            series_id = _learn_number(attributes, memo)
        is_usual = body[start] == lead and time_tag == _TIME and value_tag == _DOUBLE and time_ns > 0 and size >= least
        if series_id is None or not is_usual:
            rows.odd.append((start, position))
            continue
        add_id(series_id)
        add_time(time_ns)
        add_value(value)
    if position != end:
        raise Unusual
    rows.points = len(rows.ids)
    return rows


def _second_byte(body: bytes, position: int) -> int:
    """Return what the second byte of a length adds to its first; points are shorter than 16 KiB."""
    byte = body[position]
    if byte >= MORE:
        raise Unusual
    return (byte << 7) - MORE


def _learn_number(attributes: bytes, memo: Memo) -> int | None:
    """Return the series of a number point by the bytes behind its value; None when these are not just attributes."""
    try:
        point = parse("NumberDataPoint", attributes)
        if point.flags or point.exemplars or point.WhichOneof("value") or point.time_unix_nano:
            return None
        series_id = memo.series_id("value", read_labels(point.attributes))
    except (DecodeError, Refused):
        return None
    if len(attributes) <= KEY_MAX_BYTES:
        memo.numbers[attributes] = series_id
    return series_id


def read_histograms(body: bytes, position: int, end: int, memo: Memo) -> Rows:
    """Return the points of a cumulative explicit histogram that lie between ``position`` and ``end``.

    Raises:
        Unusual, IndexError, struct.error: this is no sequence of points.
    """
    rows = Rows()
    while position < end:
        start = position + 2
        size = body[position + 1]
        if size >= MORE:
            size += _second_byte(body, start)
            start += 1
        if body[position] != _POINT:
            raise Unusual
        position = start + size
        try:
            _read_histogram(body, start, position, memo, rows)
        except (Unusual, Refused, DecodeError):
            rows.odd.append((start, position))
        else:
            rows.points += 1
    if position != end:
        raise Unusual
    return rows


def _read_histogram(body: bytes, start: int, stop: int, memo: Memo, rows: Rows) -> None:
    if body[start] == _START:
        start += _FIXED_BYTES
    time_tag, time_ns, count_tag, count, sum_tag, total, tag, counts_bytes = _histogram_at(body, start)
    rest = start + _HISTOGRAM_BYTES + 2
    if (time_tag, count_tag, sum_tag, tag) != (_TIME, _COUNT, _SUM, _BUCKETS) or rest + counts_bytes > stop:
        raise Unusual
    if time_ns <= 0 or count < 0 or counts_bytes >= MORE or counts_bytes & 7:
        raise Unusual
    counts = _counts_at[counts_bytes >> 3](body, rest)
    if min(counts, default=0) < 0:
        raise Unusual
    ids, extremes = _histogram_ids(body, rest + counts_bytes, stop, memo)
    values = [count, total, *accumulate(counts[:-1]), count, *extremes]
    if len(ids) != len(values):
        raise Unusual
    rows.ids += ids
    rows.times += [time_ns] * len(ids)
    rows.values += values


def _histogram_ids(body: bytes, start: int, stop: int, memo: Memo) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the series of a point whose bounds and attributes start at ``start``, and its min and max if any."""
    edge = stop - _EXTREMES_BYTES
    if edge >= start and body[edge] == _MIN and body[edge + _FIXED_BYTES] == _MAX:
        key = body[start:edge]
        ids = memo.extremes.get(key) or _learn_histogram(key, memo, ("min", "max"))
        _, low, _, high = _extremes_at(body, edge)
        return ids, (low, high)
    key = body[start:stop]
    return memo.histograms.get(key) or _learn_histogram(key, memo, ()), ()


def _learn_histogram(key: bytes, memo: Memo, extremes: tuple[str, ...]) -> tuple[int, ...]:
    point = parse("HistogramDataPoint", key)
    given = (point.HasField("min"), point.HasField("max"), point.HasField("sum"), point.count, point.time_unix_nano)
    if any(given) or point.flags or point.exemplars or point.bucket_counts:
        raise Unusual
    labels = read_labels(point.attributes)
    bounds = ascending(point.explicit_bounds)
    ids = (
        memo.series_id("count", labels),
        memo.series_id("sum", labels),
        *(memo.series_id("bucket", with_label(labels, "le", number_text(bound))) for bound in (*bounds, inf)),
        *(memo.series_id(field, labels) for field in extremes),
    )
    if len(key) <= KEY_MAX_BYTES:
        (memo.extremes if extremes else memo.histograms)[key] = ids
    return ids
