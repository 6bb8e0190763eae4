"""OTLP requests to batches, from protobuf or from JSON.

The protobuf messages of ``opentelemetry-proto`` are imported at the first protobuf request; this module itself needs
msgspec only.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Literal, cast

import msgspec

from firstlight.codecs.otlp.logs import read_logs
from firstlight.codecs.otlp.metrics import read_metrics
from firstlight.codecs.otlp.outcome import Decoded
from firstlight.codecs.otlp.points import DeltaSum
from firstlight.codecs.otlp.series_cache import SeriesCache
from firstlight.codecs.otlp.shapes import LogsRequest, MetricsRequest, TracesRequest
from firstlight.codecs.otlp.traces import read_traces
from firstlight.errors import DecodeError

Signal = Literal["traces", "metrics", "logs"]

_SHAPES: dict[str, type[msgspec.Struct]] = {"traces": TracesRequest, "metrics": MetricsRequest, "logs": LogsRequest}


class OtlpDecoder:
    """Reads requests; remembers series from one to the next.  Not for use by two threads at a time.

    Args:
        deltas: adds the increments of delta points up; without it they are refused.
    """

    def __init__(self, deltas: DeltaSum | None = None) -> None:
        self._cache = SeriesCache()
        self._deltas = deltas

    def protobuf(self, signal: Signal, body: bytes, now_ns: int) -> Decoded:
        """Return the content of a protobuf ``Export…ServiceRequest``; ``now_ns`` stands in for absent times.

        Raises:
            DecodeError: ``body`` is no such message.
        """
        return self._read(signal, parse_protobuf(signal, body), now_ns)

    def json(self, signal: Signal, body: bytes, now_ns: int) -> Decoded:
        """Return the content of an OTLP JSON request; see :meth:`protobuf`."""
        try:
            request = _json_decoder(signal).decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise DecodeError(f"not OTLP JSON for {signal}: {error}") from error
        return self._read(signal, request, now_ns)

    def _read(self, signal: Signal, request: Any, now_ns: int) -> Decoded:
        if signal == "metrics":
            return read_metrics(request, now_ns, self._cache, self._deltas)
        return read_traces(request, now_ns) if signal == "traces" else read_logs(request, now_ns)


def parse_protobuf(signal: Signal, body: bytes) -> Any:
    """Return ``body`` as a protobuf request message.

    Raises:
        DecodeError: ``body`` is no such message.
    """
    from google.protobuf.message import DecodeError as ProtobufError

    try:
        return _message_class(signal).FromString(body)
    except (ProtobufError, UnicodeDecodeError) as error:
        raise DecodeError(f"not OTLP protobuf for {signal}: {error}") from error


@cache
def _json_decoder(signal: Signal) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_SHAPES[signal], strict=False)


@cache
def _message_class(signal: Signal) -> Any:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    classes: dict[str, Callable[[], Any]] = {
        "traces": ExportTraceServiceRequest,
        "metrics": ExportMetricsServiceRequest,
        "logs": ExportLogsServiceRequest,
    }
    return cast(Any, classes[signal])
