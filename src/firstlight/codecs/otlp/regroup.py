"""Columns of samples back to the points of OTLP's metrics: the opposite of :mod:`firstlight.codecs.otlp.points`."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from math import inf

import msgspec
from msgspec.structs import replace

from firstlight.codecs.exponential import custom_counts
from firstlight.codecs.otlp.series_cache import Labels, Stream
from firstlight.codecs.otlp.values import is_stale
from firstlight.model import CUSTOM_SCALE, Batch, Exemplar, ExponentialPoint, Kind, Series

_COUNT_MAX = float(2**53)
_VALUE_FIELDS = ("min", "max", "quantile")


class Number(msgspec.Struct, gc=False):
    """A point of a sum or a gauge."""

    labels: Labels
    time_ns: int
    value: float
    exemplars: list[Exemplar] = []


class Distribution(msgspec.Struct, gc=False):
    """A point of a histogram; ``counts`` are per bucket, one more than ``bounds`` or none at all."""

    labels: Labels
    time_ns: int
    count: float
    sum: float | None
    bounds: list[float]
    counts: list[int]
    min: float | None
    max: float | None
    exemplars: list[Exemplar] = []


class Summarised(msgspec.Struct, gc=False):
    """A point of a summary."""

    labels: Labels
    time_ns: int
    count: float
    sum: float
    quantiles: list[tuple[float, float]]


class Exponential(msgspec.Struct, gc=False):
    """A point of an exponential histogram."""

    labels: Labels
    point: ExponentialPoint
    exemplars: list[Exemplar] = []


Point = Number | Distribution | Summarised | Exponential
Metrics = dict[tuple[Stream, type[Point]], list[Point]]


def regroup(batch: Batch) -> Metrics:
    """Return the points of ``batch`` by metric and kind of point, in the order of their first sample.

    The series of one histogram or summary at one time become one point.  What does not add up to one (a bucket is
    missing, a count is no whole number) is kept as plain numbers of a metric called ``<name>_<field>``.
    Exemplars come with the first point of their line.
    """
    behind = _by_line(batch)
    metrics: Metrics = {}
    families: dict[tuple[Stream, Labels, int], dict[tuple[str, str], float]] = {}
    adders: dict[int, Callable[[int, float], None]] = {}
    samples = batch.samples
    for series_id, time_ns, value in zip(samples.series_ids, samples.times_ns, samples.values, strict=True):
        add = adders.get(series_id)
        if add is None:
            add = adders[series_id] = _adder(batch.series[series_id], metrics, families)
        add(time_ns, value)
    for (stream, labels, time_ns), parts in families.items():
        for own_stream, point in _family(stream, labels, time_ns, parts):
            if behind and isinstance(point, Distribution):
                point.exemplars = behind.pop((own_stream, labels), [])
            metrics.setdefault((own_stream, type(point)), []).append(point)
    for exponential in batch.exponential:
        series = batch.series[exponential.series_id]
        stream = _stream(series)
        point = _of_point(series.labels, exponential, behind.pop((stream, series.labels), []))
        metrics.setdefault((stream, type(point)), []).append(point)
    for (stream, _), points in metrics.items() if behind else ():
        for point in points:
            if isinstance(point, Number):
                point.exemplars = behind.pop((stream, point.labels), [])
    return metrics


def _of_point(labels: Labels, point: ExponentialPoint, exemplars: list[Exemplar]) -> Distribution | Exponential:
    """Custom buckets are a histogram's, and OTLP has whole counts only."""
    if point.scale == CUSTOM_SCALE:
        counts = list(map(round, custom_counts(point)))
        bounds, count = list(point.bounds), float(sum(counts))
        return Distribution(labels, point.time_ns, count, point.sum, bounds, counts, point.min, point.max, exemplars)
    if point.is_fractional():
        point = replace(
            point,
            count=round(point.count),
            zero_count=round(point.zero_count),
            positive=list(map(round, point.positive)),
            negative=list(map(round, point.negative)),
        )
    return Exponential(labels, point, exemplars)


def _by_line(batch: Batch) -> dict[tuple[Stream, Labels], list[Exemplar]]:
    """Return the exemplars by the stream and labels of the point that they belong to."""
    found: dict[tuple[Stream, Labels], list[Exemplar]] = {}
    for exemplar in batch.exemplars:
        series = batch.series.get(exemplar.series_id)
        if series is None:
            continue
        edge = "le" if series.field == "bucket" else ""
        labels = tuple(pair for pair in series.labels if pair[0] != edge)
        found.setdefault((_stream(series), labels), []).append(exemplar)
    return found


def _stream(series: Series) -> Stream:
    return Stream(
        series.service, series.session_id, series.scope, series.name, series.kind, series.unit, series.description
    )


def _adder(
    series: Series, metrics: Metrics, families: dict[tuple[Stream, Labels, int], dict[tuple[str, str], float]]
) -> Callable[[int, float], None]:
    stream, labels, field = _stream(series), series.labels, series.field
    if field == "value":
        append = metrics.setdefault((stream, Number), []).append
        return lambda time_ns, value: append(Number(labels, time_ns, value))
    special = {"bucket": "le", "quantile": "quantile"}.get(field, "")
    edge = dict(labels).get(special, "")
    rest = tuple(pair for pair in labels if pair[0] != special)

    def add(time_ns: int, value: float) -> None:
        families.setdefault((stream, rest, time_ns), {})[field, edge] = value

    return add


def _family(
    stream: Stream, labels: Labels, time_ns: int, parts: dict[tuple[str, str], float]
) -> Iterable[tuple[Stream, Point]]:
    point = (_summary if stream.kind == Kind.SUMMARY else _distribution)(labels, time_ns, parts)
    if point is not None:
        return [(stream, point)]
    return [_loose(stream, labels, time_ns, field, edge, value) for (field, edge), value in parts.items()]


def _distribution(labels: Labels, time_ns: int, parts: dict[tuple[str, str], float]) -> Point | None:
    edges = sorted((float(edge), value) for (field, edge), value in parts.items() if field == "bucket" and _reads(edge))
    count = parts.get(("count", ""))
    buckets = sum(field == "bucket" for field, _ in parts)
    if count is None or len(edges) != buckets or ("quantile" in {field for field, _ in parts}):
        return None
    optional = [parts.get((field, "")) for field in ("sum", "min", "max")]
    if is_stale(count) and all(is_stale(value) for value in parts.values()):
        bounds = [bound for bound, _ in edges if bound < inf]
        return Distribution(labels, time_ns, count, optional[0], bounds, [], None, None)
    counts = _per_bucket(edges, count)
    if counts is None:
        return None
    bounds = [bound for bound, _ in edges[:-1]]
    return Distribution(labels, time_ns, count, optional[0], bounds, counts, optional[1], optional[2])


def _reads(edge: str) -> bool:
    try:
        return float(edge) > -inf
    except ValueError:
        return False


def _per_bucket(edges: list[tuple[float, float]], count: float) -> list[int] | None:
    totals = [0.0, *(value for _, value in edges)]
    whole = all(0 <= value <= _COUNT_MAX and value.is_integer() for value in (count, *totals))
    if not whole or not edges or edges[-1] != (inf, count) or any(low > high for low, high in pairwise(totals)):
        return None
    return [int(high - low) for low, high in pairwise(totals)]


def _summary(labels: Labels, time_ns: int, parts: dict[tuple[str, str], float]) -> Point | None:
    count, total = parts.get(("count", "")), parts.get(("sum", ""))
    quantiles = [(float(edge), value) for (field, edge), value in parts.items() if field == "quantile" and _reads(edge)]
    if count is None or total is None or len(quantiles) + 2 != len(parts):
        return None
    stale = [is_stale(value) for value in parts.values()]
    if any(stale) != all(stale) or not (is_stale(count) or (0 <= count <= _COUNT_MAX and count.is_integer())):
        return None
    return Summarised(labels, time_ns, count, total, quantiles)


def _loose(stream: Stream, labels: Labels, time_ns: int, field: str, edge: str, value: float) -> tuple[Stream, Point]:
    special = {"bucket": "le", "quantile": "quantile"}.get(field, "")
    own_labels = tuple(sorted([*labels, (special, edge)])) if edge else labels
    kind = Kind.GAUGE if field in _VALUE_FIELDS else Kind.COUNTER
    return stream._replace(name=f"{stream.name}_{field}", kind=kind), Number(own_labels, time_ns, value)
