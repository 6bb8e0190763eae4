"""Counters, gauges and histograms of the hub itself.

An instrument counts, a registry reads all of them into points, and the points go the way of any other metric: into the
lake and onto ``/metrics``.  Recording processes have richer instruments in :mod:`firstlight.sdk`; these need no thread.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeVar

from firstlight.model import Kind, Series
from firstlight.model.series import sorted_labels

SERVICE = "firstlight"
SCOPE = "firstlight.hub"
MAX_LABEL_SETS = 1000
OVERFLOW = "other"

# Seconds; from a cached answer to a query at its time limit.
SECONDS_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

Point = tuple[Series, float]


@dataclass(slots=True)
class _Cells:
    """What an instrument holds for one set of label values."""

    series: tuple[Series, ...]
    values: list[float]


@dataclass(slots=True)
class _Instrument:
    name: str
    description: str
    label_names: tuple[str, ...] = ()
    unit: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _cells: dict[tuple[str, ...], _Cells] = field(default_factory=dict)

    def points(self) -> list[Point]:
        """Return every series of the instrument with its value now."""
        with self._lock:
            return [point for cells in self._cells.values() for point in self._read(cells)]

    def total(self) -> float:
        """Return the sum of the first value over all label sets."""
        with self._lock:
            return sum(cells.values[0] for cells in self._cells.values())

    def _read(self, cells: _Cells) -> Iterable[Point]:
        return zip(cells.series, cells.values, strict=True)

    def _at(self, labels: tuple[str, ...]) -> _Cells:
        cells = self._cells.get(labels)
        if cells is None:
            if len(self._cells) >= MAX_LABEL_SETS:
                labels = (OVERFLOW,) * len(labels)
            cells = self._cells.setdefault(labels, self._new(dict(zip(self.label_names, labels, strict=True))))
        return cells

    def _new(self, labels: dict[str, str]) -> _Cells:
        raise NotImplementedError

    def _series(self, labels: Mapping[str, str], kind: Kind, field_name: str = "value") -> Series:
        return Series(
            name=self.name,
            labels=sorted_labels(dict(labels)),
            service=SERVICE,
            scope=SCOPE,
            field=field_name,
            kind=kind,
            unit=self.unit,
            description=self.description,
        )


class Counter(_Instrument):
    """Only goes up."""

    __slots__ = ()

    def inc(self, *labels: str, by: float = 1) -> None:
        """Add ``by`` to the series with these label values."""
        with self._lock:
            self._at(labels).values[0] += by

    def _new(self, labels: dict[str, str]) -> _Cells:
        return _Cells((self._series(labels, Kind.COUNTER),), [0])


class Gauge(_Instrument):
    """Goes up and down."""

    __slots__ = ()

    def set(self, value: float, *labels: str) -> None:
        """Replace the value of the series with these label values."""
        with self._lock:
            self._at(labels).values[0] = value

    def add(self, by: float, *labels: str) -> None:
        """Add ``by``, which may be negative."""
        with self._lock:
            self._at(labels).values[0] += by

    def _new(self, labels: dict[str, str]) -> _Cells:
        return _Cells((self._series(labels, Kind.GAUGE),), [0])


class Histogram(_Instrument):
    """Counts durations by :data:`SECONDS_BOUNDS`; its points have cumulative buckets."""

    __slots__ = ()

    def observe(self, value: float, *labels: str) -> None:
        """Add one measurement, in seconds."""
        with self._lock:
            values = self._at(labels).values
            values[0] += 1
            values[1] += value
            values[2 + bisect_left(SECONDS_BOUNDS, value)] += 1

    def _new(self, labels: dict[str, str]) -> _Cells:
        bounds = [*map(repr, SECONDS_BOUNDS), "+Inf"]
        buckets = [self._series({**labels, "le": bound}, Kind.HISTOGRAM, "bucket") for bound in bounds]
        ends = [self._series(labels, Kind.HISTOGRAM, name) for name in ("count", "sum")]
        return _Cells((*ends, *buckets), [0.0] * (2 + len(bounds)))

    def _read(self, cells: _Cells) -> Iterable[Point]:
        count, total, *buckets = cells.values
        return zip(cells.series, [count, total, *accumulate(buckets)], strict=True)


Made = TypeVar("Made", bound=_Instrument)


class Registry:
    """All instruments of one hub, in the order they were made."""

    def __init__(self) -> None:
        self._instruments: list[_Instrument] = []
        self._readings: list[Callable[[], None]] = []

    def counter(self, name: str, description: str, labels: Sequence[str] = (), unit: str = "") -> Counter:
        """Return a new counter."""
        return self._add(Counter(name, description, tuple(labels), unit))

    def gauge(self, name: str, description: str, labels: Sequence[str] = (), unit: str = "") -> Gauge:
        """Return a new gauge."""
        return self._add(Gauge(name, description, tuple(labels), unit))

    def histogram(self, name: str, description: str, labels: Sequence[str] = (), unit: str = "s") -> Histogram:
        """Return a new histogram."""
        return self._add(Histogram(name, description, tuple(labels), unit))

    def before_reading(self, reading: Callable[[], None]) -> None:
        """Have ``reading`` called before each collection; it sets gauges from what is measured only on demand."""
        self._readings.append(reading)

    def collect(self) -> list[Point]:
        """Return every series with its value now."""
        for reading in self._readings:
            reading()
        return [point for instrument in self._instruments for point in instrument.points()]

    def totals(self) -> dict[str, float]:
        """Return each counter's sum over its labels, by name."""
        counters = (instrument for instrument in self._instruments if isinstance(instrument, Counter))
        return {counter.name: counter.total() for counter in counters}

    def _add(self, instrument: Made) -> Made:
        self._instruments.append(instrument)
        return instrument
