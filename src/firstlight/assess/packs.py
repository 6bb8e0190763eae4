"""Packs: indicators, weights and rules as data.  A domain is one TOML file."""

import math
import re
import tomllib
from collections.abc import Sequence
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from firstlight.errors import ConfigError

BUILTIN_PACKS = ("firstlight", "host", "signals")

Aggregate = Literal["last", "mean", "min", "max", "rate", "increase"]
GROWTH: tuple[Aggregate, ...] = ("rate", "increase")
Across = Literal["worst", "mean", "sum", "min", "max"]
Weight = Annotated[float, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Points = Annotated[tuple[tuple[float, float], ...], msgspec.Meta(min_length=1)]

_WORDS = frozenset({"value", "window", "count"})
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_WHERE = re.compile(r"(?P<problem>.*) - at `\$\.?(?P<path>.*)`", re.DOTALL)


class SubsystemRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``weight``: the share of a subsystem in the overall score; 0 leaves it out."""

    weight: Weight = 1.0


class ShareRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the share of bad rows among all rows of the last ``window_s`` becomes a score."""

    score: Points
    window_s: Seconds = 300.0
    weight: Weight = 1.0

    def __post_init__(self) -> None:
        _check_points(self.score)


class Indicator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One figure and what it means.

    Attributes:
        name: what is judged; unique within its subsystem.
        subsystem: whose health it is a part of.
        metric: which series, by name.
        score: points (value, score) with values ascending; straight lines between them, flat outside.
        evidence: a sentence with ``{value}``, ``{window}``, ``{count}`` (of series) and the label named by ``per``.
        labels: what the series must carry.
        service: whose series; anybody's when empty.
        field: which of a metric's series.
        aggregate: how the samples of one series become one value; ``rate`` is per second.
        across: how the values of several series become one; ``worst`` takes the one with the lowest score.
        from_zero: a series first seen in the window counted up from zero (true of counters that a program makes when
            the first thing happens, not of those of a kernel); only for ``rate`` and ``increase``.
        per: the label in which the series differ.
        window_s: how far back samples count.
        weight: share in the subsystem's score; 0 shows it without judging.
        vital: the subsystem is never better than this.
        unit: of the value: ``ratio``, ``bytes``, ``seconds`` or any word.
    """

    name: str
    subsystem: str
    metric: str
    score: Points
    evidence: str
    labels: dict[str, str] = {}
    service: str = ""
    field: str = "value"
    aggregate: Aggregate = "mean"
    across: Across = "worst"
    from_zero: bool = False
    per: str = ""
    window_s: Seconds = 60.0
    weight: Weight = 1.0
    vital: bool = False
    unit: str = ""

    def __post_init__(self) -> None:
        _check_points(self.score)
        if self.from_zero and self.aggregate not in GROWTH:
            raise ValueError(f"from_zero goes with {' or '.join(GROWTH)}, not with {self.aggregate}")
        if self.per in _WORDS:
            raise ValueError(f"per must name a label, and {self.per!r} is a word of its own in evidence")
        known = _WORDS | ({self.per} if self.per else set())
        unknown = set(_PLACEHOLDER.findall(self.evidence)) - known
        if unknown:
            raise ValueError(f"evidence has no {{{min(unknown)}}}; it may use {', '.join(sorted(known))}")


class Pack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One domain.

    Attributes:
        name: unique among the packs in use.
        description: one line.
        indicators: figures with meaning.
        subsystems: rules for subsystems by name; one without a rule weighs 1.
        events: how the share of ERROR and louder events is judged in every subsystem.
        spans: how the share of failed spans is judged in every service.
    """

    name: str
    description: str = ""
    indicators: tuple[Indicator, ...] = ()
    subsystems: dict[str, SubsystemRule] = {}
    events: ShareRule | None = None
    spans: ShareRule | None = None


def load_pack(name_or_path: str) -> Pack:
    """Return a built-in pack by name, or the one in a TOML file by path.

    Raises:
        ConfigError: there is no such pack, or something in it is wrong.
    """
    if name_or_path in BUILTIN_PACKS:
        source = f"built-in pack {name_or_path}"
        return _parse((files("firstlight") / "packs" / f"{name_or_path}.toml").read_bytes(), source)
    try:
        return _parse(Path(name_or_path).read_bytes(), name_or_path)
    except OSError as error:
        problem = f"no such pack ({error.strerror}); give one of {', '.join(BUILTIN_PACKS)} or the path of a TOML file"
        raise ConfigError("packs", name_or_path, problem) from error


def load_packs(names_or_paths: Sequence[str] = BUILTIN_PACKS) -> tuple[Pack, ...]:
    """Return several packs in the given order.

    Raises:
        ConfigError: as :func:`load_pack`, or two packs or two indicators have one name.
    """
    packs = tuple(load_pack(name) for name in names_or_paths)
    _check_unique("packs", [pack.name for pack in packs])
    indicators = [f"{indicator.subsystem}.{indicator.name}" for pack in packs for indicator in pack.indicators]
    _check_unique("indicators", indicators)
    return packs


def score_at(points: Points, value: float) -> float:
    """Return the score of ``value``: piecewise linear through ``points``, flat outside them."""
    if value <= points[0][0]:
        return points[0][1]
    for (left, left_score), (right, right_score) in pairwise(points):
        if value <= right:
            share = (value - left) / (right - left)
            return (1.0 - share) * left_score + share * right_score
    return points[-1][1]


def sentence(template: str, words: dict[str, str]) -> str:
    """Return ``template`` with each ``{word}`` replaced; nothing else in it is interpreted."""
    return _PLACEHOLDER.sub(lambda match: words.get(match[1], "?"), template)


def _parse(data: bytes, source: str) -> Pack:
    try:
        return msgspec.convert(tomllib.loads(data.decode()), Pack)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError("packs", source, f"not a TOML file: {error}") from error
    except msgspec.ValidationError as error:
        match = _WHERE.fullmatch(str(error))
        path, problem = (match["path"], match["problem"]) if match else ("", str(error))
        raise ConfigError(path or "pack", source, problem) from error


def _check_points(points: Points) -> None:
    if not all(math.isfinite(number) for point in points for number in point):
        raise ValueError("score points must be finite numbers")
    if not all(0 < right - left < math.inf for (left, _), (right, _) in pairwise(points)):
        raise ValueError("the values of score points must ascend")
    if not all(0 <= score <= 1 for _, score in points):
        raise ValueError("scores must lie in 0..1")


def _check_unique(path: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(path, "packs", f"{twice[0]!r} comes twice; give it another name or leave one out")
