"""The names of the DAWN telemetry document (000) over the recorder of this process; see ``docs/compat.md``."""

from firstlight.compat.dawn.system import (
    DAWNTelemetrySystem,
    TelemetryLevel,
    create_performance_context,
    get_telemetry_system,
    initialize_telemetry_system,
    log_event,
    log_performance,
)

__all__ = [
    "DAWNTelemetrySystem",
    "TelemetryLevel",
    "create_performance_context",
    "get_telemetry_system",
    "initialize_telemetry_system",
    "log_event",
    "log_performance",
]
