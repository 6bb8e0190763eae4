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
    """Reads requests; remembers series from one to the next.  Not for use by two threads at a time."""

    def __init__(self) -> None:
        self._cache = SeriesCache()

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
        request = (parse_json if as_json else parse_protobuf)(signal, body)
        if signal == "metrics":
            return read_metrics(request, now_ns, self._cache, deltas)
        return read_traces(request, now_ns) if signal == "traces" else read_logs(request, now_ns)


def parse_json(signal: Signal, body: bytes) -> Any:
    """Return ``body`` as one of our request shapes.

    Raises:
        DecodeError: ``body`` is no OTLP JSON.
    """
    try:
        return _json_decoder(signal).decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise DecodeError(f"not OTLP JSON for {signal}: {error}") from error


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
