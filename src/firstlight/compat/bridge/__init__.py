"""The names of the Bridge Telemetry document (002) over a lake; see ``docs/compat.md``."""

from firstlight.alert.threshold import Threshold
from firstlight.compat.bridge.errors import ErrorHandler
from firstlight.compat.bridge.logger import BridgeLogger
from firstlight.compat.bridge.retention import RetentionManager
from firstlight.compat.bridge.telemetry import BridgeTelemetry
from firstlight.compat.bridge.validation import validate_event_data

__all__ = [
    "BridgeLogger",
    "BridgeTelemetry",
    "ErrorHandler",
    "RetentionManager",
    "Threshold",
    "validate_event_data",
]
