"""When samples are too old, series by series."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from firstlight.model import parse_selector
from firstlight.store import schema
from firstlight.store.matching import matching
from firstlight.store.policy import Policy, begin_us

_NEVER_US = np.iinfo(np.int64).min


@dataclass(frozen=True)
class SampleAges:
    """Up to when the samples of each series may go.

    Attributes:
        usual_us: samples before this may go; of a series without a rule of its own.
        ids: ``(n,)`` the series that have one, ascending.
        begins_us: ``(n,)`` the same time for each of them.
    """

    usual_us: int
    ids: Any
    begins_us: Any

    @property
    def none_since_us(self) -> int:
        """From this on, samples of no series may go."""
        return max(self.usual_us, int(self.begins_us.max(initial=_NEVER_US)))

    def expired(self, rows: pa.Table) -> Any:
        """Return which of ``rows`` (with ``series_id`` and ``time``) may go; bool."""
        return times_us(rows) < self._begins_of(rows["series_id"].to_numpy())

    def _begins_of(self, series_ids: Any) -> Any:
        if not len(self.ids):
            return self.usual_us
        at = np.minimum(np.searchsorted(self.ids, series_ids), len(self.ids) - 1)
        return np.where(self.ids[at] == series_ids, self.begins_us[at], self.usual_us)


def sample_ages(policy: Policy, table: str, series: pa.Table, now_us: int) -> SampleAges:
    """Return the ages for ``table`` of the series that are defined in ``series``.

    Raises:
        QueryError: a rule's selector is wrong.
    """
    usual_us = _limit(now_us, policy.days.get(table, 0))
    open_rows = np.ones(series.num_rows, bool)
    begins_us = np.full(series.num_rows, usual_us)
    for rule in policy.ranked():
        met = open_rows & matching(series, parse_selector(rule.match))
        begins_us[met] = _limit(now_us, rule.days)
        open_rows &= ~met
    chosen = np.flatnonzero(begins_us != usual_us)
    ids, firsts = np.unique(series["series_id"].to_numpy()[chosen], return_index=True)
    return SampleAges(usual_us, ids, begins_us[chosen][firsts])


def times_us(rows: pa.Table) -> Any:
    """Return the times of some rows of a segment in microseconds; int64."""
    return rows["time"].cast(schema.TIME).cast(pa.int64()).to_numpy()


def _limit(now_us: int, days: float) -> int:
    found = begin_us(now_us, days)
    return _NEVER_US if found is None else found
