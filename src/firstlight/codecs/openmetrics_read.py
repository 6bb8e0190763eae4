"""OpenMetrics 1.0 text, read as strictly as its specification asks.

https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

import re
from fractions import Fraction
from functools import lru_cache

from firstlight.codecs.openmetrics import EXEMPLAR_MOST_CHARS, SUFFIXES, Exemplar, Family, Sample
from firstlight.codecs.openmetrics_rules import check_family, check_sample
from firstlight.codecs.prometheus_text import Labels
from firstlight.errors import DecodeError

_NS_PER_S = 1_000_000_000
_NS_DIGITS = 9
_LABELS_KEPT = 1024  # neighbours often have the same
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_TEXT = r'"(?:[^"\\\n]|\\.)*+"'
_PAIR = rf"[a-zA-Z_][a-zA-Z0-9_]*={_TEXT}"
_LABELS = rf"\{{(?:{_PAIR}(?:,{_PAIR})*)?\}}"
_REAL = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?"
_NUMBER = rf"(?:{_REAL}|[+-]?[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN])"
_SAMPLE = re.compile(
    rf"(?P<name>{_NAME})(?P<labels>{_LABELS})? (?P<value>{_NUMBER})(?: (?P<time>{_REAL}))?"
    rf"(?: # (?P<seen>{_LABELS}) (?P<seen_value>{_NUMBER})(?: (?P<seen_time>{_REAL}))?)?",
    re.ASCII,
)
_METADATA = re.compile(rf"# (HELP|TYPE|UNIT) ({_NAME}) (.*)", re.ASCII | re.DOTALL)
_ONE_PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*+)"')
_ESCAPED = re.compile(r'\\[\\n"]')
_UNESCAPES = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}
_END = "# EOF"


def decode(data: bytes) -> list[Family]:
    """Return the families of one exposition, in order.

    Raises:
        DecodeError: with the number of the line that is wrong; what is wrong with a whole family is told at its end.
    """
    reader = _Reader()
    try:
        *lines, last = data.decode().removesuffix("\n").split("\n")
        for line in lines:
            reader.take(line)
        reader.line_number += 1
        if last != _END:
            raise ValueError(f"the last line must be {_END!r}")
        return reader.finished()
    except ValueError as error:
        raise DecodeError(f"OpenMetrics, line {reader.line_number}: {error}") from error


def decode_part(data: bytes) -> list[Family]:
    """Return the families of some lines of an exposition; what is asked of whole families is not checked.

    Raises:
        DecodeError: with the number of the line that is wrong.
    """
    reader = _Reader(whole=False)
    try:
        for line in data.decode().removesuffix("\n").split("\n"):
            reader.take(line)
        return reader.finished()
    except ValueError as error:
        raise DecodeError(f"OpenMetrics, line {reader.line_number}: {error}") from error


class _Reader:
    """Collects lines into families; one is open at a time."""

    def __init__(self, *, whole: bool = True) -> None:
        self.line_number = 0
        self._whole = whole
        self._families: list[Family] = []
        self._taken: set[str] = set()
        self._name = ""
        self._metadata: dict[str, str] = {}
        self._samples: list[Sample] = []

    def take(self, line: str) -> None:
        self.line_number += 1
        if not line.startswith("#"):
            self._sample(line)
            return
        found = _METADATA.fullmatch(line)
        if found is None:
            raise ValueError(f"{line[:80]!r} is no HELP, TYPE or UNIT")
        keyword, name, text = found.groups()
        if name != self._name:
            self._close()
            self._name = name
        elif self._samples or keyword in self._metadata:
            raise ValueError(f"the {keyword} of {name!r} comes twice or after its samples")
        if keyword == "TYPE" and text not in SUFFIXES:
            raise ValueError(f"no metric type {text!r}")
        self._metadata[keyword] = text

    def finished(self) -> list[Family]:
        self._close()
        return self._families

    def _sample(self, line: str) -> None:
        found = _SAMPLE.fullmatch(line)
        if found is None:
            raise ValueError(f"{line[:80]!r} is no sample")
        suffix = self._suffix(found["name"])
        if suffix is None:
            self._close()
            self._name, suffix = found["name"], ""
        time = found["time"]
        sample = Sample(
            float(found["value"]),
            _labels(found["labels"]),
            suffix,
            _exemplar(found),
            None if time is None else _nanoseconds(time),
        )
        check_sample(self._name, self._type(), sample)
        self._samples.append(sample)

    def _suffix(self, name: str) -> str | None:
        """Return what ``name`` has behind the open family's; None when it is of another family."""
        if not self._name or not name.startswith(self._name):
            return None
        suffix = name[len(self._name) :]
        return suffix if suffix in SUFFIXES[self._type()] else None

    def _type(self) -> str:
        return self._metadata.get("TYPE", "unknown")

    def _close(self) -> None:
        if not self._name:
            return
        type_name = self._type()
        names = {self._name, *(self._name + suffix for suffix in SUFFIXES[type_name])}
        if self._whole and not names.isdisjoint(self._taken):
            raise ValueError(f"{self._name!r} comes twice, or is called like a sample of another metric")
        self._taken |= names
        about, unit = _unescape(self._metadata.get("HELP", "")), self._metadata.get("UNIT", "")
        family = Family(self._name, type_name, tuple(self._samples), about, unit)
        if self._whole:
            check_family(family)
        self._families.append(family)
        self._name, self._metadata, self._samples = "", {}, []


@lru_cache(_LABELS_KEPT)
def _labels(text: str | None) -> Labels:
    pairs = tuple((found[1], _unescape(found[2])) for found in _ONE_PAIR.finditer(text or ""))
    if len(dict(pairs)) < len(pairs):
        raise ValueError(f"a label comes twice in {text!r}")
    return pairs


def _exemplar(found: re.Match[str]) -> Exemplar | None:
    if found["seen"] is None:
        return None
    labels, time = _labels(found["seen"]), found["seen_time"]
    if sum(len(name) + len(value) for name, value in labels) > EXEMPLAR_MOST_CHARS:
        raise ValueError(f"an exemplar has labels of more than {EXEMPLAR_MOST_CHARS} characters")
    return Exemplar(float(found["seen_value"]), labels, None if time is None else _nanoseconds(time))


def _nanoseconds(seconds: str) -> int:
    whole, _, rest = seconds.partition(".")
    if whole.isdigit() and len(rest) <= _NS_DIGITS and (not rest or rest.isdigit()):
        return int(whole) * _NS_PER_S + int(rest.ljust(_NS_DIGITS, "0"))
    return int(Fraction(seconds) * _NS_PER_S)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: _UNESCAPES[match[0]], text)
