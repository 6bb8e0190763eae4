"""OTLP metrics requests straight from protobuf's bytes, the usual ones fast.

Whatever does not look as expected (another order of fields, exemplars, flags, delta temporality, summaries) is handed,
metric by metric, to protobuf's own parser and to :mod:`firstlight.codecs.otlp.metrics`, which know everything.
"""

import struct

from firstlight.codecs.otlp.messages import parse
from firstlight.codecs.otlp.metrics import read_metric
from firstlight.codecs.otlp.outcome import Decoded
from firstlight.codecs.otlp.points import DeltaSum, PointReader
from firstlight.codecs.otlp.read_senders import read_resource, scope_name
from firstlight.codecs.otlp.series_cache import SERIES_MAX, SeriesCache, Stream
from firstlight.codecs.otlp.wire import Unusual, fields, head_and_items
from firstlight.codecs.otlp.wire_points import Memo, Rows, read_histograms, read_numbers
from firstlight.model import Batch, Kind, Resource

# A tag is field number << 3 | wire type; numbers from opentelemetry/proto/metrics/v1/metrics.proto.
_FIRST, _SECOND = 0x0A, 0x12
_HEADER = frozenset((0x0A, 0x12, 0x1A))  # name, description, unit
_GAUGE, _SUM, _HISTOGRAM = 0x2A, 0x3A, 0x4A
_CUMULATIVE = b"\x10\x02"
_CUMULATIVE_MONOTONIC = b"\x10\x02\x18\x01"


class _Sender:
    """What is known of one scope of one resource: its metrics by the raw bytes of their headers."""

    __slots__ = ("memos", "resource", "scope")

    def __init__(self, resource: Resource, scope: str) -> None:
        self.resource = resource
        self.scope = scope
        self.memos: dict[tuple[bytes, Kind], Memo] = {}


class WireMetrics:
    """Reads metrics requests; remembers what it has decoded.  Not for use by two threads at a time."""

    def __init__(self, cache: SeriesCache, max_rows: int = SERIES_MAX) -> None:
        self._cache = cache
        self._max_rows = max_rows
        self._resources: dict[bytes, Resource] = {}
        self._senders: dict[tuple[bytes, bytes], _Sender] = {}

    def read(self, body: bytes, now_ns: int, deltas: DeltaSum | None) -> Decoded:
        """Return the content of a protobuf ``ExportMetricsServiceRequest``.

        Raises:
            DecodeError: ``body`` is no such message.
        """
        self._bound()
        decoded = Decoded()
        for tag, start, stop in fields(body, 0, len(body)):
            if tag == _FIRST:
                raw, scopes = head_and_items(body, start, stop, _FIRST, _SECOND)
                batch = Batch(self._resource(raw))
                points = PointReader(batch, decoded, self._cache, deltas, now_ns)
                for scope_start, scope_stop in scopes:
                    self._read_scope(body, scope_start, scope_stop, raw, points)
                decoded.keep(batch)
        return decoded

    def _bound(self) -> None:
        """Start anew when more is remembered than one cache may hold."""
        if self._cache.forgotten or len(self._senders) > self._max_rows:
            self._resources.clear()
            self._senders.clear()
            self._cache.forgotten = False

    def _resource(self, raw: bytes) -> Resource:
        resource = self._resources.get(raw)
        if resource is None:
            resource = self._resources[raw] = read_resource(parse("Resource", raw))
        return resource

    def _read_scope(self, body: bytes, start: int, stop: int, raw_resource: bytes, points: PointReader) -> None:
        raw_scope, metrics = head_and_items(body, start, stop, _FIRST, _SECOND)
        sender = self._senders.get((raw_resource, raw_scope))
        if sender is None:
            scope = scope_name(parse("InstrumentationScope", raw_scope))
            sender = self._senders[raw_resource, raw_scope] = _Sender(self._resource(raw_resource), scope)
        for metric_start, metric_stop in metrics:
            self._read_metric(body, metric_start, metric_stop, sender, points)

    def _read_metric(self, body: bytes, start: int, stop: int, sender: _Sender, points: PointReader) -> None:
        try:
            memo, rows = self._read_usual(body, start, stop, sender)
        except (Unusual, IndexError, struct.error):
            read_metric(parse("Metric", body[start:stop]), sender.resource, sender.scope, points)
            return
        points.take(rows.points)
        rows.move_to(points.batch, memo)
        if rows.odd:
            is_histogram = memo.stream.kind == Kind.HISTOGRAM
            points.begin(memo.stream, "histogram" if is_histogram else "sum", is_delta=False)
            name = "HistogramDataPoint" if is_histogram else "NumberDataPoint"
            for odd_start, odd_stop in rows.odd:
                points.read(parse(name, body[odd_start:odd_stop]))

    def _read_usual(self, body: bytes, start: int, stop: int, sender: _Sender) -> tuple[Memo, Rows]:
        header_stop, tag, data_start = _header_and_data(body, start, stop)
        kind, points_stop = _kind_and_end(body, tag, data_start, stop)
        header = body[start:header_stop]
        memo = sender.memos.get((header, kind))
        if memo is None:
            memo = sender.memos[header, kind] = Memo(_stream(header, kind, sender), self._cache)
        read = read_histograms if tag == _HISTOGRAM else read_numbers
        return memo, read(body, data_start, points_stop, memo)


def _header_and_data(body: bytes, start: int, stop: int) -> tuple[int, int, int]:
    """Return where a metric's header ends, and tag and start of the data that must be all that follows."""
    for tag, field_start, field_stop in fields(body, start, stop):
        if tag not in _HEADER:
            if field_stop != stop:
                break
            return start, tag, field_start
        start = field_stop
    raise Unusual


def _kind_and_end(body: bytes, tag: int, start: int, stop: int) -> tuple[Kind, int]:
    """Return what a metric's data are and where its points end if temporality and monotony come last."""
    if tag == _GAUGE:
        return Kind.GAUGE, stop
    if tag == _SUM and body.startswith(_CUMULATIVE_MONOTONIC, max(start, stop - len(_CUMULATIVE_MONOTONIC)), stop):
        return Kind.COUNTER, stop - len(_CUMULATIVE_MONOTONIC)
    if tag in (_SUM, _HISTOGRAM) and body.startswith(_CUMULATIVE, max(start, stop - len(_CUMULATIVE)), stop):
        return Kind.GAUGE if tag == _SUM else Kind.HISTOGRAM, stop - len(_CUMULATIVE)
    raise Unusual


def _stream(header: bytes, kind: Kind, sender: _Sender) -> Stream:
    metric = parse("Metric", header)
    if not metric.name:
        raise Unusual
    resource = sender.resource
    return Stream(
        resource.service, resource.session_id, sender.scope, metric.name, kind, metric.unit, metric.description
    )
