"""A recorder on a clock of the test's own, whose batches can be looked at."""

from firstlight.export.memory import MemoryExporter
from firstlight.model import Exemplar, ExponentialPoint, Resource, Series
from firstlight.sdk.client import Delivery, Limits, Telemetry
from firstlight.testing import FakeClock


class Recorder:
    def __init__(self, raise_errors: bool = True) -> None:
        self.memory = MemoryExporter()
        self.clock = FakeClock()
        delivery = Delivery(lambda _: self.memory, lambda: Resource("shop", "session"))
        limits = Limits(lines=3, linger_s=0.0, report_interval_s=3600.0)
        self.telemetry = Telemetry(delivery, limits, now=self.clock, raise_errors=raise_errors)
        self.telemetry.deliver(delivery)

    def latest(self, name: str, field: str = "value") -> dict[tuple[tuple[str, str], ...], float]:
        assert self.telemetry.flush()
        return self.memory.latest(name, field)

    def fresh(self, name: str, field: str = "value") -> dict[tuple[tuple[str, str], ...], float]:
        """Return what the next report alone says."""
        self.memory.batches.clear()
        return self.latest(name, field)

    def series(self, name: str, field: str = "value") -> Series:
        found = (one for batch in self.memory.batches for one in batch.series.values())
        return next(one for one in found if (one.name, one.field) == (name, field))

    def points(self, name: str) -> list[ExponentialPoint]:
        assert self.telemetry.flush()
        return [
            point
            for batch in self.memory.batches
            for point in batch.exponential
            if batch.series[point.series_id].name == name
        ]

    def exemplars(self) -> list[tuple[Series, Exemplar]]:
        """Return the exemplars of the next report."""
        self.memory.batches.clear()
        assert self.telemetry.flush()
        return [(batch.series[one.series_id], one) for batch in self.memory.batches for one in batch.exemplars]
