"""Numbers as Prometheus writes them."""

import math
from decimal import Decimal

_SMALL, _LARGE = 1e-6, 1e21


def number_text(value: float) -> str:
    """Return the shortest text that reads back as ``value``, without an exponent (Go's ``%f`` of precision -1)."""
    text = repr(value)
    if "e" in text:
        return f"{Decimal(text):f}"
    if text.endswith(".0"):
        return text[:-2]
    if math.isfinite(value):
        return text
    return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"  # noqa: PLR0124  NaN is not itself


def api_text(value: float) -> str:
    """Return the shortest text as Prometheus' API has it: with an exponent below 1e-6 and from 1e21 on."""
    text = repr(value)
    if "e" not in text or _SMALL <= abs(value) < _LARGE:
        return number_text(value)
    return text
