"""The one vocabulary: pure data, no input or output.  Times are ``int`` nanoseconds since the epoch, UTC."""

from firstlight.model.findings import Finding, Severity
from firstlight.model.health import Health, HealthPart, HealthReport, HealthState, combine, state_of
from firstlight.model.level import Level, level_name, parse_level
from firstlight.model.matcher import Matcher, MatchOp, named
from firstlight.model.resource import Resource
from firstlight.model.selector import parse_selector
from firstlight.model.series import Kind, Series
from firstlight.model.signals import (
    CUSTOM_SCALE,
    Batch,
    Event,
    EventColumns,
    Exemplar,
    ExponentialPoint,
    Samples,
    Span,
    SpanEvent,
    SpanLink,
)

__all__ = [
    "CUSTOM_SCALE",
    "Batch",
    "Event",
    "EventColumns",
    "Exemplar",
    "ExponentialPoint",
    "Finding",
    "Health",
    "HealthPart",
    "HealthReport",
    "HealthState",
    "Kind",
    "Level",
    "MatchOp",
    "Matcher",
    "Resource",
    "Samples",
    "Series",
    "Severity",
    "Span",
    "SpanEvent",
    "SpanLink",
    "combine",
    "level_name",
    "named",
    "parse_level",
    "parse_selector",
    "state_of",
]
