"""Which series of a table of definitions meet matchers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from firstlight.errors import QueryError
from firstlight.model import Matcher

_NAME = "__name__"
_PARTS = frozenset({"service", "session_id", "scope", "field"})


def matching(series: pa.Table, matchers: Sequence[Matcher]) -> Any:
    """Return which rows of the ``series`` table meet all ``matchers`` (see :class:`firstlight.model.Matcher`); bool.

    Raises:
        QueryError: a value is no regular expression.
    """
    met = np.ones(series.num_rows, bool)
    for matcher in matchers:
        met &= _meets(_values(series, matcher.label), matcher)
    return met


def _values(series: pa.Table, label: str) -> pa.ChunkedArray:
    """Return the value of ``label`` of each series; empty where it has none."""
    if label == _NAME:
        return series["name"]
    values = pc.map_lookup(series["labels"], label, "first")
    if label in _PARTS:
        values = pc.coalesce(values, series[label])
    return values.fill_null("")


def _meets(values: pa.ChunkedArray, matcher: Matcher) -> Any:
    if matcher.op in {"=", "!="}:
        met = pc.equal(values, matcher.value)
    else:
        try:
            met = pc.match_substring_regex(values, f"^(?s:{matcher.value})$")
        except pa.ArrowInvalid as error:
            raise QueryError(f"{matcher.value!r} is no regular expression in RE2's syntax: {error}") from error
    found = met.to_numpy()
    return ~found if matcher.op in {"!=", "!~"} else found
