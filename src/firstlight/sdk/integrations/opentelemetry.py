"""OpenTelemetry's SDK into our recorder: spans and log records as they are, trace ids kept.

Nothing of OpenTelemetry is imported: its SDK calls whatever has the methods of a ``SpanProcessor`` or a
``LogRecordExporter``.  Metrics are in :mod:`firstlight.sdk.integrations.opentelemetry_metrics`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from firstlight.model import Event, Level, Span, SpanEvent, SpanLink
from firstlight.sdk.flow.plain import plain_fields, text

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry

_MS_PER_S = 1000


class _HandsOver:
    def __init__(self, telemetry: "Telemetry") -> None:
        self._telemetry = telemetry

    def shutdown(self) -> None:
        """Deliver what is there; the recorder goes on for others."""
        self._telemetry.flush()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Deliver what is there; return whether it was done in time."""
        return self._telemetry.flush(timeout_millis / _MS_PER_S)


class FirstlightSpanProcessor(_HandsOver):
    """Hands ended, sampled spans to the recorder: ``provider.add_span_processor(FirstlightSpanProcessor(telemetry))``.

    The name of the tracer is the scope.

    Args:
        telemetry: the recorder.
    """

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Wait for its end."""

    def _on_ending(self, span: Any) -> None:
        """Wait for its end; the SDK asks for this one, too."""

    def on_end(self, span: Any) -> None:
        """Record ``span``."""
        if span.context is not None and span.context.trace_flags.sampled:
            _hand_over(self._telemetry, [span], span_row)


class FirstlightLogRecordExporter(_HandsOver):
    """Hands log records to the recorder, inside a ``SimpleLogRecordProcessor`` or a ``BatchLogRecordProcessor``.

    The name of the logger is the scope.

    Args:
        telemetry: the recorder.
    """

    def export(self, batch: Iterable[Any]) -> None:
        """Record the log records of ``batch``.  The SDK does not look at what is returned."""
        _hand_over(self._telemetry, batch, event_row)


def span_row(span: Any) -> Span:
    """Return a ``ReadableSpan`` as a row."""
    trace_id, span_id = _ids(span.context.trace_id, span.context.span_id)
    row = Span(span.start_time, max(span.start_time, span.end_time), text(span.name), trace_id, span_id)
    row.parent_id = _ids(0, span.parent.span_id)[1] if span.parent is not None else ""
    row.kind = span.kind.name.lower()
    row.status = span.status.status_code.name.lower()
    row.status_message = text(span.status.description or "")
    row.subsystem, row.component = _scope(span.instrumentation_scope)
    row.attributes = _plain(span.attributes)
    row.events = [SpanEvent(at.timestamp, text(at.name), _plain(at.attributes)) for at in span.events]
    row.links = [SpanLink(*_ids(to.context.trace_id, to.context.span_id), _plain(to.attributes)) for to in span.links]
    return row


def event_row(data: Any) -> Event:
    """Return a ``ReadableLogRecord`` as a row."""
    record = data.log_record
    number = record.severity_number.value if record.severity_number is not None else 0
    event = Event(record.timestamp or record.observed_timestamp or 0, text(record.event_name or ""))
    event.level = number or Level.INFO
    event.subsystem, event.component = _scope(data.instrumentation_scope)
    event.attributes = _plain(record.attributes)
    if isinstance(record.body, Mapping):
        event.attributes = {**_plain(record.body), **event.attributes}
    elif record.body is not None:
        event.body = text(record.body)
    event.trace_id, event.span_id = _ids(record.trace_id, record.span_id)
    return event


def _hand_over(telemetry: "Telemetry", given: Iterable[Any], convert: Callable[[Any], Event | Span]) -> None:
    for one in given:
        try:
            telemetry.hand_over(convert(one))
        except Exception as error:  # noqa: BLE001
            # What other versions of the SDK hand over is not known, and the program must not suffer from it.
            telemetry.troubles.internal("something of OpenTelemetry could not be recorded", error)


def _ids(trace_id: int | None, span_id: int | None) -> tuple[str, str]:
    return (f"{trace_id:032x}" if trace_id else "", f"{span_id:016x}" if span_id else "")


def _scope(given: Any) -> tuple[str, str]:
    subsystem, _, component = (given.name if given is not None else "").partition(".")
    return subsystem, component


def _plain(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return plain_fields(dict(attributes or {}))
