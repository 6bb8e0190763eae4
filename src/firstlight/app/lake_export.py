"""Exporting rows of a lake, as it was at one moment, with bounded memory."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from firstlight.app.exports.formats import (
    CsvWriter,
    LineWriter,
    ParquetWriter,
    Writer,
    csv_rows,
    json_lines,
    line_protocol,
)
from firstlight.app.exports.history import HistoryWriter
from firstlight.app.exports.targets import Target, plain_name
from firstlight.app.exports.wanted import Format, Progress, Report, Wanted
from firstlight.errors import UsageError
from firstlight.store import schema
from firstlight.store.held import Held, hold
from firstlight.store.layout import Layout

TABLES = {"events": ("events",), "spans": ("spans",), "metrics": ("samples", "exponential")}
SUFFIXES: dict[Format, str] = {
    "jsonl": ".jsonl",
    "csv": ".csv",
    "parquet": ".parquet",
    "influx": ".lp",
    "prometheus": ".prom",
    "openmetrics": ".om",
}
_HISTORIES = ("prometheus", "openmetrics")
_DESCRIBED = [name for name in schema.SERIES.names if name != "series_id"]


def format_of(name: str) -> Format | None:
    """Return the format that a file's name stands for; None when it says none."""
    plain = plain_name(Path(name))
    return next((form for form, suffix in SUFFIXES.items() if plain.endswith(suffix)), None)


def export(lake: str | PathLike[str], to: str, wanted: Wanted, progress: Progress | None = None) -> Report:
    """Write the rows that are wanted of the lake in directory ``lake``, as they are when this begins.

    Rows come in no particular order, except that the samples of one metric stand together where the format asks for
    that.

    Args:
        lake: its directory; others may write to it.
        to: ``-`` for standard output, a file (packed if it ends in ``.gz`` or ``.zst``), or a directory, which exists
            or ends in ``/``.
        wanted: which rows, and how.
        progress: hears how far it is.

    Raises:
        UsageError: the format cannot be written there.
        StorageError: the lake cannot be read, or the file not written; nothing is left behind.
        CorruptSegment: a segment is damaged; likewise.
    """
    target, report = Target(to), Report()
    if wanted.format == "parquet" and to == "-":
        raise UsageError("Parquet is not for standard output; name a file or a directory")
    tables = [table for signal in wanted.signals for table in TABLES[signal]]
    try:
        with hold(Layout(lake), tables) as held:
            _write(held, tables, target, wanted, report, progress or _quietly)
        report.files = target.finish()
    except BaseException:
        target.abandon()
        raise
    return report


def _write(held: Held, tables: list[str], target: Target, wanted: Wanted, report: Report, progress: Progress) -> None:
    ids = _ids(held, wanted) if wanted.matchers else None
    if wanted.format in _HISTORIES:
        every = np.sort(held.index().ids()) if ids is None else ids
        file = target.open(f"metrics{SUFFIXES[wanted.format]}")
        HistoryWriter(held, wanted, every, report).write(file, lambda done, total: progress("samples", done, total))
        return
    writer = _writer(target, wanted.format, report)
    for table in tables:
        total, done = held.count(table, wanted.start_ns, wanted.end_ns), 0
        is_metric = table in TABLES["metrics"]
        for rows in held.pieces(table, wanted.start_ns, wanted.end_ns, ids if is_metric else None):
            writer.write(table, _joined(held, table, rows, report) if is_metric else rows)
            done += rows.num_rows
            progress(table, done, total)
    writer.close()


def _writer(target: Target, chosen: Format, report: Report) -> Writer:
    if chosen == "parquet":
        return ParquetWriter(target, report)
    if chosen == "csv":
        return CsvWriter(target, report, SUFFIXES[chosen], csv_rows)
    return LineWriter(target, report, SUFFIXES[chosen], json_lines if chosen == "jsonl" else line_protocol)


def _ids(held: Held, wanted: Wanted) -> Any:
    index = held.index()
    found = [index.ids(index.match(matchers)) for matchers in wanted.matchers]
    return np.unique(np.concatenate(found))


def _joined(held: Held, table: str, rows: pa.Table, report: Report) -> pa.Table:
    """Return rows with the columns of their series beside their own."""
    index = held.index()
    positions = index.positions(rows["series_id"].to_numpy())
    known = positions >= 0
    if not known.all():
        report.wrote(table, 0, int(np.count_nonzero(~known)))
        rows, positions = rows.filter(pa.array(known)), positions[known]
    series = index.table().select(_DESCRIBED).take(pa.array(positions))
    for name in _DESCRIBED:
        column = series[name]
        rows = rows.append_column(name, column.cast(pa.string()) if name != "labels" else column)
    return rows


def _quietly(table: str, done: int, total: int) -> None:
    """Hear nothing of the progress."""
