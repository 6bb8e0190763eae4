"""The recorder of this process: settings, exporter and client put together."""

import os
import platform
import socket
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any
from uuid import uuid4

from firstlight import plugins
from firstlight.app.settings import RecordingSettings, recording
from firstlight.errors import UsageError
from firstlight.model import Level, Resource, parse_level
from firstlight.model.resource import UNKNOWN_SERVICE
from firstlight.ports import Exporter
from firstlight.sdk.client import Delivery, Limits, Telemetry
from firstlight.sdk.ledger import Ledger, Rows
from firstlight.version import __version__

DEFAULT_ENDPOINT = "http://127.0.0.1:4318"
TOKEN_VARIABLE = "FIRSTLIGHT_TOKEN"  # noqa: S105 - the variable's name
_SIGNALS = {"traces": "spans", "metrics": "samples", "logs": "events"}

_lock = Lock()
_sessions: dict[int, str] = {}
_telemetry: Telemetry | None = None

MakeExporter = Callable[[Ledger], Exporter]


def get() -> Telemetry:
    """Return the recorder of this process; made, but not yet sending, when it is first asked for."""
    global _telemetry  # noqa: PLW0603 - one per process is what it is for
    with _lock:
        if _telemetry is None:
            _telemetry = build()
        return _telemetry


def build(limits: Limits | None = None, environ: Mapping[str, str] | None = None) -> Telemetry:
    """Return a new recorder that goes by the environment until it is told otherwise."""
    environment = os.environ if environ is None else environ
    found = recording(environ=environment)
    telemetry = Telemetry(Delivery(_by_settings(found, environment), _sender(found, {})), limits)
    try:
        telemetry.set_level(parse_level(found.level or "info"))
    except UsageError as error:
        # Whoever merely records did not write the environment and must not fail because of it.
        telemetry.troubles.say("level", f"FIRSTLIGHT_LEVEL: {error}")
    return telemetry


def configure(  # noqa: PLR0913 - each is one thing a host may want to say
    service: str | None = None,
    *,
    data: str | os.PathLike[str] | None = None,
    endpoint: str | None = None,
    exporter: Exporter | str | None = None,
    level: Level | str | None = None,
    levels: Mapping[str, Level | str] | None = None,
    attributes: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    telemetry: Telemetry | None = None,
    environ: Mapping[str, str] | None = None,
) -> Telemetry:
    """Say who this process is and where its records go; call it once, early, and again to change it.

    What is not given comes from the environment (``FIRSTLIGHT_SERVICE`` or ``OTEL_SERVICE_NAME``, ``FIRSTLIGHT_LEVEL``,
    ``FIRSTLIGHT_ENDPOINT`` or ``OTEL_EXPORTER_OTLP_ENDPOINT``, ``FIRSTLIGHT_DATA_DIR``, ``FIRSTLIGHT_TOKEN``); without
    those records go to the hub at ``http://127.0.0.1:4318``.

    Args:
        service: logical name of this process.
        data: directory of a lake to write into without a hub.
        endpoint: base URL of the hub or another OTLP/HTTP receiver.
        exporter: an exporter, or the name of one that needs no arguments; not together with ``data`` or ``endpoint``.
        level: least level that is recorded.
        levels: the same for single scopes and all below them, such as ``{"pulse": "debug"}``.
        attributes: what else to say of this process.
        limits: bounds of queues and intervals.
        telemetry: the recorder to configure; this process's own when None.
        environ: the process's environment when None.

    Raises:
        UsageError: the arguments contradict each other or are wrong.
        StorageError: the lake cannot be written.
    """
    if sum(choice is not None for choice in (data, endpoint, exporter)) > 1:
        raise UsageError("give one of data, endpoint and exporter, not several")
    environment = os.environ if environ is None else environ
    found = recording(service, endpoint, data, str(level) if isinstance(level, str) else None, environ=environment)
    thresholds = {scope: _level(one) for scope, one in (levels or {}).items()}
    if level is not None or found.level:
        thresholds[""] = _level(level if level is not None else found.level or "")
    if endpoint is not None:
        found = RecordingSettings(found.service, endpoint, None, found.level)
    make = _given(exporter) if exporter is not None else _by_settings(found, environment)
    one = telemetry or get()
    one.deliver(Delivery(_at_once(make, one.ledger), _sender(found, attributes or {})), limits)
    for scope, threshold in thresholds.items():
        one.set_level(threshold, scope)
    return one


def _session_id() -> str:
    """Return this process's own id; a forked child is another process."""
    pid = os.getpid()
    if pid not in _sessions:
        _sessions.clear()
        _sessions[pid] = uuid4().hex
    return _sessions[pid]


def _level(level: Level | str) -> Level:
    return parse_level(level) if isinstance(level, str) else level


def _given(exporter: Exporter | str) -> MakeExporter:
    if isinstance(exporter, str):
        made = plugins.load("exporter", exporter)
        return lambda _: made()
    return lambda _: exporter


def _by_settings(found: RecordingSettings, environ: Mapping[str, str]) -> MakeExporter:
    if found.data is not None:
        data = found.data
        return lambda _: plugins.load("exporter", "lake")(data)
    endpoint, token = found.endpoint or DEFAULT_ENDPOINT, environ.get(TOKEN_VARIABLE, "")

    def otlp(ledger: Ledger) -> Exporter:
        def rejected(signal: str, rows: int, _reason: str) -> None:
            ledger.rejected(Rows(**{_SIGNALS[signal]: rows}))

        made: Exporter = plugins.load("exporter", "otlp")(endpoint, token=token, on_rejected=rejected)
        return made

    return otlp


def _at_once(make: MakeExporter, ledger: Ledger) -> MakeExporter:
    """Make the exporter now, so that who configures hears what is wrong with it; a forked child makes its own."""
    first, pid = make(ledger), os.getpid()
    return lambda ledger: first if os.getpid() == pid else make(ledger)


def _sender(found: RecordingSettings, attributes: Mapping[str, Any]) -> Callable[[], Resource]:
    def describe() -> Resource:
        said = {
            "process.runtime.name": platform.python_implementation().lower(),
            "process.runtime.version": platform.python_version(),
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "firstlight",
            "telemetry.sdk.version": __version__,
            **attributes,
        }
        return Resource(found.service or UNKNOWN_SERVICE, _session_id(), socket.gethostname(), os.getpid(), said)

    return describe
