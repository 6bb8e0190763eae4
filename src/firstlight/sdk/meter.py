"""What the host measures with: instruments that carry one scope."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from firstlight.model import Kind
from firstlight.sdk.histogram import DEFAULT_BOUNDS_S, Histogram
from firstlight.sdk.instruments import Counter, Definition, Gauge
from firstlight.sdk.registry import place_of_caller

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry

_PACKAGE = str(Path(__file__).parents[1])


class Meter:
    """Makes the instruments of one "subsystem.component".

    Attributes:
        name: the scope.
    """

    __slots__ = ("_telemetry", "name")

    def __init__(self, telemetry: "Telemetry", name: str) -> None:
        self.name = name
        self._telemetry = telemetry

    def counter(self, name: str, *, unit: str = "", help: str = "", labels: Sequence[str] = ()) -> Counter:  # noqa: A002
        """Return the counter ``name``, such as ``requests_total``; registering it again gives the same one.

        Raises:
            UsageError: the name is taken by something else; the message names both places.
        """
        return self._telemetry.instrument(Counter, self._define(name, Kind.COUNTER, unit, help, labels))

    def gauge(self, name: str, *, unit: str = "", help: str = "", labels: Sequence[str] = ()) -> Gauge:  # noqa: A002
        """Return the gauge ``name``, such as ``queue_length``; registering it again gives the same one.

        Raises:
            UsageError: the name is taken by something else; the message names both places.
        """
        return self._telemetry.instrument(Gauge, self._define(name, Kind.GAUGE, unit, help, labels))

    def histogram(
        self,
        name: str,
        *,
        unit: str = "s",
        help: str = "",  # noqa: A002
        labels: Sequence[str] = (),
        buckets: Sequence[float] = DEFAULT_BOUNDS_S,
    ) -> Histogram:
        """Return the histogram ``name``, such as ``request_seconds``; registering it again gives the same one.

        Args:
            name: what is measured, with its unit.
            unit: as UCUM writes it.
            help: one line for the reader of a chart.
            labels: names of the labels.
            buckets: upper bounds, ascending; a value on a bound belongs to that bucket.

        Raises:
            UsageError: the name is taken by something else; the message names both places.
        """
        bounds = tuple(map(float, buckets))
        definition = self._define(name, Kind.HISTOGRAM, unit, help, labels)._replace(bounds=bounds)
        return self._telemetry.instrument(Histogram, definition)

    def _define(self, name: str, kind: Kind, unit: str, help_text: str, labels: Sequence[str]) -> Definition:
        place = place_of_caller(_PACKAGE)
        return Definition(name, kind, unit, help_text, tuple(labels), self.name, (), place)
