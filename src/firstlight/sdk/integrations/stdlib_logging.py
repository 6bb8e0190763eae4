"""Python's ``logging`` as a source of events."""

import logging
from collections.abc import Callable
from threading import get_ident, local
from typing import TYPE_CHECKING, Any

from firstlight.model import Event, Level
from firstlight.sdk.flow.plain import plain_fields, text
from firstlight.sdk.integrations.exceptions import exception_fields
from firstlight.sdk.integrations.levels import level_numbered
from firstlight.sdk.tracing.context import CURRENT

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry

_OWN = "firstlight"
_IDS = "firstlight_ids"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", _IDS}
_MAX_NAME_CHARS = 200
_NS_PER_S = 1_000_000_000


class EventHandler(logging.Handler):
    """Records each log line as an event: the logger's name is its scope, the message its body.

    A line with arguments (``log.info("%d left", n)``) is called by its template, because that stays the same while the
    message changes; other lines have no name.  What was given as ``extra`` and where the line stands in the source
    become attributes, an exception its three usual ones.  Lines inside a span carry the span's ids.  Behind a
    ``QueueHandler`` the time and the thread are still those of the call; for the span put a :class:`SpanStamp` on the
    ``QueueHandler``.  The handler never raises; Firstlight's own lines, and lines that are written while one is being
    recorded, are left out, so that nothing feeds itself.

    Args:
        telemetry: the recorder.
        level: least level that is taken, as ``logging`` has it.
    """

    def __init__(self, telemetry: "Telemetry", level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self._telemetry = telemetry
        self._within = local()

    def emit(self, record: logging.LogRecord) -> None:
        """Record one line."""
        if record.name.partition(".")[0] == _OWN or getattr(self._within, "busy", False):
            return
        self._within.busy = True
        try:
            self._record(record)
        except Exception:  # noqa: BLE001 - logging's own rule: report and go on
            self.handleError(record)
        finally:
            self._within.busy = False

    def _record(self, record: logging.LogRecord) -> None:
        name = "" if record.name == "root" else record.name
        level = level_numbered(record.levelno)
        if level < self._telemetry.threshold(name):
            return
        if record.thread == get_ident() and not hasattr(record, _IDS):
            emit = getattr(self._telemetry.scope(name), level.name.lower())
            emit(_template(record), body=self._body(record), **_fields(record))
        else:
            self._telemetry.hand_over(self._delayed(record, name, level))

    def _delayed(self, record: logging.LogRecord, scope: str, level: Level) -> Event:
        """Return the event of a line that was written earlier or by another thread."""
        subsystem, _, component = scope.partition(".")
        time_ns = round(record.created * _NS_PER_S)
        event = Event(time_ns, text(_template(record)), level, subsystem, component, text(self._body(record)))
        event.attributes = plain_fields(_fields(record))
        event.trace_id, event.span_id = getattr(record, _IDS, ("", ""))
        event.thread_id = record.thread or 0
        return event

    def _body(self, record: logging.LogRecord) -> str:
        return self.format(record) if self.formatter else record.getMessage()


class SpanStamp(logging.Filter):
    """Notes in each line which span it was written in; for a ``QueueHandler``, whose lines are handled elsewhere."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Note it and let the line through."""
        span = CURRENT.get()
        setattr(record, _IDS, span.ids() if span is not None else ("", ""))
        return True


def install_logging(telemetry: "Telemetry", level: int | str = logging.NOTSET) -> Callable[[], None]:
    """Put an :class:`EventHandler` on the root logger; return a function that takes it away.

    Args:
        telemetry: the recorder.
        level: least level that is taken; if given, the root logger lets lines from there through.
    """
    root = logging.getLogger()
    handler = EventHandler(telemetry, level)
    before = root.level
    if handler.level and handler.level < before:
        root.setLevel(handler.level)
    root.addHandler(handler)

    def undo() -> None:
        root.removeHandler(handler)
        if root.level == handler.level:
            root.setLevel(before)

    return undo


def _template(record: logging.LogRecord) -> str:
    if record.args and isinstance(record.msg, str):
        return record.msg[:_MAX_NAME_CHARS]
    return ""


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {key: value for key, value in vars(record).items() if key not in _STANDARD and key != "body"}
    fields["code.file.path"] = record.pathname
    fields["code.line.number"] = record.lineno
    fields["code.function.name"] = record.funcName
    if record.exc_info and record.exc_info[1] is not None:
        fields |= exception_fields(record.exc_info[1])
    return fields
