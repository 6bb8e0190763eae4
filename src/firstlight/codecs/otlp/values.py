"""Numbers and limits that reading and writing OTLP share; light, because recorders import it too."""

import struct
from math import isfinite, isnan

ATTRIBUTES_MAX = 128
"""Attributes kept per record; the AttributeCountLimit that OpenTelemetry SDKs apply by default."""

TEXT_MAX_CHARS = 65_536
"""Characters kept of one attribute's text: room for any stack trace, none for a file smuggled in as an attribute."""

DEPTH_MAX = 32
"""Levels of nesting kept; deeper values become null.  No known sender nests more than 5."""

LABELS_MAX = 128
"""Labels per series, as many as attributes per record.  Labels are an identity and cannot be cut, so more is
refused."""
LABEL_MAX_CHARS = 4096
"""Characters of a label's name or value; a longer one is content, not identity."""

_to_bits = struct.Struct("<d").pack
_STALE_BYTES = struct.pack("<Q", 0x7FF0000000000002)
STALE: float = struct.unpack("<d", _STALE_BYTES)[0]
"""Prometheus' stale marker; OTLP says it with the flag NO_RECORDED_VALUE.  Stored as exactly these bits."""


def number_text(value: float) -> str:
    """Return the shortest text that reads back as ``value``, infinities and NaN as Prometheus spells them."""
    if isfinite(value):
        return repr(value)
    return "NaN" if isnan(value) else "+Inf" if value > 0 else "-Inf"


def is_stale(value: float) -> bool:
    """Return whether ``value`` is the stale marker, bit for bit."""
    return isnan(value) and _to_bits(value) == _STALE_BYTES
