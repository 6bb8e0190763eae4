"""000, "Unified System"."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import RLock
from typing import Any, Self

from firstlight.app.process_health import Condition, ProcessHealth, Watch, configure_watched
from firstlight.app.process_health.judge import Figures
from firstlight.app.process_health.resources import machine
from firstlight.app.surroundings import environment, is_launched
from firstlight.app.telemetry import build, get
from firstlight.compat.dawn.configuration import Configuration, as_given, settings_of, surroundings
from firstlight.errors import ConfigError
from firstlight.model import HealthState, Level
from firstlight.sdk.client import Telemetry
from firstlight.sdk.tracing.spans import Span

TelemetryLevel = Level

NAMES = {"output.events_metric": "dawn_telemetry_events_total", "output.duration_metric": "dawn_operation_duration_ms"}
USUAL_FORMATS = {"output.formats": ("json",)}
"""What is written where nobody says; every profile of the document's has it."""
SEEN_WITHIN_S = 1.0
_MS_PER_S = 1000.0


class DAWNTelemetrySystem:
    """A recorder under the document's names.

    Args:
        profile: ``development``, ``production``, ``debug``, ``minimal`` or ``high_performance``.
        config: the document's "Custom Configuration", or a JSON file of it.
        telemetry: the recorder; one of its own when None.
        environ: the process's environment when None.

    Raises:
        ConfigError: a value or key is wrong; it names the key or the variable as the document does.

    Attributes:
        telemetry: the recorder, for everything that the document has no name for.
        enabled: whether it records.
    """

    def __init__(
        self,
        profile: str | None = None,
        config: Configuration | None = None,
        *,
        telemetry: Telemetry | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        given = environment() if environ is None else environ
        watch = Watch()
        ours = None if config is None else settings_of(config)
        around = surroundings(given)
        self.telemetry = telemetry or build(environ=around)
        try:
            resolved, self._exporters = configure_watched(
                self.telemetry,
                watch,
                profile=profile,
                config=ours,
                environ=around,
                usual=NAMES if is_launched(given) else NAMES | USUAL_FORMATS,
            )
        except ConfigError as error:
            raise as_given(error, given, config) from None
        recording = resolved.settings.recording
        self.enabled = recording.enabled
        directory = Path(recording.output.directory).absolute()
        self._health = ProcessHealth(self.telemetry, watch, machine(directory), time.time_ns)
        # Bound once, because events are many.
        self._log_event = self.telemetry.log_event

    def start(self) -> Self:
        """Begin to deliver; recording alone starts it too."""
        if self.enabled:
            self.telemetry.start()
        return self

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Deliver everything and end; return whether it was done in time."""
        return self.telemetry.stop(timeout_s)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def log_event(
        self,
        subsystem: str,
        component: str,
        event_type: str,
        level: Level | str = Level.INFO,
        data: Mapping[str, Any] | None = None,
        tick_id: int | None = None,
    ) -> None:
        """Record one event."""
        self._log_event(subsystem, component, event_type, level, data, tick_id)

    def integrate_subsystem(
        self, name: str, components: Iterable[str] = (), config: Mapping[str, Any] | None = None
    ) -> None:
        """Say how a subsystem is recorded: ``enabled``, ``min_level``, ``sample_ratio``.

        Raises:
            UsageError: the configuration has another key or a wrong value.
        """
        self.telemetry.integrate_subsystem(name, components, config)

    def create_performance_context(
        self, subsystem: str, component: str, operation: str, tick_id: int | None = None
    ) -> Span:
        """Return a context that records an operation: ``add_metadata`` adds to it."""
        return self.telemetry.performance(subsystem, component, operation, **_ticked({}, tick_id))

    def log_performance(  # noqa: PLR0913, PLR0917 - the document's own
        self,
        subsystem: str,
        component: str,
        operation: str,
        duration_ms: float,
        success: bool = True,
        metadata: Mapping[str, Any] | None = None,
        tick_id: int | None = None,
    ) -> None:
        """Record an operation that ended now and took ``duration_ms`` milliseconds."""
        data = _ticked(dict(metadata or {}), tick_id)
        seconds = duration_ms / _MS_PER_S
        self.telemetry.log_performance(subsystem, component, operation, seconds, success=success, data=data)

    def get_health_summary(self) -> dict[str, Any]:
        """Return the document's "Health Dashboard Data", the figures behind it and its "Automated Alerts"."""
        if self.enabled:
            self.telemetry.flush(SEEN_WITHIN_S)
        report = self._health.report()
        return {
            "overall_status": _status(report.overall.state),
            "overall_health_score": report.overall.score,
            "components": {
                "logger": _status(report.logger.state) if self.enabled else "disabled",
                "collector": _status(report.collector.state) if self.enabled else "disabled",
                "exporters": self._exporters,
            },
            "subsystems": {
                name: {"health_score": health.score, **_shown(report.figures[name])}
                for name, health in report.subsystems.items()
            },
            "resources": dict(report.resources),
            "alerts": [_alert(condition) for condition in report.conditions],
        }


_lock = RLock()
_system: DAWNTelemetrySystem | None = None


def get_telemetry_system() -> DAWNTelemetrySystem | None:
    """Return the system over this process's recorder, made when first asked for; None when recording is switched off.

    Raises:
        ConfigError: a variable of the environment is wrong.
    """
    system = _own()
    return system if system.enabled else None


def initialize_telemetry_system(profile: str | None = None, config: Configuration | None = None) -> DAWNTelemetrySystem:
    """Configure this process's recorder and return the system over it.

    Raises:
        ConfigError: a value or key is wrong.
    """
    global _system  # noqa: PLW0603 - one per process is what it is for
    with _lock:
        _system = made = DAWNTelemetrySystem(profile, config, telemetry=get())
    return made


def log_event(
    subsystem: str,
    component: str,
    event_type: str,
    level: Level | str = Level.INFO,
    data: Mapping[str, Any] | None = None,
    tick_id: int | None = None,
) -> None:
    """Record one event with this process's recorder."""
    _own().log_event(subsystem, component, event_type, level, data, tick_id)


def log_performance(  # noqa: PLR0913, PLR0917 - the document's own
    subsystem: str,
    component: str,
    operation: str,
    duration_ms: float,
    success: bool = True,
    metadata: Mapping[str, Any] | None = None,
    tick_id: int | None = None,
) -> None:
    """Record an operation that ended now and took ``duration_ms`` milliseconds."""
    _own().log_performance(subsystem, component, operation, duration_ms, success, metadata, tick_id)


def create_performance_context(subsystem: str, component: str, operation: str, tick_id: int | None = None) -> Span:
    """Return a context that records an operation with this process's recorder."""
    return _own().create_performance_context(subsystem, component, operation, tick_id)


def _own() -> DAWNTelemetrySystem:
    found = _system
    if found is None:
        with _lock:
            found = _system or initialize_telemetry_system()
    return found


def _ticked(fields: dict[str, Any], tick_id: int | None) -> dict[str, Any]:
    return fields if tick_id is None else {**fields, "tick_id": tick_id}


def _status(state: HealthState) -> str:
    """Return the document's word; it has none for better than healthy."""
    return (HealthState.HEALTHY if state is HealthState.OPTIMAL else state).value


def _shown(figures: Figures) -> dict[str, float | None]:
    return {
        "error_rate": figures.error_ratio,
        "success_rate": figures.success_ratio,
        "average_duration_ms": None if figures.mean_s is None else figures.mean_s * _MS_PER_S,
    }


def _alert(condition: Condition) -> dict[str, Any]:
    return {
        "type": condition.kind,
        "subject": condition.subject,
        "value": condition.value,
        "threshold": condition.threshold,
        "message": condition.message,
    }
