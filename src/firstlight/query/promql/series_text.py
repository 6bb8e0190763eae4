"""What series are called where people read: in full, and as short as tells them apart."""

import re
from collections.abc import Iterable, Sequence

from firstlight.query.promql.language.quoting import quoted
from firstlight.query.promql.sources.source import Labels

_NAME = "__name__"
_PLAIN_NAME = re.compile(r"[a-zA-Z_:][\w:]*", re.ASCII)
_PLAIN_LABEL = re.compile(r"[a-zA-Z_]\w*", re.ASCII)


def series_text(labels: Iterable[tuple[str, str]]) -> str:
    """Return ``name{label="value", ...}``, which is a selector; ``{}`` where there is nothing to say."""
    pairs = dict(labels)
    name = pairs.pop(_NAME, "")
    inside = [f"{_label(label)}={quoted(value)}" for label, value in sorted(pairs.items())]
    if not _PLAIN_NAME.fullmatch(name):
        inside = [*([quoted(name)] if name else []), *inside]
        name = ""
    return f"{name}{{{', '.join(inside)}}}" if inside or not name else name


def short_texts(series: Sequence[Labels]) -> list[str]:
    """Return a name for each series, without what all of them say."""
    common = common_labels(series) if len(series) > 1 else frozenset[tuple[str, str]]()
    return [series_text(pair for pair in labels if pair not in common) for labels in series]


def common_labels(series: Sequence[Labels]) -> frozenset[tuple[str, str]]:
    """Return the labels that every one of ``series`` has."""
    return frozenset(series[0]).intersection(*series[1:]) if series else frozenset()


def _label(label: str) -> str:
    return label if _PLAIN_LABEL.fullmatch(label) else quoted(label)
