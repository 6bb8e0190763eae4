"""What a lake is told to do with itself: compact, verify, let old rows go, erase.  A hub may be running meanwhile."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from firstlight.errors import CorruptSegment
from firstlight.store import budget
from firstlight.store import compact as merging
from firstlight.store import erase as erasing
from firstlight.store import verify as verifying
from firstlight.store.catalog import Catalog
from firstlight.store.compact import Merged
from firstlight.store.erase import Erased, Patience
from firstlight.store.layout import Layout, explain
from firstlight.store.maintain import Maintenance
from firstlight.store.policy import Policy, SeriesRule
from firstlight.store.retain import Retained, Retention, total
from firstlight.store.selection import Selection
from firstlight.store.turn import DEFAULT_WAIT_S, turn
from firstlight.store.verify import Verified

if TYPE_CHECKING:
    from firstlight.app.settings import LakeSettings

Progress = Callable[[str, int, int], object]
"""Told of what is done, and how much of how much."""

Tell = Callable[[Mapping[str, Any]], object]
Path = str | PathLike[str]
_PATIENCE = Patience()
_NS_PER_US = 1000


class Let(NamedTuple):
    """What retention let go.

    Attributes:
        retained: what was too old, by table.
        reduced: what went to keep to the budget; None when nothing had to.
    """

    retained: list[Retained]
    reduced: budget.Reduced | None


def policy_of(settings: "LakeSettings") -> Policy:
    """Return what may go by the settings."""
    kept = settings.retention
    days = {
        "events": kept.events_days,
        "samples": kept.metrics_days,
        "exponential": kept.metrics_days,
        "spans": kept.spans_days,
        "findings": kept.findings_days,
        "audit": kept.audit_days,
        "rollup_1m": kept.rollup_1m_days,
        "rollup_1h": kept.rollup_1h_days,
    }
    rules = tuple(SeriesRule(rule.match, rule.days) for rule in kept.series)
    return Policy(days, rules, settings.disk_budget_bytes)


def compact(
    path: Path, progress: Progress = lambda *_: None, *, dry_run: bool = False, wait_s: float = DEFAULT_WAIT_S
) -> list[Merged]:
    """Seal what is finished and make every day one segment; return the merges.

    Args:
        path: the lake's directory.
        progress: told how far it is.
        dry_run: only say what would be merged; sizes afterwards are then 0.
        wait_s: how long to wait for whoever changes the lake.

    Raises:
        Unavailable: nobody made way in time; nothing was done.
        StorageError: a segment or the catalog could not be written; nothing is lost.
        StorageFull: no space; nothing is lost.
    """
    layout = Layout(path)
    if dry_run:
        return [_planned(work) for work in merging.possible(Catalog(layout).snapshot())]
    merged: list[Merged] = []
    with _explained(layout), turn(layout, wait_s):
        maintenance = Maintenance(layout, lambda told: _note_merge(told, merged))
        maintenance.seal()
        maintenance.compact_all(progress)
    return merged


def verify(
    path: Path, progress: Progress = lambda *_: None, *, repair: bool = True, wait_s: float = DEFAULT_WAIT_S
) -> Verified:
    """See :func:`firstlight.store.verify.verify`."""
    layout = Layout(path)
    with _explained(layout):
        return verifying.verify(layout, progress, repair=repair, wait_s=wait_s)


def retain(path: Path, policy: Policy, now_ns: int, *, dry_run: bool = False, wait_s: float = DEFAULT_WAIT_S) -> Let:
    """Let go what ``policy`` says, single series too.

    Args:
        path: the lake's directory.
        policy: what may go.
        now_ns: now.
        dry_run: only say what would go because of its age; of single series about how many bytes.
        wait_s: how long to wait for whoever changes the lake.

    Raises:
        Unavailable: nobody made way in time; nothing was done.
        QueryError: a rule's selector is wrong.
        StorageError: a segment or the catalog could not be written; what went is gone, the rest is there.
        StorageFull: likewise.
    """
    layout, now_us = Layout(path), now_ns // _NS_PER_US
    with _explained(layout):
        if dry_run:
            return Let(total(Retention(layout, policy).plan(now_us)), None)
        told: list[Mapping[str, Any]] = []
        with turn(layout, wait_s):
            maintenance = Maintenance(layout, told.append, policy)
            maintenance.retain_all(now_us)
            maintenance.reduce(now_us)
    reduced = [budget.Reduced(**one["reduced"]) for one in told if "reduced" in one]
    return Let([Retained(**one["retained"]) for one in told if "retained" in one], reduced[0] if reduced else None)


def erase(
    path: Path,
    selection: Selection,
    progress: Progress = lambda *_: None,
    *,
    dry_run: bool = False,
    patience: Patience = _PATIENCE,
) -> Erased:
    """See :func:`firstlight.store.erase.erase`."""
    layout = Layout(path)
    with _explained(layout):
        return erasing.erase(layout, selection, dry_run=dry_run, patience=patience, progress=progress)


@contextmanager
def _explained(layout: Layout) -> Iterator[None]:
    try:
        yield
    except pa.ArrowException as error:
        raise CorruptSegment(f"a segment cannot be read: {error}; see 'firstlight lake verify'") from error
    except OSError as error:
        raise explain(error, layout.root) from error


def _planned(work: merging.Merge) -> Merged:
    rows, size_bytes = (sum(numbers) for numbers in zip(*((s.rows, s.bytes) for s in work.segments), strict=True))
    return Merged(work.table, work.day, len(work.segments), rows, size_bytes, 0)


def _note_merge(told: Mapping[str, Any], merged: list[Merged]) -> None:
    if done := told.get("compacted"):
        merged.append(Merged(**done))
