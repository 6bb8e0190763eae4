"""Formats that take rows in whatever order they come."""

from collections.abc import Callable
from typing import IO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from firstlight.app.exports.targets import Target
from firstlight.app.exports.wanted import Report
from firstlight.codecs import csv, influx, influx_points, jsonl, jsonl_rows
from firstlight.model import Batch
from firstlight.store import batches, schema

Encode = Callable[[Batch], tuple[bytes, int]]
"""Returns the bytes of a batch and how many of its rows are in them."""

FILES = {"events": "events", "spans": "spans", "samples": "metrics", "exponential": "metrics"}
_COMPRESSION = "zstd"
_GROUP_ROWS = 131_072
"""Rows of a row group; so many wait in memory."""

_ENCODINGS = {
    "series_id": "DELTA_BINARY_PACKED",
    "time": "DELTA_BINARY_PACKED",
    "ns": "DELTA_BINARY_PACKED",
    "duration_ns": "DELTA_BINARY_PACKED",
    "value": "BYTE_STREAM_SPLIT",
}
_COLUMNS = {
    "events": schema.EVENTS,
    "spans": schema.SPANS,
    "samples": batches.METRICS,
    "exponential": batches.EXPONENTIAL,
}

BATCHES: dict[str, Callable[[pa.Table], list[Batch]]] = {
    "events": batches.event_batches,
    "spans": batches.span_batches,
    "samples": lambda rows: [batches.metric_batch(rows)],
    "exponential": lambda rows: [batches.exponential_batch(rows)],
}


class Writer(Protocol):
    """Writes rows of any table."""

    def write(self, table: str, rows: pa.Table) -> None:
        """Write ``rows``; those of metrics have the columns of their series beside their own."""

    def close(self) -> None:
        """Write what is held back."""


class LineWriter:
    """Writes text: one file, or one of each kind into a directory.

    Attributes:
        mixes: whether one file may have rows of several kinds.
    """

    mixes = True

    def __init__(self, target: Target, report: Report, suffix: str, encode: Encode) -> None:
        self._target = target
        self._report = report
        self._suffix = suffix
        self._encode = encode
        self._files: dict[str, IO[bytes]] = {}

    def write(self, table: str, rows: pa.Table) -> None:
        """See :class:`Writer`."""
        written = 0
        for batch in BATCHES[table](rows):
            data, count = self._encode(batch)
            written += count
            if data:
                self._file(table).write(data)
                self._report.bytes += len(data)
        self._report.wrote(table, written, rows.num_rows)

    def close(self) -> None:
        """See :class:`Writer`."""

    def _file(self, table: str) -> IO[bytes]:
        name = "" if self.mixes and not self._target.is_directory else FILES[table]
        if name not in self._files:
            self._files[name] = self._target.open(f"{name}{self._suffix}")
            self._begin(self._files[name], table)
        return self._files[name]

    def _begin(self, file: IO[bytes], table: str) -> None:
        """Write what stands at the beginning of a file."""


class CsvWriter(LineWriter):
    """Writes CSV with its line of names."""

    mixes = False

    def _begin(self, file: IO[bytes], table: str) -> None:
        file.write(csv.header(csv.EVENT_COLUMNS if table == "events" else csv.METRIC_COLUMNS))


class ParquetWriter:
    """Writes Parquet: one file, or one of each table into a directory."""

    def __init__(self, target: Target, report: Report) -> None:
        self._target = target
        self._report = report
        self._files: dict[str, _ParquetFile] = {}

    def write(self, table: str, rows: pa.Table) -> None:
        """See :class:`Writer`."""
        file = self._files.get(table)
        if file is None:
            name = "metrics" if table == "samples" else table
            file = self._files[table] = _ParquetFile(self._target.open(f"{name}.parquet"), _COLUMNS[table])
        file.write(rows)
        self._report.bytes += rows.nbytes
        self._report.wrote(table, rows.num_rows, rows.num_rows)

    def close(self) -> None:
        """See :class:`Writer`."""
        for file in self._files.values():
            file.close()


class _ParquetFile:
    """Collects rows into row groups."""

    def __init__(self, file: IO[bytes], columns: pa.Schema) -> None:
        self._columns = columns
        self._waiting: list[pa.Table] = []
        encodings = {name: encoding for name, encoding in _ENCODINGS.items() if name in columns.names}
        self._writer = pq.ParquetWriter(
            file,
            columns,
            compression=_COMPRESSION,
            use_dictionary=_dictionary_paths(columns, encodings),
            column_encoding=encodings,
            write_page_checksum=True,
        )

    def write(self, rows: pa.Table) -> None:
        self._waiting.append(rows.select(self._columns.names).cast(self._columns))
        if sum(table.num_rows for table in self._waiting) >= _GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting), _GROUP_ROWS * 2)
            self._waiting = []


def _dictionary_paths(columns: pa.Schema, encodings: dict[str, str]) -> list[str]:
    """Return the paths of the columns whose values repeat."""
    nested = {"labels": ["labels.key_value.key", "labels.key_value.value"]}
    return [path for name in columns.names if name not in encodings for path in nested.get(name, [name])]


def json_lines(batch: Batch) -> tuple[bytes, int]:
    """Return ``batch`` as whole lines: nothing is lost."""
    events = jsonl.encode_whole(batch.events, batch.resource)
    spans = jsonl_rows.encode_spans(batch.spans, batch.resource, whole=True)
    return events + spans + jsonl_rows.encode_metrics(batch, whole=True), len(batch)


def csv_rows(batch: Batch) -> tuple[bytes, int]:
    """Return the events and samples of ``batch``; others have no row."""
    events, samples = csv.encode_events(batch.events, batch.resource), csv.encode_metrics(batch)
    return events + samples, len(batch.events) + len(batch.samples)


def line_protocol(batch: Batch) -> tuple[bytes, int]:
    """Return ``batch`` as points; a sample that is not finite has none."""
    points = list(influx_points.points(batch))
    rows = len(batch) if batch.exponential else len(points)
    return influx.encode(points), rows
