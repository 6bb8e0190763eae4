"""004, "TelemetryCollector"."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from firstlight.app.collector import COORDINATION, HEALTH, MESSAGING, Collector, observe
from firstlight.compat.utilityfog.metrics import Counter, Gauge, Histogram
from firstlight.sdk.client import Telemetry
from firstlight.sdk.metrics import histogram, instruments

# The document's own logger, so that its "Debug Information" holds.
_log = logging.getLogger("utilityfog_frontend.telemetry")

Labels = Mapping[str, str] | Sequence[str] | None


class TelemetryCollector:
    """:class:`~firstlight.app.collector.Collector` under the document's names.

    Args:
        collection_interval: seconds from one collection to the next.
        telemetry: whose instruments the metrics are; this process's own recorder when None.

    Raises:
        UsageError: the interval is not above zero.

    Attributes:
        engine: the collector itself.
    """

    def __init__(self, collection_interval: float = 30.0, *, telemetry: Telemetry | None = None) -> None:
        self.engine = Collector(collection_interval, telemetry=telemetry)
        self.engine.add_hook("post_collection", _tell)

    @property
    def collection_interval(self) -> float:
        """Seconds from one collection to the next."""
        return self.engine.collection_interval_s

    @collection_interval.setter
    def collection_interval(self, interval: float) -> None:
        self.engine.collection_interval_s = interval

    @property
    def running(self) -> bool:
        """Whether it collects at intervals."""
        return self.engine.running

    def register_counter(self, name: str, description: str = "", labels: Labels = None) -> Counter:
        """Return the counter ``name``; ``labels`` are names, or names with their values."""
        return Counter(self.engine, self.engine.register_counter(name, description, labels))

    def register_gauge(self, name: str, description: str = "", labels: Labels = None) -> Gauge:
        """Return the gauge ``name``."""
        return Gauge(self.engine, self.engine.register_gauge(name, description, labels))

    def register_histogram(
        self, name: str, description: str = "", buckets: Sequence[float] | None = None, labels: Labels = None
    ) -> Histogram:
        """Return the histogram ``name``; ``buckets`` are upper bounds, ascending."""
        return Histogram(self.engine, self.engine.register_histogram(name, description, buckets, labels))

    def get_metric(self, name: str) -> Counter | Gauge | Histogram | None:
        """Return the metric that was registered under ``name``; None when none was."""
        match self.engine.get_metric(name):
            case instruments.Counter() as found:
                return Counter(self.engine, found)
            case instruments.Gauge() as found:
                return Gauge(self.engine, found)
            case histogram.Histogram() as found:
                return Histogram(self.engine, found)
        return None

    def record_event(
        self,
        name: str,
        value: Any = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Record an event: fields or a single value, what to tell it apart by, and what else is known."""
        self.engine.record_event(name, value, labels, metadata)

    def add_hook(self, hook_type: str, callback: Callable[[Any], object]) -> None:
        """Call ``callback``; see :meth:`Collector.add_hook <firstlight.app.collector.collector.Collector.add_hook>`."""
        self.engine.add_hook(hook_type, callback)

    async def start_collection(self) -> None:
        """Begin to collect on the running event loop and return."""
        await self.engine.start_collection()

    async def stop_collection(self) -> None:
        """End that."""
        await self.engine.stop_collection()

    def get_snapshot(self) -> dict[str, Any]:
        """Return everything as it is now, in the shape of the document's JSON."""
        return self.engine.get_snapshot().plain()


def setup_coordination_hooks(collector: TelemetryCollector) -> None:
    """Register the metrics of coordination and let them follow the events of ``collector``."""
    observe(collector.engine, COORDINATION)


def setup_messaging_hooks(collector: TelemetryCollector) -> None:
    """Register the metrics of messaging and let them follow the events of ``collector``."""
    observe(collector.engine, MESSAGING)


def setup_health_hooks(collector: TelemetryCollector) -> None:
    """Register the metrics of health and let them follow the events of ``collector``."""
    observe(collector.engine, HEALTH)


def _tell(collector: Collector) -> None:
    if _log.isEnabledFor(logging.DEBUG):
        snapshot = collector.get_snapshot()
        _log.debug("collected %d metrics, %d events so far", len(snapshot.metrics), snapshot.events_count)
