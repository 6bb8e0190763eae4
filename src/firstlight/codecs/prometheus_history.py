"""Series over time as OpenMetrics or Prometheus text: each sample with its time, point after point.

This is what ``promtool tsdb create-blocks-from openmetrics`` reads, and VictoriaMetrics' import of Prometheus text.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from firstlight.codecs import openmetrics, prometheus_text
from firstlight.codecs.openmetrics import Family, Sample
from firstlight.codecs.prometheus_families import (
    VALUE_SUFFIXES,
    Line,
    Reading,
    is_legal,
    line_of,
    metric_of,
    samples_of,
    text_families,
)
from firstlight.model import Series

_NS_PER_MS = 1_000_000
_PROBE = 1.0
"""A value that every type allows."""


class Run(NamedTuple):
    """One series over time; times ascend."""

    series: Series
    times_ns: Sequence[int]
    values: Sequence[float]


def place_of(series: Series, name: str) -> Line | None:
    """Return where ``series`` stands in family ``name``; None when the formats have no place for it.

    Series that are parts of the same points have the same ``labels``.
    """
    return line_of(Reading(series, _PROBE), name, metric_of(series)[1], sender=True)


def group_samples(name: str, runs: Iterable[Run]) -> Iterator[Sample]:
    """Yield the samples of one group of series, point after point; what the formats forbid is left out.

    Args:
        name: of the family.
        runs: series whose places in it have the same labels.
    """
    placed = [(place, run) for run in runs if (place := place_of(run.series, name)) is not None]
    if not placed:
        return
    placed.sort(key=lambda pair: pair[0][:3])
    labels, type_name = placed[0][0].labels, metric_of(placed[0][1].series)[1]
    points: dict[int, list[Line]] = {}
    for place, run in placed:
        for time_ns, value in zip(run.times_ns, run.values, strict=True):
            if is_legal(value, place.field, type_name):
                points.setdefault(time_ns, []).append(place._replace(reading=Reading(run.series, value)))
    for time_ns in sorted(points):
        for found in samples_of(labels, points[time_ns], type_name):
            yield Sample(found.value, found.labels, found.suffix, time_ns=time_ns)


class Text:
    """Writes samples of one family after the other in the text format 0.0.4; times are cut to milliseconds."""

    end = b""

    def head(self, family: Family) -> bytes:
        """Return what stands before the samples of ``family``."""
        (self._family,) = text_families([family])
        self._own = VALUE_SUFFIXES.get(family.type, "")
        return prometheus_text.head_lines(self._family).encode()

    def line(self, sample: Sample) -> bytes:
        """Return one sample."""
        time_ms = None if sample.time_ns is None else sample.time_ns // _NS_PER_MS
        suffix = sample.suffix.removeprefix(self._own) if self._own else sample.suffix
        found = prometheus_text.Sample(sample.value, sample.labels, suffix, time_ms)
        return prometheus_text.sample_line(self._family, found).encode()


class OpenMetrics:
    """Writes samples of one family after the other in OpenMetrics."""

    end = openmetrics.END.encode()

    def head(self, family: Family) -> bytes:
        """Return what stands before the samples of ``family``."""
        self._family = family
        return openmetrics.head_lines(family).encode()

    def line(self, sample: Sample) -> bytes:
        """Return one sample."""
        return openmetrics.sample_line(self._family, sample).encode()
