"""The present state of series as families of OpenMetrics and of the Prometheus text format."""

from collections.abc import Iterable, Iterator
from math import inf, isnan
from typing import NamedTuple

from firstlight.codecs import prometheus_text
from firstlight.codecs.openmetrics import EXEMPLAR_MOST_CHARS, Exemplar, Family, Sample
from firstlight.codecs.prometheus_names import family_names, label_name, legal_labels
from firstlight.codecs.prometheus_text import Labels
from firstlight.model import Exemplar as Seen
from firstlight.model import Kind, Series

NO_HELP = "No description was given."
_EDGES = {"bucket": "le", "quantile": "quantile"}
# A label of its own that is called like the one that the format adds.
_TAKEN = {"histogram": {"le": "exported_le"}, "summary": {"quantile": "exported_quantile"}}
_EXTREMES = ("min", "max")
_ORDER = {"bucket": 0, "quantile": 0, "value": 0, "count": 1, "sum": 2}
_SUFFIXES = {"bucket": "_bucket", "count": "_count", "sum": "_sum", "quantile": ""}
VALUE_SUFFIXES = {"counter": "_total", "info": "_info"}
_UNITS = {"s": "seconds", "ms": "milliseconds", "By": "bytes", "1": "ratio", "%": "percent", "Cel": "celsius"}
_TEXT_TYPES = {"info": "gauge", "stateset": "gauge", "unknown": "untyped"}
_NS_PER_S = 1_000_000_000
_FIELDS = {"histogram": ("bucket", "count", "sum"), "summary": ("quantile", "count", "sum")}
_ALLOWED = {"info": (1.0,), "stateset": (0.0, 1.0)}
_ONLY_COUNTS = frozenset({"counter", "histogram"})


class Reading(NamedTuple):
    """The latest of one series.

    ``created_ns`` is when it began to count, None when unknown or meaningless.
    """

    series: Series
    value: float
    created_ns: int | None = None
    exemplar: Seen | None = None


class Line(NamedTuple):
    """A reading on its way: what it is of, and how it stands to the others of its set of labels."""

    labels: Labels
    rank: int
    edge: float
    field: str
    reading: Reading


def families(readings: Iterable[Reading], sender: bool = False) -> list[Family]:
    """Return one family a metric, sorted by name; of readings with the same name and labels the last one counts.

    A histogram whose parts do not add up to one is left out, as are counts below zero and NaN counts.

    Args:
        readings: each series once.
        sender: whether to add ``job`` (the service) and ``instance`` (the session) as labels.
    """
    kept = list(readings)
    metrics = [metric_of(reading.series) for reading in kept]
    names = family_names(metrics)
    found: dict[str, dict[tuple[Labels, str, float], Line]] = {}
    types: dict[str, tuple[str, Series]] = {}
    for reading, metric in zip(kept, metrics, strict=True):
        name = names[metric]
        types.setdefault(name, (metric[1], reading.series))
        line = line_of(reading, name, metric[1], sender)
        if line is not None:
            found.setdefault(name, {})[line.labels, line.field, line.edge] = line
    made = (_family(name, *types[name], list(lines.values())) for name, lines in sorted(found.items()))
    return [family for family in made if family.samples]


def text_families(openmetrics: Iterable[Family]) -> Iterator[prometheus_text.Family]:
    """Return the same for the text format 0.0.4, which knows fewer types, no units, no exemplars and no creation."""
    for family in openmetrics:
        own = VALUE_SUFFIXES.get(family.type, "")
        samples = tuple(
            prometheus_text.Sample(
                sample.value, sample.labels, sample.suffix.removeprefix(own) if own else sample.suffix
            )
            for sample in family.samples
            if sample.suffix != "_created"
        )
        type_name = _TEXT_TYPES.get(family.type, family.type)
        yield prometheus_text.Family(family.name + own, samples, type_name, family.help)


def metric_of(series: Series) -> tuple[str, str]:
    """Return the name and type; the extremes of a histogram are gauges beside it."""
    if series.field in _EXTREMES:
        return f"{series.name}_{series.field}", Kind.GAUGE.value
    return series.name, series.kind.value


def line_of(reading: Reading, name: str, type_name: str, sender: bool) -> Line | None:
    """Return a reading on its way into family ``name``; None when the formats forbid it."""
    series, field = reading.series, reading.series.field
    if not is_legal(reading.value, field, type_name):
        return None
    if field not in _FIELDS.get(type_name, ("value", *_EXTREMES)):
        return None
    special = _EDGES.get(field, "")
    pairs = dict(series.labels)
    edge = _number(pairs.pop(special, "")) if special else 0.0
    if edge is None:
        return None
    if sender:
        pairs.update(job=series.service, instance=series.session_id)
    labels = legal_labels((key, value) for key, value in pairs.items() if value)
    own = {label_name(series.name): name} if type_name == Kind.STATESET else _TAKEN.get(type_name, {})
    labels = tuple((own.get(key, key), value) for key, value in labels)
    if type_name == Kind.STATESET and name not in dict(labels):
        return None
    return Line(labels, _ORDER.get(field, 0), edge, field, reading)


def is_legal(value: float, field: str, type_name: str) -> bool:
    """Return whether a family of this type may have such a value."""
    if isnan(value) and type_name not in {"gauge", "unknown", "summary"}:
        return False
    return type_name not in _ONLY_COUNTS or field == "sum" or value >= 0


def _family(name: str, type_name: str, first: Series, lines: list[Line]) -> Family:
    lines.sort(key=lambda line: line[:3])
    samples: list[Sample] = []
    groups: dict[Labels, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.labels, []).append(line)
    for labels, group in groups.items():
        samples += samples_of(labels, group, type_name)
    return family_of(name, type_name, first, samples)


def family_of(name: str, type_name: str, first: Series, samples: Iterable[Sample] = ()) -> Family:
    """Return family ``name`` with the description and unit of its first series."""
    unit = _UNITS.get(first.unit, first.unit)
    has_unit = unit.isidentifier() and name.endswith(f"_{unit}") and type_name not in {"info", "stateset"}
    return Family(name, type_name, tuple(samples), first.description or NO_HELP, unit if has_unit else "")


def samples_of(labels: Labels, group: list[Line], type_name: str) -> Iterator[Sample]:
    """Yield the samples of one point: lines of one set of labels, in their order."""
    if type_name == Kind.HISTOGRAM:
        return _histogram(labels, group)
    if type_name == Kind.SUMMARY:
        return _summary(labels, group)
    return _single(labels, group[0], type_name)


def _single(labels: Labels, line: Line, type_name: str) -> Iterator[Sample]:
    reading = line.reading
    if reading.value not in _ALLOWED.get(type_name, (reading.value,)):
        return
    exemplar = _exemplar(reading.exemplar) if type_name == "counter" else None
    yield Sample(reading.value, labels, VALUE_SUFFIXES.get(type_name, ""), exemplar)
    if type_name == "counter":
        yield from _created(labels, reading)


def _histogram(labels: Labels, group: list[Line]) -> Iterator[Sample]:
    parts = {line.field: line.reading for line in group if line.field != "bucket"}
    buckets = [line for line in group if line.field == "bucket"]
    if not buckets or buckets[-1].edge != inf:
        count = parts.get("count")
        if count is None:
            return
        buckets.append(Line(labels, 0, inf, "bucket", count._replace(exemplar=None)))
    values = [line.reading.value for line in buckets]
    if values != sorted(values) or not all(map(float.is_integer, values)):
        return
    for line in buckets:
        edge = (*labels, ("le", _edge_text(line.edge)))
        yield Sample(line.reading.value, edge, "_bucket", _exemplar(line.reading.exemplar))
    # A sum that can fall is no counter, so the specification has none where there are buckets below zero.
    total = parts.get("sum")
    if total is not None and total.value >= 0 and buckets[0].edge >= 0:
        yield Sample(values[-1], labels, "_count")
        yield Sample(total.value, labels, "_sum")
    yield from _created(labels, buckets[-1].reading)


def _summary(labels: Labels, group: list[Line]) -> Iterator[Sample]:
    for line in group:
        value = line.reading.value
        if line.field == "quantile" and 0 <= line.edge <= 1 and not value < 0:
            yield Sample(value, (*labels, ("quantile", _edge_text(line.edge))))
        elif (line.field == "sum" and value >= 0) or (line.field == "count" and value >= 0 and value.is_integer()):
            yield Sample(value, labels, _SUFFIXES[line.field])
    yield from _created(labels, group[-1].reading)


def _created(labels: Labels, reading: Reading) -> Iterator[Sample]:
    if reading.created_ns is not None:
        yield Sample(reading.created_ns / _NS_PER_S, labels, "_created")


def _exemplar(seen: Seen | None) -> Exemplar | None:
    if seen is None:
        return None
    trace = tuple((name, value) for name, value in (("trace_id", seen.trace_id), ("span_id", seen.span_id)) if value)
    for labels in (legal_labels((*trace, *seen.labels)), trace, ()):
        if sum(len(name) + len(value) for name, value in labels) <= EXEMPLAR_MOST_CHARS:
            return Exemplar(seen.value, labels, seen.time_ns)
    return None


def _edge_text(edge: float) -> str:
    return "+Inf" if edge == inf else repr(edge)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if isnan(number) else number
