"""For the tests of programs that record, and of exporters that others write."""

from firstlight.testing.capture import Capture, capture
from firstlight.testing.clock import FakeClock
from firstlight.testing.exporters import check_exporter, sample_batch

__all__ = ["Capture", "FakeClock", "capture", "check_exporter", "sample_batch"]
