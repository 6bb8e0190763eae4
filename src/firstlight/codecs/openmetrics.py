"""OpenMetrics 1.0 text, written.  :mod:`firstlight.codecs.openmetrics_read` reads it.

https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

import re
from collections.abc import Iterable

from msgspec import Struct

from firstlight.codecs.prometheus_text import LABEL_NAME, METRIC_NAME, Labels, format_value
from firstlight.errors import UsageError

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
END = "# EOF\n"
"""The last line of an exposition."""

EXEMPLAR_MOST_CHARS = 128
"""Characters of all names and values of an exemplar's labels together."""

SUFFIXES: dict[str, tuple[str, ...]] = {
    "counter": ("_total", "_created"),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "gaugehistogram": ("_bucket", "_gcount", "_gsum"),
    "summary": ("", "_count", "_sum", "_created"),
    "info": ("_info",),
    "stateset": ("",),
    "unknown": ("",),
}
"""What a sample of each type may have after its family's name."""

_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})
_NS_PER_S = 1_000_000_000


class Exemplar(Struct, frozen=True):
    """One of the values behind a counter or a bucket.

    Attributes:
        value: the single value.
        labels: where it comes from; at most 128 characters in all.
        time_ns: nanoseconds since the epoch; None when unknown.
    """

    value: float
    labels: Labels = ()
    time_ns: int | None = None


class Sample(Struct, frozen=True):
    """One line.

    Attributes:
        value: any double that the type allows.
        labels: in the order they are written.
        suffix: what comes after the family's name; see :data:`SUFFIXES`.
        exemplar: only on a counter's total and on buckets.
        time_ns: nanoseconds since the epoch; None leaves it to the reader.
    """

    value: float
    labels: Labels = ()
    suffix: str = ""
    exemplar: Exemplar | None = None
    time_ns: int | None = None


class Family(Struct, frozen=True):
    """All samples of one metric.

    Attributes:
        name: without the suffix of its samples.
        type: a key of :data:`SUFFIXES`.
        samples: those of one set of labels stand together.
        help: one sentence.
        unit: must be the last word of the name when it is given.
    """

    name: str
    type: str
    samples: tuple[Sample, ...]
    help: str = ""
    unit: str = ""


def encode(families: Iterable[Family]) -> bytes:
    """Return one exposition.

    Raises:
        UsageError: a name, a type, a unit, a suffix or an exemplar is not legal, or a family comes twice.
    """
    seen: set[str] = set()
    lines: list[str] = []
    for family in families:
        if family.name in seen:
            raise UsageError(f"metric {family.name!r} is given twice; put all its samples into one family")
        seen.add(family.name)
        lines.append(head_lines(family))
        lines += [sample_line(family, sample) for sample in family.samples]
    lines.append(END)
    return "".join(lines).encode()


def seconds(time_ns: int) -> str:
    """Return nanoseconds as seconds with as many digits as it takes."""
    sign, whole = ("-", -time_ns) if time_ns < 0 else ("", time_ns)
    return f"{sign}{whole // _NS_PER_S}.{whole % _NS_PER_S:09d}".rstrip("0").removesuffix(".")


def head_lines(family: Family) -> str:
    """Return the metadata of a family, which stands before its samples.

    Raises:
        UsageError: its name, type or unit is not legal.
    """
    _check(METRIC_NAME, "metric", family.name)
    if family.type not in SUFFIXES:
        raise UsageError(f"no metric type {family.type!r}; use one of {', '.join(sorted(SUFFIXES))}")
    lines = f"# TYPE {family.name} {family.type}\n"
    if family.unit:
        if not family.name.endswith(f"_{family.unit}"):
            raise UsageError(f"the name {family.name!r} must end with its unit, _{family.unit}")
        lines += f"# UNIT {family.name} {family.unit}\n"
    if family.help:
        lines += f"# HELP {family.name} {family.help.translate(_ESCAPES)}\n"
    return lines


def sample_line(family: Family, sample: Sample) -> str:
    """Return one sample of ``family`` as a line.

    Raises:
        UsageError: its suffix, a label or its exemplar is not legal.
    """
    if sample.suffix not in SUFFIXES[family.type]:
        raise UsageError(f"a {family.type} such as {family.name!r} has no sample {sample.suffix!r}")
    when = "" if sample.time_ns is None else f" {seconds(sample.time_ns)}"
    behind = "" if sample.exemplar is None else _exemplar(family, sample, sample.exemplar)
    return f"{family.name}{sample.suffix}{_label_set(sample.labels)} {format_value(sample.value)}{when}{behind}\n"


def _exemplar(family: Family, sample: Sample, exemplar: Exemplar) -> str:
    if sample.suffix not in {"_total", "_bucket"}:
        raise UsageError(f"sample {sample.suffix!r} of {family.name!r} cannot have an exemplar")
    if sum(len(name) + len(value) for name, value in exemplar.labels) > EXEMPLAR_MOST_CHARS:
        raise UsageError(f"an exemplar of {family.name!r} has labels of more than {EXEMPLAR_MOST_CHARS} characters")
    when = "" if exemplar.time_ns is None else f" {seconds(exemplar.time_ns)}"
    return f" # {_label_set(exemplar.labels) or '{}'} {format_value(exemplar.value)}{when}"


def _label_set(labels: Labels) -> str:
    if not labels:
        return ""
    for name, _ in labels:
        _check(LABEL_NAME, "label", name)
    return "{" + ",".join([f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels]) + "}"


def _check(pattern: re.Pattern[str], what: str, name: str) -> None:
    if not pattern.fullmatch(name):
        raise UsageError(f"{name!r} is not a legal {what} name in OpenMetrics; it must match {pattern.pattern}")
