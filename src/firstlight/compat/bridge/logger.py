"""002's "Module 3", its logger: JSON Lines in a file and on the console."""

import logging
import sys
import time
from collections.abc import Mapping
from itertools import pairwise
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
        self._config = given
        self._redactor = Redactor()
        self._complained_s = -_QUIET_S
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
        try:
            with self._lock:
                _append(self.path, line, self._config.rotate_bytes, self._config.keep_files)
            if self._config.enable_console:
                sys.stderr.write(line)
        except OSError as error:
            self._complain(error)

    def detect_infinite_loop(self, event_data: Mapping[str, Any]) -> bool:
        """Count this event and return whether it seems to be in a loop; see :class:`~.loops.LoopGuard`."""
        return self.loops.is_loop(plain_fields(dict(event_data)))

    def _line(self, entry: Mapping[str, Any], level: str) -> str:
        shown = Event(0, "", attributes=plain_fields(dict(entry)))
        with self._lock:
            self._redactor.batch([shown], [])
        line = {"timestamp": recorded_text(time.time_ns()), "level": level, **shown.attributes}
        return f"{msgspec.json.encode(line).decode()}\n"

    def _complain(self, error: OSError) -> None:
        now_s = time.monotonic()
        if now_s - self._complained_s >= _QUIET_S:
            self._complained_s = now_s
            _program_log.warning("the bridge cannot write its log: %s", error)


def _append(path: Path, line: str, rotate_bytes: int, keep_files: int) -> None:
    """Add a line to the file, which is open for no longer than that: what is logged here is rare."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = line.encode()
    if path.exists() and path.stat().st_size + len(data) > rotate_bytes:
        names = [path, *(path.with_name(f"{path.name}.{n}") for n in range(1, keep_files + 1))]
        for younger, older in reversed(list(pairwise(names))):
            if younger.exists():
                younger.replace(older)
    with path.open("ab") as file:
        file.write(data)
