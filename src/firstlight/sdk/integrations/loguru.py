"""loguru's messages as events.  Needs nothing of loguru but the shape of its messages."""

from typing import TYPE_CHECKING, Any

from firstlight.model import Event
from firstlight.sdk.flow.plain import plain_fields, text
from firstlight.sdk.integrations.exceptions import exception_fields
from firstlight.sdk.integrations.levels import level_numbered
from firstlight.sdk.tracing.context import CURRENT

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry

_NS_PER_US = 1000
_US_PER_S = 1_000_000


class FirstlightSink:
    """A sink for ``logger.add(FirstlightSink(telemetry), format="{message}")``.

    The module is the scope, the message the body, what was bound the attributes; time and thread are those of the
    call, also with ``enqueue=True``.

    Args:
        telemetry: the recorder.
    """

    def __init__(self, telemetry: "Telemetry") -> None:
        self._telemetry = telemetry

    def __call__(self, message: Any) -> None:
        """Record one message."""
        try:
            self._record(message.record)
        except Exception as error:  # noqa: BLE001
            # A sink must not raise into the line that logs.
            self._telemetry.troubles.internal("a message of loguru could not be recorded", error)

    def _record(self, record: dict[str, Any]) -> None:
        scope = record["name"] or ""
        level = level_numbered(record["level"].no)
        if level < self._telemetry.threshold(scope):
            return
        fields = {**record["extra"], "code.file.path": record["file"].path, "code.line.number": record["line"]}
        fields["code.function.name"] = record["function"]
        if record["exception"] is not None:
            kind, error, at = record["exception"]
            fields |= exception_fields(error, kind, at)
        subsystem, _, component = scope.partition(".")
        span = CURRENT.get()
        trace_id, span_id = span.ids() if span is not None else ("", "")
        time_ns = round(record["time"].timestamp() * _US_PER_S) * _NS_PER_US
        event = Event(time_ns, "", level, subsystem, component, text(record["message"]), plain_fields(fields))
        event.trace_id, event.span_id, event.thread_id = trace_id, span_id, record["thread"].id
        self._telemetry.hand_over(event)
