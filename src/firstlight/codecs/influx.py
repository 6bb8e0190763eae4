"""InfluxDB line protocol, both ways.

https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/ and, where that is silent, the corpus of
https://github.com/influxdata/line-protocol.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from firstlight.errors import DecodeError, UsageError

NAMES_KEPT = 4096
"""Escaped names that are remembered, because nearly all lines use the same."""

CONTENT_TYPE = "text/plain; charset=utf-8"
Precision = Literal["ns", "us", "ms", "s"]
NS_PER: dict[str, int] = {"ns": 1, "us": 1000, "ms": 1_000_000, "s": 1_000_000_000}

_INT_MIN, _INT_MAX, _UINT_MAX = -(2**63), 2**63 - 1, 2**64 - 1
_E_FROM, _PLAIN_FROM, _REPR_E_FROM = 1e6, 1e-4, 1e16
_CONTROL = r"\x00-\x1f\x7f"
_NAME = re.compile(rf"(?:\\[, ]|[^, {_CONTROL}])++")
_KEY = re.compile(rf"(?:\\[,= ]|[^,= {_CONTROL}])++")
_STRING = re.compile(r'"((?:\\["\\]|[^"])*+)"', re.DOTALL)
_BARE = re.compile(r"[^, \r\n]+")
_COMMENT = re.compile(rf"#[^{_CONTROL}]*+")
_BLANK = re.compile(r"[ \r\n]*")
_TIME = re.compile(r"-?\d+")
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_INT = re.compile(r"-?\d+", re.ASCII)
_UINT = re.compile(r"\d+", re.ASCII)
_BOOLS = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), False),
}
_NAME_ESCAPES = str.maketrans({",": "\\,", " ": "\\ "})
_KEY_ESCAPES = str.maketrans({",": "\\,", " ": "\\ ", "=": "\\="})
_STRING_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_IN_NEED = re.compile(r'["\\\n\r\t]')
_STRING_UNESCAPES = {"\\n": "\n", "\\r": "\r", "\\t": "\t", '\\"': '"', "\\\\": "\\"}


class Unsigned(int):
    """A field of InfluxDB's type for whole numbers up to 2^64 - 1."""

    __slots__ = ()


Value = float | int | Unsigned | str | bool


class Point(Struct):
    """One line.

    Attributes:
        name: the measurement.
        tags: indexed; no empty values.
        fields: at least one; whole numbers, doubles, text and truth values each keep their type.
        time_ns: nanoseconds since the epoch; None leaves it to the receiver.
    """

    name: str
    tags: dict[str, str]
    fields: dict[str, Value]
    time_ns: int | None = None


def encode(points: Iterable[Point], precision: Precision = "ns") -> bytes:
    """Return one line for each of ``points``.

    Raises:
        UsageError: see :func:`encode_line`.
    """
    return "".join([f"{encode_line(point, precision)}\n" for point in points]).encode()


def encode_line(point: Point, precision: Precision = "ns") -> str:
    """Return ``point`` without a line's end; tags and fields in the order they have.

    Raises:
        UsageError: a name is empty, ends in a backslash or has control characters; a number is not finite or too big;
            there is no field.
    """
    tags = "".join([f",{_key(key)}={_key(value)}" for key, value in point.tags.items()])
    fields = ",".join([f"{_key(key)}={_value(value)}" for key, value in point.fields.items()])
    if not fields:
        raise UsageError(f"a point of {point.name!r} needs a field; InfluxDB keeps none without")
    when = "" if point.time_ns is None else f" {point.time_ns // NS_PER[precision]}"
    return f"{_measurement(point.name)}{tags} {fields}{when}"


def decode(data: bytes, default_time_ns: int | None = None, precision: Precision = "ns") -> list[Point]:
    """Return the points of all lines; of a field that comes twice the last counts.

    Args:
        data: lines; comments and blank ones are passed over.
        default_time_ns: of points without a time; cut to the precision.
        precision: the unit of the lines' times.

    Raises:
        DecodeError: with the number of the line that is wrong; none of the points is returned then.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise DecodeError(f"line protocol, line {number}: not UTF-8") from error
    unit_ns = NS_PER[precision]
    reader = _Reader(text, unit_ns)
    try:
        points = list(reader.points())
    except ValueError as error:
        raise DecodeError(f"line protocol, line {reader.line_number()}: {error}") from error
    for point in points:
        if point.time_ns is None and default_time_ns is not None:
            point.time_ns = default_time_ns // unit_ns * unit_ns
    return points


@lru_cache(NAMES_KEPT)
def _key(text: str) -> str:
    return _sound(text).translate(_KEY_ESCAPES)


@lru_cache(NAMES_KEPT)
def _measurement(text: str) -> str:
    return _sound(text).translate(_NAME_ESCAPES)


def _sound(text: str) -> str:
    if not text or (not text.isprintable() and re.search(f"[{_CONTROL}]", text)):
        raise UsageError(f"{text!r} is no name in line protocol: it is empty or has control characters")
    if text.endswith("\\"):
        raise UsageError(f"{text!r} is no name in line protocol: its last backslash would swallow what follows")
    return text


def _value(value: Value) -> str:
    if isinstance(value, str):
        return f'"{value.translate(_STRING_ESCAPES)}"' if _IN_NEED.search(value) else f'"{value}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_float(value)
    low, high, suffix = (0, _UINT_MAX, "u") if isinstance(value, Unsigned) else (_INT_MIN, _INT_MAX, "i")
    if not low <= value <= high:
        raise UsageError(f"{value} does not fit into 64 bits")
    return f"{value}{suffix}"


def format_float(value: float) -> str:
    """Return the shortest text that reads back as ``value``, as Go's ``%g`` writes it.

    Raises:
        UsageError: it is not finite; InfluxDB has no such values.
    """
    if value - value != 0.0:
        raise UsageError(f"{value} cannot be written: InfluxDB has no NaN and no infinities")
    text = repr(value).removesuffix(".0")
    if not _E_FROM <= abs(value) < _REPR_E_FROM:
        return text
    sign, digits = ("-", text[1:]) if value < 0 else ("", text)
    whole, _, fraction = digits.partition(".")
    rest = (whole[1:] + fraction).rstrip("0")
    return f"{sign}{whole[0]}{'.' if rest else ''}{rest}e+{len(whole) - 1:02d}"


class _Reader:
    """Walks over the text; the state is where it is."""

    def __init__(self, text: str, time_unit_ns: int) -> None:
        self._text = text
        self._at = 0
        self._time_unit_ns = time_unit_ns

    def line_number(self) -> int:
        return self._text.count("\n", 0, self._at) + 1

    def points(self) -> Iterator[Point]:
        while self._skip_blank() < len(self._text):
            if self._text[self._at] == "#":
                self._take(_COMMENT, "a comment")
                self._end_line()
            else:
                yield self._point()

    def _skip_blank(self) -> int:
        found = _BLANK.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return self._at

    def _point(self) -> Point:
        name = _unescape(self._take(_NAME, "a measurement"), ", ")
        tags = self._tags()
        self._expect_spaces()
        fields = self._fields()
        time_ns = self._time()
        self._end_line()
        return Point(name, tags, fields, time_ns)

    def _tags(self) -> dict[str, str]:
        tags: dict[str, str] = {}
        while self._peek() == ",":
            self._at += 1
            key = self._key_and_equals("a tag")
            if key in tags:
                raise ValueError(f"tag {key!r} comes twice")
            tags[key] = _unescape(self._take(_KEY, "a tag's value"), ",= ")
        return tags

    def _fields(self) -> dict[str, Value]:
        fields: dict[str, Value] = {}
        while True:
            key = self._key_and_equals("a field")
            fields[key] = self._field_value()
            if self._peek() != ",":
                return fields
            self._at += 1

    def _key_and_equals(self, what: str) -> str:
        key = _unescape(self._take(_KEY, what), ",= ")
        if self._peek() != "=":
            raise ValueError(f"after {what} {key!r} there should be '=', not {self._peek()!r}")
        self._at += 1
        return key

    def _field_value(self) -> Value:
        if self._peek() != '"':
            return _bare_value(self._take(_BARE, "a value"))
        found = _STRING.match(self._text, self._at)
        if found is None:
            raise ValueError("a text is not closed with a quote")
        self._at = found.end()
        return re.sub(r'\\[nrt"\\]', lambda escaped: _STRING_UNESCAPES[escaped[0]], found[1])

    def _time(self) -> int | None:
        if self._peek() != " ":
            return None
        self._expect_spaces()
        if self._peek() in {"", "\r", "\n"}:
            return None
        time_ns = int(self._take(_TIME, "a time")) * self._time_unit_ns
        if not _INT_MIN <= time_ns <= _INT_MAX:
            raise ValueError(f"the time {time_ns} ns does not fit into 64 bits")
        if self._peek() == " ":
            self._expect_spaces()
        return time_ns

    def _end_line(self) -> None:
        if self._text.startswith("\r", self._at):
            self._at += 1
        if self._peek() not in {"", "\n"}:
            raise ValueError(f"{self._peek()!r} where the line should end")

    def _expect_spaces(self) -> None:
        start = self._at
        while self._peek() == " ":
            self._at += 1
        if self._at == start:
            raise ValueError(f"{self._peek()!r} where a space should stand")

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, pattern: re.Pattern[str], what: str) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise ValueError(f"{self._peek()!r} where {what} should begin")
        self._at = found.end()
        return found[0]


def _unescape(text: str, escaped: str) -> str:
    return re.sub(rf"\\([{escaped}])", r"\1", text) if "\\" in text else text


def _bare_value(text: str) -> Value:
    if text in _BOOLS:
        return _BOOLS[text]
    if text.endswith("i") and _INT.fullmatch(text[:-1]):
        return _in_range(int(text[:-1]), _INT_MIN, _INT_MAX)
    if text.endswith("u") and _UINT.fullmatch(text[:-1]):
        return Unsigned(_in_range(int(text[:-1]), 0, _UINT_MAX))
    if not _FLOAT.fullmatch(text):
        raise ValueError(f"{text!r} is no value; text stands in quotes")
    number = float(text)
    if number - number != 0.0:
        raise ValueError(f"{text} is beyond the range of a double")
    return number


def _in_range(number: int, low: int, high: int) -> int:
    if not low <= number <= high:
        raise ValueError(f"{number} does not fit into 64 bits")
    return number
