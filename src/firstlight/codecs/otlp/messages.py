"""The protobuf messages of ``opentelemetry-proto``, imported when the first one is needed."""

from functools import cache
from typing import Any, Literal

from firstlight.errors import DecodeError

Signal = Literal["traces", "metrics", "logs"]

_REQUESTS: dict[Signal, str] = {
    "traces": "ExportTraceServiceRequest",
    "metrics": "ExportMetricsServiceRequest",
    "logs": "ExportLogsServiceRequest",
}


def parse_protobuf(signal: Signal, body: bytes) -> Any:
    """Return ``body`` as a request message.

    Raises:
        DecodeError: ``body`` is no such message.
    """
    return parse(_REQUESTS[signal], body)


def parse(name: str, content: bytes) -> Any:
    """Return ``content`` as the OTLP message called ``name``.

    Raises:
        DecodeError: ``content`` is no such message.
    """
    try:
        return message_class(name).FromString(content)
    except _protobuf_error() as error:
        raise DecodeError(f"not OTLP protobuf: no {name}: {error}") from error


@cache
def _protobuf_error() -> type[Exception]:
    from google.protobuf.message import DecodeError as ProtobufError

    return ProtobufError


@cache
def message_class(name: str) -> Any:
    """Return the class of the OTLP message called ``name``; names are unique enough among those that are used here."""
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
    from opentelemetry.proto.common.v1 import common_pb2
    from opentelemetry.proto.logs.v1 import logs_pb2
    from opentelemetry.proto.metrics.v1 import metrics_pb2
    from opentelemetry.proto.resource.v1 import resource_pb2
    from opentelemetry.proto.trace.v1 import trace_pb2

    modules = (
        logs_service_pb2,
        metrics_service_pb2,
        trace_service_pb2,
        common_pb2,
        logs_pb2,
        metrics_pb2,
        resource_pb2,
        trace_pb2,
    )
    return next(getattr(module, name) for module in modules if hasattr(module, name))
