"""The document's answers: what a question is and what the lake's figures look like in its envelope."""

from collections.abc import Mapping, Sequence
from typing import Any

from firstlight.compat.bridge import times
from firstlight.compat.bridge.errors import INVALID_AGGREGATION, RETRIEVAL_FAILURE, Refusal
from firstlight.errors import QueryError
from firstlight.query.summary import MetricSummary, Question, Reduce, Summary, reading_of

METRICS_SOURCE = "metrics_collector"
"""The source of the document's ``METRIC`` events; here the scope of all series."""

Shown = dict[str, Any]


def question(metric_names: object, time_range: object, aggregation: str | Reduce, group_by: object) -> Question:
    """Return what is asked.

    Raises:
        Refusal: an argument is wrong.
    """
    begin_ns, end_ns = _range(time_range)
    return Question(
        names=None if metric_names is None else _texts("metric_names", metric_names),
        scope=METRICS_SOURCE,
        begin_ns=begin_ns,
        end_ns=end_ns,
        aggregation=aggregation,
        by=() if group_by is None else _texts("group_by", group_by),
    )


def aggregation_of(name: object, own: Mapping[str, Reduce]) -> tuple[str, str | Reduce]:
    """Return the name of an aggregation as it is shown, and what it is.

    Raises:
        Refusal: there is none of that name.
    """
    if not isinstance(name, str):
        raise Refusal(INVALID_AGGREGATION, f"an aggregation is named by a text, not {type(name).__name__}")
    if name in own:
        return name, own[name]
    try:
        canonical = reading_of(name)
    except QueryError as error:
        also = f", or of your own: {', '.join(own)}" if own else ""
        raise Refusal(INVALID_AGGREGATION, f"Unsupported aggregation method: {error}{also}") from None
    return canonical, canonical


def metrics(found: Mapping[str, MetricSummary], name: str, asked: Question) -> dict[str, Shown]:
    """Return the document's ``metrics``."""
    return {metric: _metric(summary, name, asked) for metric, summary in found.items()}


def _metric(summary: MetricSummary, name: str, asked: Question) -> Shown:
    whole = summary.whole
    begin_ns, end_ns = asked.begin_ns, asked.end_ns
    shown = {
        "value": whole.value,
        "aggregation": name,
        "sample_count": whole.samples,
        "time_range": {
            "start": times.text(whole.first_ns if begin_ns is None else begin_ns),
            "end": times.text(whole.last_ns if end_ns is None else end_ns),
        },
    }
    return shown | {"groups": [_group(part) for part in summary.parts]} if asked.by else shown


def _group(part: Summary) -> Shown:
    return {"context": part.labels, "value": part.value, "sample_count": part.samples}


def _range(given: object) -> tuple[int | None, int | None]:
    if given is None:
        return None, None
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 2:  # noqa: PLR2004 - a pair
        raise Refusal(RETRIEVAL_FAILURE, "time_range must be a pair: from, to")
    try:
        return times.range_ns(*given)
    except ValueError as error:
        raise Refusal(RETRIEVAL_FAILURE, f"time_range: {error}") from None


def _texts(key: str, given: object) -> list[str]:
    if isinstance(given, str) or not isinstance(given, Sequence | set | frozenset):
        raise Refusal(RETRIEVAL_FAILURE, f"{key} must be a list of texts")
    found = list(given)
    if not all(isinstance(one, str) for one in found):
        raise Refusal(RETRIEVAL_FAILURE, f"{key} must be a list of texts")
    return found
