"""How many of a subsystem's events are errors, and how many of a service's spans failed."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from firstlight.assess.indicators import format_window
from firstlight.assess.packs import ShareRule, score_at
from firstlight.model import HealthPart, Level
from firstlight.ports import SignalReader

MAX_GROUPS = 500
_NS_PER_S = 1_000_000_000
_Z_95 = 1.959963984540054


class Share(NamedTuple):
    """A judged share and whose it is."""

    subsystem: str
    part: HealthPart


class _Question(NamedTuple):
    name: str
    table: str
    group: str
    is_bad: str
    words: str


_EVENTS = _Question(
    "error events",
    "events",
    "CASE WHEN subsystem <> '' THEN subsystem ELSE 'service:' || service END",
    f"level_number >= {int(Level.ERROR)}",
    "{bad} of {all} events were errors over the last {window}",
)
_SPANS = _Question(
    "failed spans",
    "spans",
    "'service:' || service",
    "status = 'error'",
    "{bad} of {all} spans failed over the last {window}",
)


def event_shares(rule: ShareRule, reader: SignalReader, now_ns: int) -> Iterator[Share]:
    """Yield the share of ERROR and louder events by subsystem; events without one count for ``service:<name>``.

    Raises:
        QueryError: the reader cannot answer.
    """
    return _shares(_EVENTS, rule, reader, now_ns)


def span_shares(rule: ShareRule, reader: SignalReader, now_ns: int) -> Iterator[Share]:
    """Yield the share of spans with status ``error`` for each ``service:<name>``.

    Raises:
        QueryError: the reader cannot answer.
    """
    return _shares(_SPANS, rule, reader, now_ns)


def lower_bound(bad: int, total: int) -> float:
    """Return the lower end of the 95 % interval of a share (Wilson 1927); 0 when none is bad."""
    if bad <= 0:
        return 0.0
    share = bad / total
    square = _Z_95 * _Z_95
    middle = share + square / (2 * total)
    margin = _Z_95 * math.sqrt((share * (1 - share) + square / (4 * total)) / total)
    return max(0.0, (middle - margin) / (1 + square / total))


def _shares(question: _Question, rule: ShareRule, reader: SignalReader, now_ns: int) -> Iterator[Share]:
    start_ns = now_ns - int(rule.window_s * _NS_PER_S)
    where = f"time_ns BETWEEN {start_ns} AND {now_ns}"
    counts = f"count(*) FILTER (WHERE {question.is_bad})"
    query = (
        f"SELECT {question.group} AS subject, count(*) AS everything, {counts} AS bad"  # noqa: S608 - no outside text
        f" FROM {question.table} WHERE {where} GROUP BY subject ORDER BY bad DESC, everything DESC"
    )
    for subject, total, bad in reader.sql(query, limit=MAX_GROUPS).rows:
        words = question.words.format(bad=bad, all=total, window=format_window(rule.window_s))
        score = score_at(rule.score, lower_bound(bad, total))
        yield Share(subject, HealthPart(question.name, score, rule.weight, bad / total, "ratio", words, query))
