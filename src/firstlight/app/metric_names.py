"""Which metrics there are, as PromQL calls them, asked by SQL of a lake or a hub."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from firstlight.query.promql.sources.lake_names import shown_name

STATEMENT = """
SELECT name, field, kind, service = '' AND session_id = '' AND scope = '' AND field = 'value' AS plain,
  max(unit) AS unit, max(description) AS description, count(*) AS series
FROM series GROUP BY ALL
"""
MOST = 100_000


@dataclass(frozen=True, slots=True)
class MetricName:
    """One name that PromQL knows.

    Attributes:
        name: what it is called.
        type: what its values mean, as ``counter``.
        unit: as the source spells it; empty when unknown.
        help: one line.
        series: how many series have this name.
    """

    name: str
    type: str
    unit: str
    help: str
    series: int


def metric_names(rows: Iterable[Sequence[Any]], containing: str = "") -> list[MetricName]:
    """Return the metrics that the ``rows`` of :data:`STATEMENT` tell of, by name.

    Args:
        rows: the answer.
        containing: only names with this text in them, in whatever case.
    """
    found: dict[str, MetricName] = {}
    for name, field, kind, is_plain, unit, description, count in rows:
        shown = name if is_plain else shown_name(name, field, kind)
        if containing.lower() not in shown.lower():
            continue
        before = found.get(shown, MetricName(shown, kind, "", "", 0))
        found[shown] = MetricName(
            shown, before.type, before.unit or unit or "", before.help or description or "", before.series + count
        )
    return [found[name] for name in sorted(found)]
