"""The Prometheus text format 0.0.4, both ways.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

from firstlight.errors import DecodeError, UsageError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_TYPES = frozenset({"counter", "gauge", "histogram", "summary", "untyped"})
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}
_EDGES = {("histogram", "_bucket"): "le", ("summary", ""): "quantile"}
METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_:]")
_SPECIAL_VALUES = {float("inf"): "+Inf", float("-inf"): "-Inf"}
_LABEL_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})
_HELP_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n"})
_UNESCAPES = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}
_ESCAPED = re.compile(r'\\[\\n"]')
_OPENING = re.compile(r"\{[ \t]*")
_LABEL = re.compile(
    r'(?!__name__\b)([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\[\\n"])*+)"[ \t]*(?:,[ \t]*|(?=\}))'
)
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan)", re.IGNORECASE)

Labels = tuple[tuple[str, str], ...]


class Sample(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line.

    Attributes:
        value: any double.
        labels: in the order they are written.
        suffix: what comes after the family's name: ``_bucket``, ``_sum``, ``_count`` or nothing.
        time_ms: milliseconds since the epoch; None leaves it to the reader.
    """

    value: float
    labels: Labels = ()
    suffix: str = ""
    time_ms: int | None = None


class Family(msgspec.Struct, frozen=True):
    """All samples of one metric.

    Attributes:
        name: legal in Prometheus; see :func:`legal_name`.
        samples: those that belong together stand together.
        type: ``counter``, ``gauge``, ``histogram``, ``summary`` or ``untyped``.
        help: one sentence; no line is written when it is empty.
    """

    name: str
    samples: tuple[Sample, ...]
    type: str = "untyped"
    help: str = ""


def legal_name(name: str) -> str:
    """Return ``name`` with every character that a metric may not have turned into an underscore."""
    legal = _ILLEGAL.sub("_", name)
    return f"_{legal}" if not legal or legal[0].isdigit() else legal


def encode(families: Iterable[Family]) -> bytes:
    """Return one exposition.

    Raises:
        UsageError: a name, a type or a suffix is not legal, or a family comes twice.
    """
    return b"".join(encode_parts(families))


def encode_parts(families: Iterable[Family]) -> Iterator[bytes]:
    """Yield the exposition family by family, so that a large one need not be held in memory.

    Raises:
        UsageError: see :func:`encode`.
    """
    seen: set[str] = set()
    for family in families:
        if family.name in seen:
            raise UsageError(f"metric {family.name!r} is given twice; put all its samples into one family")
        seen.add(family.name)
        yield "".join([head_lines(family), *(sample_line(family, sample) for sample in family.samples)]).encode()


def format_value(value: float) -> str:
    """Return the shortest text that reads back as the same double."""
    if value - value != 0.0:  # not finite
        return _SPECIAL_VALUES.get(value, "NaN")
    return repr(value).removesuffix(".0")


def decode(data: bytes) -> list[Family]:
    """Return the families of one exposition, in order of first mention.

    Raises:
        DecodeError: with the number of the line that is wrong.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"Prometheus text must be UTF-8: {error}") from error
    if text and not text.endswith("\n"):
        raise DecodeError("Prometheus text must end with a line feed; is there more of it?")
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip(" \t\r")
        if stripped:
            try:
                reader.take(stripped)
            except ValueError as error:
                raise DecodeError(f"Prometheus text, line {number}: {error}") from error
    return reader.families()


def head_lines(family: Family) -> str:
    """Return the metadata of a family, which stands before its samples.

    Raises:
        UsageError: its name or type is not legal.
    """
    _check(METRIC_NAME, "metric", family.name)
    if family.type not in _TYPES:
        raise UsageError(f"no metric type {family.type!r}; use one of {', '.join(sorted(_TYPES))}")
    about = f"# HELP {family.name} {family.help.translate(_HELP_ESCAPES)}\n" if family.help else ""
    return f"{about}# TYPE {family.name} {family.type}\n"


def sample_line(family: Family, sample: Sample) -> str:
    """Return one sample of ``family`` as a line.

    Raises:
        UsageError: its suffix or a label is not legal.
    """
    if sample.suffix not in _SUFFIXES.get(family.type, ("",)):
        raise UsageError(f"a {family.type} such as {family.name!r} has no sample {sample.suffix!r}")
    when = "" if sample.time_ms is None else f" {sample.time_ms}"
    return f"{family.name}{sample.suffix}{_label_set(sample.labels)} {format_value(sample.value)}{when}\n"


def _label_set(labels: Labels) -> str:
    if not labels:
        return ""
    for name, _ in labels:
        _check(LABEL_NAME, "label", name)
    return "{" + ",".join(f'{name}="{value.translate(_LABEL_ESCAPES)}"' for name, value in labels) + "}"


def _check(pattern: re.Pattern[str], what: str, name: str) -> None:
    if not pattern.fullmatch(name):
        raise UsageError(f"{name!r} is not a legal {what} name in Prometheus; it must match {pattern.pattern}")


class _Reader:
    """Collects lines into families; the state is the declarations seen so far."""

    def __init__(self) -> None:
        self._types: dict[str, str] = {}
        self._helps: dict[str, str] = {}
        self._samples: dict[str, list[Sample]] = {}

    def take(self, line: str) -> None:
        if line.startswith("#"):
            self._comment(line)
        else:
            self._sample(line)

    def families(self) -> list[Family]:
        return [
            Family(name, tuple(samples), self._types.get(name, "untyped"), self._helps.get(name, ""))
            for name, samples in self._samples.items()
        ]

    def _comment(self, line: str) -> None:
        _, keyword, name, rest = (*line.split(None, 3), "", "", "")[:4]
        if not name or (keyword == "HELP" and not rest):
            return
        if keyword == "HELP":
            if name in self._helps:
                raise ValueError(f"the help of {name!r} comes twice")
            self._declare(name)
            self._helps[name] = _unescape(rest)
        elif keyword == "TYPE":
            if rest not in _TYPES:
                raise ValueError(f"no metric type {rest!r}")
            if name in self._types or self._samples.get(name):
                raise ValueError(f"the type of {name!r} comes twice, or after its samples")
            self._declare(name)
            self._types[name] = rest

    def _declare(self, name: str) -> None:
        if not METRIC_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a metric name")
        self._samples.setdefault(name, [])

    def _sample(self, line: str) -> None:
        name_match = METRIC_NAME.match(line)
        if name_match is None:
            raise ValueError(f"a metric name should stand at the beginning of {line!r}")
        labels, rest = _labels(line[name_match.end() :].lstrip(" \t"))
        fields = rest.split()
        if not 1 <= len(fields) <= 2:  # noqa: PLR2004 - a value and perhaps a time
            raise ValueError(f"a value and perhaps a time should follow the name, not {rest!r}")
        family, suffix = self._family_of(name_match[0])
        edge = dict(labels).get(_EDGES.get((self._types.get(family, ""), suffix), ""))
        if edge is not None:
            _number(edge)
        time_ms = int(fields[1]) if len(fields) > 1 else None
        self._samples.setdefault(family, []).append(Sample(_number(fields[0]), labels, suffix, time_ms))

    def _family_of(self, name: str) -> tuple[str, str]:
        for suffix in ("_bucket", "_sum", "_count"):
            base = name.removesuffix(suffix)
            if base != name and suffix in _SUFFIXES.get(self._types.get(base, ""), ()):
                return base, suffix
        return name, ""


def _labels(text: str) -> tuple[Labels, str]:
    opening = _OPENING.match(text)
    if opening is None:
        return (), text
    labels: list[tuple[str, str]] = []
    at = opening.end()
    while not text.startswith("}", at):
        match = _LABEL.match(text, at)
        if match is None:
            raise ValueError(f'labels look like {{name="value"}}, not {text!r}')
        labels.append((match[1], _unescape(match[2])))
        at = match.end()
    if len({name for name, _ in labels}) < len(labels):
        raise ValueError(f"a label comes twice in {text!r}")
    return tuple(labels), text[at + 1 :]


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: _UNESCAPES[match[0]], text)


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a number")
    return float(text)
