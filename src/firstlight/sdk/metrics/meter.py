"""What the host measures with: instruments that carry one scope."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstlight.errors import UsageError
from firstlight.model import Kind
from firstlight.sdk.metrics.buckets import MIN_BUCKETS
from firstlight.sdk.metrics.exponential import MAX_BUCKETS, ExponentialHistogram
from firstlight.sdk.metrics.histogram import DEFAULT_BOUNDS_S, Histogram
from firstlight.sdk.metrics.info import Enumeration, Info
from firstlight.sdk.metrics.instruments import AnyInstrument, Counter, Definition, Gauge
from firstlight.sdk.metrics.naming import check_names
from firstlight.sdk.metrics.observable import Answer, Observable
from firstlight.sdk.metrics.registry import place_of_caller
from firstlight.sdk.metrics.summary import DEFAULT_QUANTILES, DEFAULT_WINDOW_S, Summary
from firstlight.sdk.metrics.up_down import UpDownCounter

if TYPE_CHECKING:
    from firstlight.sdk.client import Telemetry

_PACKAGE = str(Path(__file__).parents[2])


class Meter:
    """Makes the instruments of one "subsystem.component".

    Registering an instrument again gives the same one.  All methods raise ``UsageError`` when the name is taken by
    something else (the message names both places) or is none.  They share these arguments:

    ``name``: what is measured, with its unit, such as ``request_seconds`` or ``requests_total``; ``unit``: as UCUM
    writes it; ``help``: one line for the reader of a chart; ``labels``: names of the labels, whose values are then
    given to ``.labels(...)``; ``exemplars``: keep values measured inside a span as examples, which makes recording
    slower; None asks the registry.

    Attributes:
        name: the scope.
    """

    __slots__ = ("_telemetry", "name")

    def __init__(self, telemetry: "Telemetry", name: str) -> None:
        self.name = name
        self._telemetry = telemetry

    def counter(
        self,
        name: str,
        *,
        unit: str = "",
        help: str = "",  # noqa: A002
        labels: Sequence[str] = (),
        exemplars: bool | None = None,
    ) -> Counter:
        """Return the counter ``name``, such as ``requests_total``: ``inc()`` adds one, ``add(n)`` an amount."""
        return self._made(Counter, self._define(name, Kind.COUNTER, unit, help, labels), exemplars)

    def up_down_counter(
        self,
        name: str,
        *,
        unit: str = "",
        help: str = "",  # noqa: A002
        labels: Sequence[str] = (),
    ) -> UpDownCounter:
        """Return the counter of what there is, such as ``requests_active``: ``inc()``, ``dec()``, ``add(n)``."""
        return self._made(UpDownCounter, self._define(name, Kind.GAUGE, unit, help, labels))

    def gauge(self, name: str, *, unit: str = "", help: str = "", labels: Sequence[str] = ()) -> Gauge:  # noqa: A002
        """Return the gauge ``name``, such as ``queue_length``: ``set(v)``, ``inc(n)``, ``dec(n)``."""
        return self._made(Gauge, self._define(name, Kind.GAUGE, unit, help, labels))

    def histogram(
        self,
        name: str,
        *,
        unit: str = "s",
        help: str = "",  # noqa: A002
        labels: Sequence[str] = (),
        buckets: Sequence[float] = DEFAULT_BOUNDS_S,
        exemplars: bool | None = None,
    ) -> Histogram:
        """Return the histogram ``name``, such as ``request_seconds``: ``observe(v)``, ``with time():``.

        ``buckets`` are upper bounds, ascending; a value on a bound belongs to that bucket.
        """
        definition = self._define(name, Kind.HISTOGRAM, unit, help, labels)
        return self._made(Histogram, definition._replace(bounds=tuple(map(float, buckets))), exemplars)

    def exponential_histogram(
        self,
        name: str,
        *,
        unit: str = "s",
        help: str = "",  # noqa: A002
        labels: Sequence[str] = (),
        max_buckets: int = MAX_BUCKETS,
        exemplars: bool | None = None,
    ) -> ExponentialHistogram:
        """Return the histogram ``name`` whose buckets fit themselves to the values: ``observe(v)``, ``with time():``.

        ``max_buckets`` is for the values of one sign; the finest bounds that it allows are taken.
        """
        if max_buckets < MIN_BUCKETS:
            raise UsageError(f"{name}: max_buckets must be at least {MIN_BUCKETS}, not {max_buckets}")
        definition = self._define(name, Kind.HISTOGRAM, unit, help, labels)
        return self._made(ExponentialHistogram, definition._replace(details=(max_buckets,)), exemplars)

    def summary(
        self,
        name: str,
        *,
        unit: str = "s",
        help: str = "",  # noqa: A002
        labels: Sequence[str] = (),
        quantiles: Sequence[float] = DEFAULT_QUANTILES,
        window_s: float = DEFAULT_WINDOW_S,
    ) -> Summary:
        """Return the summary ``name``: ``observe(v)``, ``with time():``.

        ``quantiles`` lie between 0 and 1 and are of the last ``window_s`` seconds; 0 is since the beginning.
        """
        if window_s < 0 or any(not 0 <= ratio <= 1 for ratio in quantiles):
            raise UsageError(f"{name}: quantiles must lie between 0 and 1 and the window not be negative")
        details = tuple(sorted(set(map(float, quantiles)))), float(window_s)
        return self._made(Summary, self._define(name, Kind.SUMMARY, unit, help, labels)._replace(details=details))

    def facts(
        self,
        name: str,
        said: Mapping[str, Any] | None = None,
        *,
        help: str = "",  # noqa: A002
        labels: Sequence[str] = (),
    ) -> Info:
        """Return the facts called ``name``, such as ``build_info``: ``set({"version": "1.2"})``, or give them here."""
        made = self._made(Info, self._define(name, Kind.INFO, "", help, labels))
        if said is not None:
            made.set(dict(said))
        return made

    def enumeration(
        self,
        name: str,
        states: Sequence[str],
        *,
        help: str = "",  # noqa: A002
        labels: Sequence[str] = (),
    ) -> Enumeration:
        """Return the enumeration ``name``, which is in one of ``states``, at first the first: ``set(state)``."""
        if not states or len(set(states)) < len(states) or not all(states):
            raise UsageError(f"{name}: states must differ and not be empty, not {tuple(states)}")
        definition = self._define(name, Kind.STATESET, "", help, labels)
        return self._made(Enumeration, definition._replace(details=tuple(states)))

    def observe_counter(
        self,
        name: str,
        callback: Callable[[], Answer],
        *,
        unit: str = "",
        help: str = "",  # noqa: A002
        labels: Sequence[str] = (),
    ) -> Observable:
        """Have ``callback`` asked at each report for a total that only grows; ``stop()`` ends that.

        It returns a number, or pairs of labels (a mapping, or values in the order of ``labels``) and number.  It runs
        on a thread of the recorder; one that takes longer than a second is left out until it has answered.
        """
        return self._observe(name, Kind.COUNTER, callback, unit, help, labels)

    def observe_gauge(
        self,
        name: str,
        callback: Callable[[], Answer],
        *,
        unit: str = "",
        help: str = "",  # noqa: A002
        labels: Sequence[str] = (),
    ) -> Observable:
        """Have ``callback`` asked at each report for what is now, as :meth:`observe_counter` does for totals."""
        return self._observe(name, Kind.GAUGE, callback, unit, help, labels)

    observe_up_down_counter = observe_gauge

    def _observe(
        self,
        name: str,
        kind: Kind,
        callback: Callable[[], Answer],
        unit: str,
        help_text: str,
        labels: Sequence[str],
    ) -> Observable:
        definition = self._define(name, kind, unit, help_text, labels)
        return self._made(Observable, definition._replace(callback=callback))

    def _made(self, make: type[AnyInstrument], definition: Definition, exemplars: bool | None = False) -> AnyInstrument:
        check_names(definition)
        keep = self._telemetry.registry.exemplars if exemplars is None else exemplars
        return self._telemetry.instrument(make, definition._replace(exemplars=keep))

    def _define(self, name: str, kind: Kind, unit: str, help_text: str, labels: Sequence[str]) -> Definition:
        place = place_of_caller(_PACKAGE)
        return Definition(name, kind, unit, help_text, tuple(labels), self.name, (), place)
