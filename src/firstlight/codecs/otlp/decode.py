"""OTLP requests to batches, from protobuf or from JSON.

The protobuf messages of ``opentelemetry-proto`` are imported at the first protobuf request; this module itself needs
msgspec only.
"""

from functools import cache
from typing import Any

import msgspec

from firstlight.codecs.otlp.logs import read_logs
from firstlight.codecs.otlp.messages import Signal
from firstlight.codecs.otlp.metrics import read_metrics
from firstlight.codecs.otlp.outcome import Decoded
from firstlight.codecs.otlp.points import DeltaSum
from firstlight.codecs.otlp.series_cache import SeriesCache
from firstlight.codecs.otlp.shapes import LogsRequest, MetricsRequest, TracesRequest
from firstlight.codecs.otlp.traces import read_traces
from firstlight.codecs.otlp.wire_logs import read_wire_logs
from firstlight.codecs.otlp.wire_metrics import WireMetrics
from firstlight.codecs.otlp.wire_records import Known
from firstlight.codecs.otlp.wire_spans import read_wire_spans
from firstlight.errors import DecodeError

_SHAPES: dict[str, type[msgspec.Struct]] = {"traces": TracesRequest, "metrics": MetricsRequest, "logs": LogsRequest}


class OtlpDecoder:
    """Reads requests; remembers series from one to the next.  Not for use by two threads at a time."""

    def __init__(self) -> None:
        self._cache = SeriesCache()
        self._wire_metrics = WireMetrics(self._cache)
        self._known = Known()

    def read(
        self, signal: Signal, body: bytes, now_ns: int, *, as_json: bool = False, deltas: DeltaSum | None = None
    ) -> Decoded:
        """Return the content of an ``Export…ServiceRequest``.

        Args:
            signal: which of the three requests.
            body: its bytes.
            now_ns: time of receipt; stands in for times that the sender left out.
            as_json: whether it is OTLP JSON and not protobuf.
            deltas: adds the increments of delta points up; without it they are refused.

        Raises:
            DecodeError: ``body`` is no such request.
        """
        if as_json:
            return self._read_json(signal, body, now_ns, deltas)
        if signal == "metrics":
            return self._wire_metrics.read(body, now_ns, deltas)
        return (read_wire_spans if signal == "traces" else read_wire_logs)(body, now_ns, self._known)

    def _read_json(self, signal: Signal, body: bytes, now_ns: int, deltas: DeltaSum | None) -> Decoded:
        try:
            request = _json_decoder(signal).decode(body)
            if signal == "metrics":
                return read_metrics(request, now_ns, self._cache, deltas)
            return read_traces(request, now_ns) if signal == "traces" else read_logs(request, now_ns)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise DecodeError(f"not OTLP JSON for {signal}: {error}") from error


@cache
def _json_decoder(signal: Signal) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_SHAPES[signal], strict=False)
