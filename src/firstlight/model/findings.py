"""What an observer concludes from signals."""

from enum import StrEnum
from typing import Any

import msgspec


class Severity(StrEnum):
    """How bad a finding is; not to be mixed up with how loud an emitter is (:class:`~firstlight.model.Level`)."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Finding(msgspec.Struct, frozen=True):
    """Something worth a look.

    Attributes:
        kind: ``anomaly``, ``pattern``, ``breach``, ``threat`` …
        severity: how bad it is.
        confidence: 0..1.
        subject: the series, service or scope it is about.
        start_ns: first moment of the window that shows it.
        end_ns: last moment of that window.
        evidence: the figures behind it.
    """

    kind: str
    severity: Severity
    confidence: float
    subject: str
    start_ns: int
    end_ns: int
    evidence: dict[str, Any] = {}
