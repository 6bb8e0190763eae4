"""004, "Metric Types"."""

from typing import Any, Generic, Self, TypeVar

from firstlight.app.collector import Collector
from firstlight.sdk.metrics import histogram, instruments

L = TypeVar("L", bound=instruments.Instrument)


class Metric(Generic[L]):
    """An instrument under the document's names.

    Attributes:
        name: what is measured.
        description: one line of help.
    """

    def __init__(self, collector: Collector, line: L) -> None:
        self.name = line.definition.name
        self.description = line.definition.help
        self._collector = collector
        self._line = line

    def labels(self, *values: Any, **named: Any) -> Self:
        """Return the line with these label values, by position or by name."""
        return type(self)(self._collector, self._line.labels(*values, **named))

    @property
    def value(self) -> Any:
        """What was recorded up to now; of a histogram a dict of ``count``, ``sum`` and ``buckets``."""
        return next((state.value for state in self._collector.states(self._line)), 0)

    def get_value(self) -> Any:
        """Return :attr:`value`."""
        return self.value


class Counter(Metric[instruments.Counter]):
    """Counts up."""

    def increment(self, amount: float = 1.0) -> None:
        """Add ``amount``, which is not negative."""
        self._line.add(amount)


class Gauge(Metric[instruments.Gauge]):
    """Goes up and down."""

    def set(self, value: float) -> None:
        """Set the value."""
        self._line.set(value)

    def increment(self, amount: float = 1.0) -> None:
        """Add ``amount``."""
        self._line.inc(amount)

    def decrement(self, amount: float = 1.0) -> None:
        """Take ``amount`` away."""
        self._line.dec(amount)


class Histogram(Metric[histogram.Histogram]):
    """Counts values by size."""

    def observe(self, value: float) -> None:
        """Take one value."""
        self._line.observe(value)
