"""The names of the UtilityFog telemetry document (004) over :mod:`firstlight.app.collector`; see ``docs/compat.md``."""

from firstlight.compat.utilityfog.collector import (
    TelemetryCollector,
    setup_coordination_hooks,
    setup_health_hooks,
    setup_messaging_hooks,
)
from firstlight.compat.utilityfog.exporter import (
    JSONExporter,
    MetricsExporter,
    MultiExporter,
    PeriodicExporter,
    PrometheusAdapter,
)
from firstlight.compat.utilityfog.metrics import Counter, Gauge, Histogram

__all__ = [
    "Counter",
    "Gauge",
    "Histogram",
    "JSONExporter",
    "MetricsExporter",
    "MultiExporter",
    "PeriodicExporter",
    "PrometheusAdapter",
    "TelemetryCollector",
    "setup_coordination_hooks",
    "setup_health_hooks",
    "setup_messaging_hooks",
]
