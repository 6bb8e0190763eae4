"""Profiles: named sets of values that lie over the defaults of the recording settings.

Buffer, level and formats are the ones of the DAWN telemetry document (000, "Configuration Profiles"); the rest is what
its words for each of them ("fast flush", "compressed", "minimal overhead") mean here.
"""

from collections.abc import Mapping
from typing import Any

_FAST_FLUSH_S = 0.1
_OVERHEAD_IN_PRODUCTION = 0.02
"""The same document: "CPU overhead: < 2% in production profile"."""

# Circular buffers are what the document has everywhere, so each profile drops the oldest.
PROFILES: Mapping[str, Mapping[str, Any]] = {
    "development": {
        "buffer.max_records": 5_000,
        "buffer.when_full": "drop_oldest",
        "buffer.flush_interval_s": _FAST_FLUSH_S,
        "level": "debug",
        "output.formats": ("json",),
        "sampling.trace_ratio": 1.0,
    },
    "production": {
        "buffer.max_records": 20_000,
        "buffer.when_full": "drop_oldest",
        "buffer.flush_interval_s": 1.0,
        "level": "info",
        "output.formats": ("json", "prometheus"),
        "output.compression": "gzip",
        "limits.overhead_ratio": _OVERHEAD_IN_PRODUCTION,
    },
    "debug": {
        "buffer.max_records": 2_000,
        "buffer.when_full": "drop_oldest",
        "buffer.flush_interval_s": _FAST_FLUSH_S,
        "level": "debug",
        "output.formats": ("json",),
        "metrics.interval_s": 1.0,
        "sampling.trace_ratio": 1.0,
    },
    "minimal": {
        "buffer.max_records": 1_000,
        "buffer.when_full": "drop_oldest",
        "level": "error",
        "output.formats": ("json",),
        "metrics.interval_s": 60.0,
        "sampling.trace_ratio": 0.0,
    },
    "high_performance": {
        "buffer.max_records": 50_000,
        "buffer.when_full": "drop_oldest",
        "buffer.flush_interval_s": 5.0,
        "level": "warn",
        "output.formats": ("json",),
        "metrics.interval_s": 15.0,
        "sampling.trace_ratio": 0.1,
        "limits.overhead_ratio": 0.01,
        "limits.busy_load_ratio": 1.5,
    },
}
