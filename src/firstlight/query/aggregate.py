"""Samples drawn together: by steps of time and by labels."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from firstlight.errors import QueryError
from firstlight.model import Matcher, Series
from firstlight.query import kernels, rolled
from firstlight.query.select import Chosen, choose
from firstlight.store.reader import LakeReader, View
from firstlight.store.runs import Runs

LOOKBACK_NS = 300 * 10**9
"""How far before the start the sample is looked for that an increase begins with; Prometheus looks back as far."""

MAX_CELLS = 11_000_000
"""Steps times groups; more is a slip of the pen."""

_NS_PER_S = 1e9
_QUANTILE = re.compile(r"quantile\(\s*([0-9.eE+-]+)\s*\)")
_GROWING = frozenset({"increase", "rate"})

_Group = tuple[dict[str, str], Series | None]
"""What a group shows: labels, and its series when it has one only."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Where a range of time is cut: at the multiples of ``step_ns`` since the epoch.

    Attributes:
        start_ns: samples before are left out.
        end_ns: samples from here on are left out.
        step_ns: length of a step.
    """

    start_ns: int
    end_ns: int
    step_ns: int

    @property
    def first(self) -> int:
        """The number of the first step."""
        return self.start_ns // self.step_ns

    @property
    def count(self) -> int:
        """How many steps the range touches."""
        return max(0, -(-self.end_ns // self.step_ns) - self.first)


@dataclass(frozen=True, slots=True)
class Aggregated:
    """One group of series, step by step.

    Attributes:
        labels: the values that the series of the group share, as far as asked for; all of them for one series.
        series: the series, when each is a group of its own; else None.
        times_ns: ``(n,)`` int64, where each step begins; steps without samples are left out.
        values: ``(n,)`` float64.
    """

    labels: dict[str, str]
    series: Series | None
    times_ns: Any
    values: Any


@dataclass(frozen=True, slots=True)
class Aggregation:
    """How samples become one.

    Attributes:
        name: ``mean``, ``sum``, ``min``, ``max``, ``count``, ``first``, ``last``, ``stddev``, ``increase``, ``rate`` or
            ``quantile``.
        q: of a quantile, 0 to 1.
    """

    name: str
    q: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Aggregation":
        """Read ``MEAN`` or ``quantile(0.99)``, in any case.

        Raises:
            QueryError: there is no such aggregation.
        """
        lowered = text.strip().lower()
        quantile = _QUANTILE.fullmatch(lowered)
        if quantile:
            return cls("quantile", _share(quantile[1]))
        if lowered not in kernels.KERNELS:
            known = ", ".join(name.upper() for name in kernels.KERNELS)
            raise QueryError(f"no aggregation is called {text!r}; there are {known} and QUANTILE(q)")
        return cls(lowered)

    def of(self, cells: kernels.Cells) -> Any:
        """Return the value of each cell."""
        if self.name == "quantile":
            return kernels.quantile(cells, self.q)
        return kernels.KERNELS[self.name](cells)


def aggregate(
    reader: LakeReader,
    matchers: Sequence[Matcher],
    steps: Steps,
    how: str,
    by: Sequence[str] | None = (),
    field: str | None = "value",
) -> list[Aggregated]:
    """Aggregate the samples of the series that meet ``matchers``, from rollups where these say the same.

    Args:
        reader: the lake.
        matchers: see :class:`firstlight.model.Matcher`.
        steps: the range of time and where it is cut.
        how: see :meth:`Aggregation.parse`.  An aggregation goes over all samples of a group in a step, whichever series
            they are of; an increase is that of each series, summed over the group; a rate is that per second.
        by: labels whose values make a group; none for one group of all; None for each series by itself.
        field: only series of this field; None for all.

    Raises:
        QueryError: no such aggregation, a bad range or a bad matcher.
        StorageError: a segment cannot be read.
    """
    aggregation = Aggregation.parse(how)
    _check(steps)

    def read(view: View) -> list[Aggregated]:
        chosen = choose(reader, view, matchers, field)
        groups, shown = _groups(chosen, by)
        if steps.count * max(1, len(shown)) > MAX_CELLS:
            raise QueryError(f"{steps.count} steps of {len(shown)} groups are too many; take longer steps")
        if aggregation.name in rolled.MEASURES:
            where = rolled.plan(reader, view, (steps.start_ns, steps.end_ns), steps.step_ns)
            if where.rolled:
                grid = rolled.Grid(chosen.ids, groups, steps.step_ns, steps.first, steps.count)
                return _apart(shown, *rolled.cells_of(reader, view, where, grid, aggregation.name), steps)
        runs = _samples(reader, view, chosen, steps, aggregation)
        if not len(runs.times_ns):
            return []
        at = groups[np.searchsorted(chosen.ids, runs.ids)]
        cells = kernels.cells_of(runs, at, steps.step_ns, steps.first, steps.count)
        values = aggregation.of(cells)
        return _apart(
            shown, cells.keys, values / (steps.step_ns / _NS_PER_S if aggregation.name == "rate" else 1), steps
        )

    return reader.reading(read)


def _samples(reader: LakeReader, view: View, chosen: Chosen, steps: Steps, aggregation: Aggregation) -> Runs:
    is_growing = aggregation.name in _GROWING
    start_ns = steps.start_ns - LOOKBACK_NS if is_growing else steps.start_ns
    runs = kernels.without_stale(reader.runs(view, chosen.ids, start_ns, steps.end_ns))
    return kernels.increases(runs, steps.start_ns) if is_growing else runs


def _groups(chosen: Chosen, by: Sequence[str] | None) -> tuple[Any, list[_Group]]:
    """Return the number of each series' group, and labels and series of each group."""
    if by is None:
        return np.arange(len(chosen.ids)), [(_labels(series), series) for series in chosen.series]
    numbers: dict[tuple[str, ...], int] = {}
    keys = [tuple(map(_labels(series).get, by, [""] * len(by))) for series in chosen.series] if by else []
    groups = [numbers.setdefault(key, len(numbers)) for key in keys] if by else [0] * len(chosen.ids)
    shown = [dict(zip(by, key, strict=True)) for key in numbers] if by else [{}]
    return np.array(groups, np.int64), [({k: v for k, v in labels.items() if v}, None) for labels in shown]


def _labels(series: Series) -> dict[str, str]:
    """Return what matchers can reach of a series."""
    parts = {"service": series.service, "session_id": series.session_id, "scope": series.scope, "field": series.field}
    return {**{k: v for k, v in parts.items() if v}, "__name__": series.name, **dict(series.labels)}


def _apart(shown: list[_Group], keys: Any, values: Any, steps: Steps) -> list[Aggregated]:
    groups, step = np.divmod(keys, steps.count)
    times_ns = (step + steps.first) * steps.step_ns
    firsts = np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1])))
    pieces = zip(groups[firsts].tolist(), firsts.tolist(), [*firsts[1:].tolist(), len(keys)], strict=True)
    return [
        Aggregated(labels, series, times_ns[start:end], values[start:end])
        for group, start, end in pieces
        for labels, series in [shown[group]]
    ]


def _check(steps: Steps) -> None:
    if steps.step_ns <= 0:
        raise QueryError("a step must be longer than 0 ns")
    if steps.end_ns < steps.start_ns:
        raise QueryError("the range ends before it starts")


def _share(text: str) -> float:
    try:
        q = float(text)
    except ValueError:
        q = -1.0
    if not 0 <= q <= 1:
        raise QueryError(f"a quantile is between 0 and 1, not {text}")
    return q
