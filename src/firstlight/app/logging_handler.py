"""``logging`` into this process's own recorder."""

import logging

from firstlight.app.telemetry import get
from firstlight.sdk.integrations.stdlib_logging import EventHandler


class LoggingHandler(EventHandler):
    """Records each log line of this process as an event; see :class:`EventHandler`.

    ``logging.basicConfig(handlers=[firstlight.LoggingHandler()])`` is all it takes, or in a configuration of
    ``logging.config`` the class ``firstlight.LoggingHandler``.

    Args:
        level: least level that is taken, as ``logging`` has it.
    """

    def __init__(self, level: int | str = logging.NOTSET) -> None:
        super().__init__(get(), level)
