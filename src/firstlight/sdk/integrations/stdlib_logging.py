"""Python's ``logging`` as a source of events."""

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry
    from firstlight.sdk.front import Emit

_OWN = "firstlight"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_FORMATTER = logging.Formatter()


class EventHandler(logging.Handler):
    """Records each log line as an event: the logger's name is its scope, the message its body.

    What was given as ``extra`` and where the line stands in the source become attributes, an exception its three
    usual ones.  Lines inside a span carry the span's ids.  The handler never raises; Firstlight's own lines are left
    out, so that its troubles do not feed themselves.

    Args:
        telemetry: the recorder.
        level: least level that is taken, as ``logging`` has it.
    """

    def __init__(self, telemetry: "Telemetry", level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self._telemetry = telemetry

    def emit(self, record: logging.LogRecord) -> None:
        """Record one line."""
        if record.name.partition(".")[0] == _OWN:
            return
        try:
            self._emitter(record)("", **self._fields(record))
        except Exception:  # noqa: BLE001 - logging's own rule: report and go on
            self.handleError(record)

    def _emitter(self, record: logging.LogRecord) -> "Emit":
        scope = self._telemetry.scope("" if record.name == "root" else record.name)
        if record.levelno >= logging.CRITICAL:
            return scope.critical
        if record.levelno >= logging.ERROR:
            return scope.error
        if record.levelno >= logging.WARNING:
            return scope.warn
        if record.levelno >= logging.INFO:
            return scope.info
        return scope.debug if record.levelno >= logging.DEBUG else scope.trace

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        fields["body"] = self.format(record) if self.formatter else record.getMessage()
        fields["code.file.path"] = record.pathname
        fields["code.line.number"] = record.lineno
        fields["code.function.name"] = record.funcName
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception.type"] = type(record.exc_info[1]).__qualname__
            fields["exception.message"] = str(record.exc_info[1])
            fields["exception.stacktrace"] = _FORMATTER.formatException(record.exc_info)
        return fields
