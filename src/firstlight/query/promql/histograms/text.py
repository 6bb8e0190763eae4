"""Native histograms as text: JSON of the HTTP API and the form that stands in labels."""

import json
from decimal import Decimal
from math import isinf, isnan
from typing import Any

from firstlight.query.promql.histograms.histogram import Histogram
from firstlight.query.promql.histograms.layout import Filled, filled_buckets, written_buckets

_OPEN_LEFT, _OPEN_RIGHT, _CLOSED = 0, 1, 3
_BRACKETS = {_OPEN_LEFT: ("(", "]"), _OPEN_RIGHT: ("[", ")"), _CLOSED: ("[", "]")}


def api_form(histogram: Histogram) -> dict[str, Any]:
    """Return what Prometheus' HTTP API says of it: ``count``, ``sum`` and, if any, ``buckets``.

    A bucket is ``[rule, lower, upper, count]``; the rule is 0 for open on the left, 1 on the right, 3 for closed.
    """
    answer: dict[str, Any] = {"count": api_number(histogram.count), "sum": api_number(histogram.sum)}
    buckets = [[rule, *map(api_number, figures)] for rule, *figures in _ruled(histogram, filled_buckets(histogram))]
    if buckets:
        answer["buckets"] = buckets
    return answer


def json_text(histogram: Histogram) -> str:
    """Return :func:`api_form` as one line of JSON."""
    return json.dumps(api_form(histogram), separators=(",", ":"))


def text_form(histogram: Histogram) -> str:
    """Return ``{count:4, sum:5, (0.5,1]:1, ...}``."""
    parts = [f"count:{go_number(histogram.count)}", f"sum:{go_number(histogram.sum)}"]
    for rule, *figures in _ruled(histogram, written_buckets(histogram)):
        lower, upper, count = map(go_number, figures)
        left, right = _BRACKETS[rule]
        parts.append(f"{left}{lower},{upper}{right}:{count}")
    return f"{{{', '.join(parts)}}}"


def api_number(value: float) -> str:
    """Return ``value`` as the HTTP API has it: shortest digits, an exponent below 1e-6 and from 1e21 on."""
    return _number(value, -6, 21)


def go_number(value: float) -> str:
    """Return ``value`` as Go's ``%g`` writes it."""
    return _number(value, -4, 6)


def _ruled(histogram: Histogram, filled: Filled) -> list[tuple[int, float, float, float]]:
    below, above = histogram.negative, histogram.positive
    rules = [_OPEN_RIGHT] * len(below.counts) + [_CLOSED] * (filled.zero >= 0) + [_OPEN_LEFT] * len(above.counts)
    if histogram.custom and above and above.indexes[0] == 0:
        rules[-len(above.counts)] = _CLOSED
    return list(zip(rules, filled.lower.tolist(), filled.upper.tolist(), filled.counts.tolist(), strict=True))


def _number(value: float, smallest_exponent: int, end_exponent: int) -> str:
    """Shortest digits; plain from ``10 ** smallest_exponent`` up to below ``10 ** end_exponent``."""
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    number = Decimal(repr(value)).normalize()
    exponent = number.adjusted()
    if value == 0 or smallest_exponent <= exponent < end_exponent:
        return f"{number:f}"
    first, *rest = map(str, number.as_tuple().digits)
    sign, point = "-" if value < 0 else "", "." if rest else ""
    return f"{sign}{first}{point}{''.join(rest)}e{exponent:+03d}"
