"""004, "MetricsExporter"."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from os import PathLike

from firstlight.app.collector import JsonFile, PeriodicWriter, PrometheusFile, all_of
from firstlight.compat.utilityfog.collector import TelemetryCollector


class MetricsExporter(ABC):
    """Writes the state of a collector somewhere."""

    @abstractmethod
    async def export_metrics(self, collector: TelemetryCollector) -> None:
        """Write it as it is now."""


class PrometheusAdapter(MetricsExporter):
    """A file in the Prometheus text format."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self._file = PrometheusFile(path)

    async def export_metrics(self, collector: TelemetryCollector) -> None:
        """Replace the file; tries again when the disk refuses.

        Raises:
            Unavailable: the disk goes on refusing.
        """
        await self._file.write(collector.engine)


class JSONExporter(MetricsExporter):
    """A file with one JSON object."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self._file = JsonFile(path)

    async def export_metrics(self, collector: TelemetryCollector) -> None:
        """Replace the file; tries again when the disk refuses.

        Raises:
            Unavailable: the disk goes on refusing.
        """
        await self._file.write(collector.engine)


class MultiExporter(MetricsExporter):
    """Several exporters; one that fails does not keep the others from writing."""

    def __init__(self, exporters: Sequence[MetricsExporter]) -> None:
        self._exporters = tuple(exporters)

    async def export_metrics(self, collector: TelemetryCollector) -> None:
        """Let all write.

        Raises:
            Exception: what the first one raised that failed.
        """
        await all_of(one.export_metrics(collector) for one in self._exporters)


class PeriodicExporter:
    """Lets an exporter write every ``interval`` seconds, the first time at once, and a last time at the end."""

    def __init__(self, exporter: MetricsExporter, collector: TelemetryCollector, interval: float = 30.0) -> None:
        troubles = collector.engine.telemetry.troubles
        self._writer = PeriodicWriter(lambda: exporter.export_metrics(collector), interval, troubles=troubles)

    async def start(self) -> None:
        """Begin on the running event loop and return."""
        await self._writer.start()

    async def stop(self) -> None:
        """End, and write the last state."""
        await self._writer.stop()
