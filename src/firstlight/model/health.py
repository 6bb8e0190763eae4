"""How well a thing is, and why we say so."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec


class HealthState(StrEnum):
    """The bands of the score."""

    CRITICAL = "critical"
    DEGRADED = "degraded"
    HEALTHY = "healthy"
    OPTIMAL = "optimal"
    UNKNOWN = "unknown"


DEGRADED_FROM = 0.3
HEALTHY_FROM = 0.6
OPTIMAL_FROM = 0.9


class HealthPart(msgspec.Struct, frozen=True):
    """One reason for a score.

    Attributes:
        name: what is judged, such as ``cpu``.
        score: 0 (bad) to 1 (good); None when there is no data.
        weight: its share among its siblings; need not add up to one.
        value: the measured figure behind the score; None when there is no data.
        unit: of ``value``.
        evidence: one sentence with the figure and where it comes from.
        source: the series or query that anyone can look at again.
    """

    name: str
    score: float | None
    weight: float
    value: float | None = None
    unit: str = ""
    evidence: str = ""
    source: str = ""


class Health(msgspec.Struct, frozen=True):
    """A score 0..1, or None when nothing is known, with its state and the parts it is made of."""

    score: float | None
    state: HealthState
    parts: tuple[HealthPart, ...] = ()


class HealthReport(msgspec.Struct, frozen=True):
    """The health of everything at one time."""

    time_ns: int
    overall: Health
    subsystems: dict[str, Health]
    meta: dict[str, Any] = {}


def state_of(score: float | None) -> HealthState:
    """Return the band of ``score``; each band includes its lower edge."""
    if score is None:
        return HealthState.UNKNOWN
    if score < DEGRADED_FROM:
        return HealthState.CRITICAL
    if score < HEALTHY_FROM:
        return HealthState.DEGRADED
    if score < OPTIMAL_FROM:
        return HealthState.HEALTHY
    return HealthState.OPTIMAL


def combine(parts: Sequence[HealthPart]) -> Health:
    """Return the weighted mean of the parts that have a score; unknown when none has."""
    known = [(part.score, part.weight) for part in parts if part.score is not None and part.weight > 0]
    if not known:
        return Health(None, HealthState.UNKNOWN, tuple(parts))
    total = sum(weight for _, weight in known)
    score = min(1.0, max(0.0, sum(score * weight for score, weight in known) / total))
    return Health(score, state_of(score), tuple(parts))
