"""Every line of ``logging`` as an event, without a handler in the program's configuration.

A handler at the root logger would silence ``logging.basicConfig`` and the lines that Python writes where nothing is
configured.  So we listen where a logger calls its handlers: the program's levels and filters hold, its handlers get
what they got before.
"""

from functools import wraps
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logging import LogRecord

    from firstlight.sdk.client import Telemetry


def listen_to_logging(logging: ModuleType, telemetry: "Telemetry") -> None:
    """Record what the loggers of the module ``logging`` let through.

    A line that reaches an :class:`~firstlight.sdk.integrations.stdlib_logging.EventHandler` of the program's own is
    left to that.
    """
    original = logging.Logger.callHandlers
    handler: Any = None

    @wraps(original)
    def call_handlers(self: Any, record: "LogRecord") -> None:
        nonlocal handler
        from firstlight.sdk.integrations.stdlib_logging import EventHandler

        if handler is None:
            handler = EventHandler(telemetry)
        if not _is_handled(self, EventHandler):
            handler.handle(record)
        original(self, record)

    logging.Logger.callHandlers = call_handlers


def _is_handled(logger: Any, kind: type) -> bool:
    """Return whether a handler of ``kind`` hears what ``logger`` says."""
    while logger is not None:
        if any(isinstance(one, kind) for one in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False
