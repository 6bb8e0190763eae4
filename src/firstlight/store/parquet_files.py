"""Parquet files that any engine reads: ``parquet/events-*.parquet``, ``spans-*``, ``metrics-*`` and ``exponential-*``.

A Parquet file cannot grow, so rows wait in memory until there are enough of them or enough time has passed; what waits
is lost when the process is killed.  A lake (:mod:`firstlight.store.sink`) has no such gap.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from firstlight.errors import Unavailable
from firstlight.model import Batch, Series
from firstlight.ports import Clock
from firstlight.store import columns, schema, segment
from firstlight.store.frame import RowGroup
from firstlight.store.layout import explain

FOLDER = "parquet"
FILE_ROWS = 50_000
FILE_INTERVAL_S = 60.0
RETRY_AFTER_S = 5.0
_NS_PER_S = 1_000_000_000
_NS_PER_US = 1000
_PART = ".tmp"

_SERIES = [
    ("name", pa.string()),
    ("labels", schema.LABELS),
    ("field", pa.string()),
    ("kind", pa.string()),
    ("unit", pa.string()),
    ("scope", pa.string()),
    ("service", pa.string()),
    ("session_id", pa.string()),
]
METRICS = pa.schema([("time", schema.TIME), ("ns", pa.int16()), ("value", pa.float64()), *_SERIES])


class Policy(Protocol):
    """What matters here of a policy for files (``firstlight.export.files.FilePolicy``)."""

    @property
    def rotate_interval_s(self) -> float:
        """Seconds that rows wait for a file; 0 is a minute."""

    @property
    def keep_files(self) -> int:
        """Files of each kind that stay, the newest ones; 0 keeps all."""

    @property
    def keep_s(self) -> float:
        """Seconds a file stays; 0 forever."""


class ParquetExporter:
    """Collects batches and writes one file of each kind of row at a time; a file appears whole or not at all.

    Args:
        directory: the folder ``parquet`` is made in it.
        policy: see :class:`Policy`; rows that wait for longer than its interval are written with the next batch.
        file_rows: as soon as so many rows wait they are written.
        now_ns: the clock.
    """

    def __init__(
        self,
        directory: str | PathLike[str],
        policy: Policy | None = None,
        *,
        file_rows: int = FILE_ROWS,
        now_ns: Clock = time.time_ns,
    ) -> None:
        self._directory = Path(directory) / FOLDER
        self._file_rows = file_rows
        interval_s, self._keep_files, keep_s = (
            (policy.rotate_interval_s, policy.keep_files, policy.keep_s) if policy else (0.0, 0, 0.0)
        )
        self._interval_ns = int((interval_s or FILE_INTERVAL_S) * _NS_PER_S)
        self._keep_ns = int(keep_s * _NS_PER_S)
        self._now_ns = now_ns
        self._pid = os.getpid()
        self._waiting: list[Batch] = []
        self._taken: Batch | None = None
        self._since_ns = 0
        self._written = 0

    def export(self, batch: Batch) -> None:
        """Keep ``batch`` until it is time to write.

        Raises:
            StorageFull: the disk has no room; all that waits is still there, try again later.
            Unavailable: the disk refuses for another reason.
        """
        if self._pid != os.getpid():
            # What waited before the fork is the parent's.
            self._waiting, self._taken, self._pid = [], None, os.getpid()
        if batch is not self._taken and len(batch):
            self._since_ns = self._since_ns if self._waiting else self._now_ns()
            self._waiting.append(batch)
        self._taken = batch
        waited_ns = self._now_ns() - self._since_ns
        if sum(map(len, self._waiting)) >= self._file_rows or (self._waiting and waited_ns >= self._interval_ns):
            self._write()
        self._taken = None

    def close(self) -> None:
        """Write what waits.

        Raises:
            StorageFull: the disk has no room.
            Unavailable: the disk refuses for another reason.
        """
        if self._waiting and self._pid == os.getpid():
            self._write()

    def _write(self) -> None:
        tables = {name: table for name, table in _tables(self._waiting).items() if len(table)}
        self._written += 1
        suffix = f"{_stamp(self._now_ns())}-{self._pid}-{self._written}.parquet"
        written: list[Path] = []
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            for name, table in tables.items():
                path = self._directory / f"{name}-{suffix}"
                segment.write(table, name, path.with_name(f".{path.name}{_PART}"), path, use="apart")
                written.append(path)
        except OSError as error:
            # All of it comes again, so none of it may stay.
            for path in (*written, *self._directory.glob(f".*-{suffix}{_PART}")):
                path.unlink(missing_ok=True)
            found = explain(error, self._directory)
            raise found if isinstance(found, Unavailable) else Unavailable(str(found), RETRY_AFTER_S) from error
        self._waiting = []
        self._remove_old(tables)

    def _remove_old(self, names: Iterable[str]) -> None:
        since_ns = self._now_ns() - self._keep_ns if self._keep_ns else 0
        for name in names:
            paths = sorted(self._directory.glob(f"{name}-*.parquet"), reverse=True)
            for place, path in enumerate(paths):
                # Another process may have been faster, or the file is not ours; rows must not wait for that.
                with suppress(OSError):
                    if 0 < self._keep_files <= place or path.stat().st_mtime_ns < since_ns:
                        path.unlink()


def _tables(batches: list[Batch]) -> dict[str, pa.Table]:
    groups: list[RowGroup] = [(batch.resource, batch.events, batch.spans, batch.exponential) for batch in batches]
    return {
        "events": columns.events_table(groups).cast(schema.EVENTS),
        "spans": columns.spans_table(groups).cast(schema.SPANS),
        "metrics": _metrics(batches),
        "exponential": _exponential(batches, groups),
    }


def _metrics(batches: list[Batch]) -> pa.Table:
    rows = []
    for batch in batches:
        known = {series_id: _series_cells(series) for series_id, series in batch.series.items()}
        samples = batch.samples
        for series_id, time_ns, value in zip(samples.series_ids, samples.times_ns, samples.values, strict=True):
            rows.append((*divmod(time_ns, _NS_PER_US), value, *known[series_id]))
    return _table(rows, METRICS)


def _exponential(batches: list[Batch], groups: list[RowGroup]) -> pa.Table:
    """Return the lake's columns with the series' own instead of its number."""
    points = columns.exponential_table(groups).drop_columns(["series_id"])
    rows = [_series_cells(batch.series[point.series_id]) for batch in batches for point in batch.exponential]
    described = _table(rows, pa.schema(_SERIES))
    return pa.Table.from_arrays(
        [*points.columns, *described.columns], schema=pa.schema([*points.schema, *described.schema])
    )


def _series_cells(series: Series) -> tuple[object, ...]:
    sender = (series.scope, series.service, series.session_id)
    return series.name, list(series.labels), series.field, series.kind.value, series.unit, *sender


def _table(rows: list[tuple[object, ...]], table_schema: pa.Schema) -> pa.Table:
    cells = zip(*rows, strict=True) if rows else [()] * len(table_schema)
    arrays = [pa.array(column, field.type) for column, field in zip(cells, table_schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=table_schema)


def _stamp(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // _NS_PER_S, UTC):%Y%m%dT%H%M%S}.{time_ns % _NS_PER_S // 1000:06d}Z"
