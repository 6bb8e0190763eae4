"""Sizes and counts of an open lake, and what this process did with it."""

from collections import Counter
from typing import Any

from firstlight.app.series_limits import SeriesAdmission, refused_by_reason
from firstlight.store.keeper import Keeper
from firstlight.store.reader import LakeReader
from firstlight.store.wal import WalWriter

_SHOWN = 10


def counts(
    reader: LakeReader, keeper: Keeper | None, wal: WalWriter | None, admission: SeriesAdmission | None
) -> dict[str, Any]:
    """Return each figure by its name; those of who writes are 0 where nobody does."""
    view = reader.view()
    series = reader.series(view)
    totals = reader.catalog.totals()
    refused = admission.refused.copy() if admission else Counter()
    return {
        "series": len(series),
        "series_collisions": series.collisions,
        "snapshot": view.snapshot.number,
        "logs": len(view.files),
        "wal_bytes": sum(file.offset for file in view.files.values()),
        "tail_samples": sum(file.samples for file in view.files.values()),
        "segments": sum(table.segments for table in totals.values()),
        "sealed_rows": {name: table.rows for name, table in totals.items()},
        "sealed_bytes": sum(table.bytes for table in totals.values()),
        "appends": wal.frames if wal else 0,
        "appended_bytes": wal.bytes if wal else 0,
        "syncs": wal.syncs if wal else 0,
        "refused_samples": refused_by_reason(refused),
        "refused_metrics": [[metric, reason, count] for (reason, metric), count in refused.most_common(_SHOWN)],
        **_upkeep(keeper),
        "damaged_segments": len(reader.intact),
    }


def _upkeep(keeper: Keeper | None) -> dict[str, Any]:
    return {
        "seal_runs": keeper.done.runs if keeper else 0,
        "seal_failures": keeper.done.failures if keeper else 0,
        "seal_error": keeper.done.last_error if keeper else "",
        "torn_bytes": keeper.done.torn_bytes if keeper else 0,
        "quarantined": keeper.done.quarantined if keeper else 0,
        "lost_segments": keeper.done.lost_segments if keeper else 0,
        "lost_rows": keeper.done.lost_rows if keeper else 0,
        "retained_rows": keeper.done.retained_rows if keeper else 0,
        "reduced_rows": keeper.done.reduced_rows if keeper else 0,
        "over_bytes": keeper.done.over_bytes if keeper else 0,
    }
