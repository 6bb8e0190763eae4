"""What OpenMetrics 1.0 asks of the samples of each type, *Metric Types*."""

from itertools import groupby, pairwise
from math import inf, isnan

from firstlight.codecs.openmetrics import Family, Sample
from firstlight.codecs.prometheus_text import Labels

_COUNTS = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_count", "_sum"),
    "gaugehistogram": ("_bucket", "_gcount"),
    "summary": ("", "_count", "_sum"),
}
"""Samples that are never below zero."""

_WHOLE = {"histogram": ("_bucket", "_count"), "gaugehistogram": ("_bucket", "_gcount"), "summary": ("_count",)}
_NEVER_NAN = {**_COUNTS, "gaugehistogram": ("_bucket", "_gcount", "_gsum"), "summary": ("_count", "_sum")}
_EXEMPLARS = {"counter": "_total", "histogram": "_bucket", "gaugehistogram": "_bucket"}
_ALLOWED = {"info": (1.0,), "stateset": (0.0, 1.0)}
_TOTALS = {"histogram": ("_count", "_sum"), "gaugehistogram": ("_gcount", "_gsum")}


def check_sample(name: str, type_name: str, sample: Sample) -> None:
    """Check one sample of family ``name``.

    Raises:
        ValueError: it breaks a rule of its type.
    """
    value, suffix = sample.value, sample.suffix
    if value < 0 and suffix in _COUNTS.get(type_name, ()):
        raise ValueError(f"{name}{suffix} counts and cannot be {value}")
    if isnan(value) and suffix in _NEVER_NAN.get(type_name, ()):
        raise ValueError(f"{name}{suffix} counts and cannot be NaN")
    if suffix in _WHOLE.get(type_name, ()) and not value.is_integer():
        raise ValueError(f"{name}{suffix} is a whole number, not {value}")
    if value not in _ALLOWED.get(type_name, (value,)) and not (isnan(value) and type_name not in _ALLOWED):
        raise ValueError(f"a {type_name} such as {name} cannot be {value}")
    if sample.exemplar is not None and _EXEMPLARS.get(type_name) != suffix:
        raise ValueError(f"{name}{suffix} cannot have an exemplar")
    special = _special(name, type_name, suffix)
    if special:
        _check_special(special, dict(sample.labels).get(special))


def check_family(family: Family) -> None:
    """Check what the samples of ``family`` are to each other.

    Raises:
        ValueError: they break a rule of its type.
    """
    if family.unit:
        if not family.name.endswith(f"_{family.unit}"):
            raise ValueError(f"{family.name!r} must end with its unit, _{family.unit}")
        if family.type in _ALLOWED:
            raise ValueError(f"a {family.type} such as {family.name!r} has no unit")
    seen: set[frozenset[tuple[str, str]]] = set()
    for labels, group in groupby(family.samples, lambda sample: _point(family, sample)):
        if labels in seen:
            raise ValueError(f"samples of {family.name!r} with the same labels must stand together")
        seen.add(labels)
        _check_group(family, list(group))


def _check_group(family: Family, samples: list[Sample]) -> None:
    times: dict[tuple[str, Labels], int | None] = {}
    for sample in samples:
        key = (sample.suffix, sample.labels)
        if key in times and not _follows(times[key], sample.time_ns):
            raise ValueError(f"a sample of {family.name!r} comes twice, or its times go back")
        times[key] = sample.time_ns
    if family.type in _TOTALS:
        for _, point in groupby(samples, lambda sample: sample.time_ns):
            _check_histogram(family, list(point))


def _follows(before_ns: int | None, time_ns: int | None) -> bool:
    return before_ns is not None and time_ns is not None and before_ns <= time_ns


def _check_histogram(family: Family, samples: list[Sample]) -> None:
    suffixes = [sample.suffix for sample in samples]
    buckets = [(float(dict(s.labels)["le"]), s.value) for s in samples if s.suffix == "_bucket"]
    if not buckets or buckets[-1][0] != inf or suffixes[: len(buckets)] != ["_bucket"] * len(buckets):
        raise ValueError(f"{family.name!r} must begin with its buckets, the last of them up to +Inf")
    if any(low >= high or count > more for (low, count), (high, more) in pairwise(buckets)):
        raise ValueError(f"the bounds and counts of the buckets of {family.name!r} must rise")
    totals = {sample.suffix: sample.value for sample in samples if sample.suffix in _TOTALS[family.type]}
    if len(totals) == 1:
        raise ValueError(f"{family.name!r} needs both of {' and '.join(_TOTALS[family.type])} or none")
    if totals:
        count, total = (totals[suffix] for suffix in _TOTALS[family.type])
        below_zero = buckets[0][0] < 0
        if count != buckets[-1][1]:
            raise ValueError(f"the count of {family.name!r} must be that of its last bucket")
        if (total < 0 and not below_zero) or (below_zero and family.type == "histogram"):
            raise ValueError(f"the sum of {family.name!r} does not fit its buckets")


def _point(family: Family, sample: Sample) -> frozenset[tuple[str, str]]:
    """Return the labels without the one that tells the parts of one point apart."""
    special = _special(family.name, family.type, sample.suffix)
    return frozenset(pair for pair in sample.labels if pair[0] != special)


def _special(name: str, type_name: str, suffix: str) -> str:
    if suffix == "_bucket" and type_name in _TOTALS:
        return "le"
    if suffix == "" and type_name == "summary":
        return "quantile"
    return name if type_name == "stateset" else ""


def _check_special(special: str, text: str | None) -> None:
    if text is None:
        raise ValueError(f"label {special!r} is missing")
    if special == "quantile" and not 0 <= float(text) <= 1:
        raise ValueError(f"a quantile lies between 0 and 1, not at {text}")
    if special == "le" and text != "+Inf" and not abs(float(text)) < inf:
        raise ValueError(f"{text!r} is no bound of a bucket")
