"""Collection at intervals: measures with hooks, a snapshot of all of them, events in a bounded buffer.

What is measured here are the instruments of the recorder, so it also goes wherever the recorder delivers.
"""

from firstlight.app.collector.collector import Collector
from firstlight.app.collector.files import JsonFile, PrometheusFile, SeveralFiles, all_of
from firstlight.app.collector.hooks import HOOK_TYPES
from firstlight.app.collector.observed import COORDINATION, HEALTH, MESSAGING, observe
from firstlight.app.collector.periodic import PeriodicWriter
from firstlight.app.collector.recorded import RecordedEvent
from firstlight.app.collector.snapshot import Snapshot, State

__all__ = [
    "COORDINATION",
    "HEALTH",
    "HOOK_TYPES",
    "MESSAGING",
    "Collector",
    "JsonFile",
    "PeriodicWriter",
    "PrometheusFile",
    "RecordedEvent",
    "SeveralFiles",
    "Snapshot",
    "State",
    "all_of",
    "observe",
]
