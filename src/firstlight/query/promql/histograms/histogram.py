"""Native histograms as PromQL computes with them: counts are floats, buckets are sparse, and nothing changes in place.

Follows Prometheus 3.5 (https://prometheus.io/docs/specs/native_histograms/).  The other modules take them further:

=============================  =========================================================================================
``histogram``                  :class:`Histogram`, :class:`Buckets`, :class:`Hint`, :func:`exponential_bounds`
``histogram_troubles``         :class:`Trouble`: why there is no result, or what is doubtful about it
``histogram_arithmetic``       ``add``, ``subtract``, ``multiply``, ``divide``, ``is_reset``, ``same``, ``coarser``
``histogram_sums``             ``total``, ``mean`` of many
``histogram_rates``            ``window_rates`` (rate, increase, delta), ``instant_rate`` (irate, idelta), ``resets``,
                               ``changes``
``histogram_statistics``       ``average``, ``quantile``, ``fraction``, ``variance``, ``deviation``
``histogram_quantiles``        ``quantiles`` of many at once
``histogram_tables``           ``Table``: many of one layout as rows and columns
``histogram_layout``           ``filled_buckets``: bounds and counts in ascending order
``histogram_text``             ``api_form`` (the HTTP API's JSON), ``text_form`` (as label values spell it)
``histogram_points``           ``of_point``, ``to_point``: the lake's rows
=============================  =========================================================================================
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from functools import cache
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np

CUSTOM_BUCKETS = -53
"""The schema of histograms whose bounds are given one by one."""

_LARGEST = float(np.finfo(np.float64).max)
_BEYOND = 1024
"""The power of two that is just too large for a double."""


class Hint(IntEnum):
    """What is known of a counter reset between the sample before and this one."""

    UNKNOWN = 0
    RESET = 1
    NOT_RESET = 2
    GAUGE = 3


class Buckets(NamedTuple):
    """The buckets of one side that hold something.

    Attributes:
        indexes: int64, ascending.
        counts: float64, none of them zero, each of its own bucket alone.
    """

    indexes: Any
    counts: Any

    @classmethod
    def dense(cls, first: int, counts: Sequence[float]) -> "Buckets":
        """Return the buckets from index ``first`` on."""
        return cls(np.arange(first, first + len(counts), dtype=np.int64), np.array(counts, np.float64)).compact()

    @classmethod
    def spans(cls, spans: Iterable[tuple[int, int]], counts: Sequence[float]) -> "Buckets":
        """Return the buckets of ``(gap, length)`` runs, as the Prometheus protocol has them."""
        ends = accumulate(spans, lambda end, span: end + span[0] + span[1], initial=0)
        runs = [np.arange(end + gap, end + gap + length) for end, (gap, length) in zip(ends, spans, strict=False)]
        return cls(np.concatenate(runs).astype(np.int64), np.array(counts, np.float64)).compact() if runs else NONE

    def compact(self) -> "Buckets":
        """Return only what is not zero."""
        counts = self.counts
        if counts.all():
            return self
        filled = counts != 0
        return Buckets(self.indexes[filled], counts[filled])

    def __bool__(self) -> bool:
        return len(self.indexes) > 0


NONE = Buckets(np.empty(0, np.int64), np.empty(0, np.float64))


def sliced(indexes: Any, counts: Any, edges: Any) -> list[Buckets]:
    """Return buckets that lie one after the other, none of them zero, cut at ``edges``."""
    pairs = pairwise(edges.tolist())
    return [Buckets(indexes[start:end], counts[start:end]) if end > start else NONE for start, end in pairs]


class Histogram(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One sample of a native histogram.  Do not write into its arrays: histograms share them.

    Attributes:
        schema: -4..8: bounds are the powers of ``2 ** 2 ** -schema``; or :data:`CUSTOM_BUCKETS`.
        count: of observations, those of NaN included.
        sum: of all observations.
        zero_threshold: values up to so far from zero are in the zero bucket.
        zero_count: what that holds.
        positive: bucket ``i`` is ``(base ** (i - 1), base ** i]``; with custom bounds ``(bounds[i - 1], bounds[i]]``.
        negative: the mirror image; never with custom bounds.
        bounds: upper bounds, ascending, without the infinite one.
        hint: see :class:`Hint`.
    """

    schema: int = 0
    count: float = 0.0
    sum: float = 0.0
    zero_threshold: float = 0.0
    zero_count: float = 0.0
    positive: Buckets = NONE
    negative: Buckets = NONE
    bounds: tuple[float, ...] = ()
    hint: Hint = Hint.UNKNOWN

    @property
    def custom(self) -> bool:
        """Whether the bounds are given one by one."""
        return self.schema == CUSTOM_BUCKETS

    def hinted(self, hint: Hint) -> "Histogram":
        """Return the same with another hint."""
        return self if self.hint is hint else msgspec.structs.replace(self, hint=hint)

    def unhinted(self) -> "Histogram":
        """Return the same without what a hint says of the sample before, which is another one in a subquery."""
        return self if self.hint is Hint.GAUGE else self.hinted(Hint.UNKNOWN)

    def upper_bounds(self, indexes: Any) -> Any:
        """Return the upper bounds of positive buckets; those of ``indexes - 1`` are the lower ones."""
        if self.schema != CUSTOM_BUCKETS:
            return exponential_bounds(indexes, self.schema)
        bounds = np.array((-np.inf, *self.bounds, np.inf))
        return bounds[np.clip(indexes + 1, 0, len(bounds) - 1)]


@cache
def _fractions(schema: int) -> Any:
    """Bounds from one to below two, each schema's between those of the one before.

    To the last bit those of Prometheus, whose exp2 makes the root of two a little too small.
    """
    if schema == 0:
        return np.ones(1)
    factor = float(np.exp2(2.0**-schema))
    coarse = _fractions(schema - 1)
    return np.outer(coarse, (1.0, np.nextafter(factor, 0.0) if schema == 1 else factor)).ravel()


def exponential_bounds(indexes: Any, schema: int) -> Any:
    """Return the upper bounds of the positive buckets ``indexes`` of a schema of -4..8.

    The last bucket of finite values ends at the largest double, so that only infinities are beyond it.
    """
    steps = 1 << max(schema, 0)
    powers = indexes << -schema if schema < 0 else indexes >> schema
    fractions = _fractions(max(schema, 0))[indexes & (steps - 1)]
    with np.errstate(over="ignore"):
        bounds = np.ldexp(fractions, powers)
    return np.where((powers == _BEYOND) & (fractions == 1.0), _LARGEST, bounds)
