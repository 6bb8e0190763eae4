"""002's "Module 3", its logger: JSON Lines in a file and on the console."""

import logging
import sys
import time
from collections.abc import Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from firstlight.compat.bridge.configuration import LoggerConfig, LoopDetection, configuration
from firstlight.compat.bridge.loops import LoopGuard
from firstlight.compat.bridge.times import recorded_text
from firstlight.model import Event, parse_level
from firstlight.sdk.flow.plain import plain_fields
from firstlight.sdk.redaction.redact import Redactor

_QUIET_S = 60.0
_program_log = logging.getLogger("firstlight")


class BridgeLogger:
    """Writes one JSON object a line; never raises because of what it is given or what the disk says.

    Example::

        logger = BridgeLogger({"log_path": "runtime/logs/telemetry_logs.jsonl"})
        logger.log({"source": "Bridge_Telemetry", "message": "Storage is back."}, log_level="INFO")

    Args:
        config: the document's ``logger_config``.
        limits: when an event is in a loop.

    Raises:
        ConfigError: a key is unknown or a value is wrong.

    Attributes:
        loops: what tells loops.
        path: the file.
    """

    def __init__(
        self, config: Mapping[str, Any] | LoggerConfig | None = None, limits: LoopDetection | None = None
    ) -> None:
        given = config if isinstance(config, LoggerConfig) else configuration(LoggerConfig, config)
        self.loops = LoopGuard(limits or LoopDetection())
        self.path = Path(given.log_path).expanduser().absolute()
        self._handlers: list[logging.Handler] = [_File(self.path, given)]
        if given.enable_console:
            self._handlers.append(_Console())
        self._redactor = Redactor()
        self.restart()

    def restart(self) -> None:
        """Take locks of its own, as a forked child does."""
        self._lock = Lock()
        self.loops.restart()

    def log(self, entry: Mapping[str, Any], log_level: str = "INFO") -> None:
        """Write ``entry`` with ``timestamp`` and ``level`` before it; secrets in it are hidden.

        Raises:
            UsageError: there is no such level.
        """
        line = self._line(entry, parse_level(log_level).name)
        record = logging.LogRecord("bridge", logging.INFO, "", 0, line, None, None)
        for handler in self._handlers:
            handler.handle(record)

    def detect_infinite_loop(self, event_data: Mapping[str, Any]) -> bool:
        """Count this event and return whether it seems to be in a loop; see :class:`~.loops.LoopGuard`."""
        return self.loops.is_loop(plain_fields(dict(event_data)))

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        for handler in self._handlers:
            handler.close()

    def _line(self, entry: Mapping[str, Any], level: str) -> str:
        shown = Event(0, "", attributes=plain_fields(dict(entry)))
        with self._lock:
            self._redactor.batch([shown], [])
        line = {"timestamp": recorded_text(time.time_ns()), "level": level, **shown.attributes}
        return msgspec.json.encode(line).decode()


class _Quiet(logging.Handler):
    """A handler whose failures are said by the program's own log, at most once a minute."""

    _said_s = -_QUIET_S

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - the standard library's
        now_s = time.monotonic()
        if now_s - self._said_s >= _QUIET_S:
            self._said_s = now_s
            _program_log.warning("the bridge cannot write its log: %s", sys.exc_info()[1])


class _File(_Quiet, RotatingFileHandler):
    def __init__(self, path: Path, config: LoggerConfig) -> None:
        super().__init__(
            path, maxBytes=config.rotate_bytes, backupCount=config.keep_files, encoding="utf-8", delay=True
        )

    def emit(self, record: logging.LogRecord) -> None:
        try:
            Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            self.handleError(record)
            return
        super().emit(record)


class _Console(_Quiet):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
        except OSError:
            self.handleError(record)
