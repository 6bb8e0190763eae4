"""The hub's own figures as Prometheus text."""

from collections.abc import Iterable

from firstlight.app.instruments import Point
from firstlight.codecs import prometheus_text
from firstlight.codecs.prometheus_text import Family, Sample
from firstlight.model import Kind, Series

_TYPES = {Kind.COUNTER: "counter", Kind.GAUGE: "gauge", Kind.HISTOGRAM: "histogram"}
_SUFFIXES = {"bucket": "_bucket", "sum": "_sum", "count": "_count"}


def exposition(points: Iterable[Point]) -> bytes:
    """Return ``points`` in the text format 0.0.4, one family for each name."""
    samples: dict[str, list[Sample]] = {}
    first: dict[str, Series] = {}
    for series, value in points:
        first.setdefault(series.name, series)
        sample = Sample(value, series.labels, _SUFFIXES.get(series.field, ""))
        samples.setdefault(series.name, []).append(sample)
    return prometheus_text.encode(
        Family(name, tuple(samples[name]), _TYPES.get(series.kind, "untyped"), series.description)
        for name, series in first.items()
    )
