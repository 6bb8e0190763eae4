"""SQL over everything a lake holds, rows of the last moment included."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa

from firstlight.errors import QueryError
from firstlight.query.rows import RowSet, from_arrow
from firstlight.store.reader import LakeReader, View
from firstlight.store.schema import REPEATED_TEXT, TIME

DEFAULT_TIME_LIMIT_S = 30.0
INTERRUPT_AGAIN_S = 0.05
_FETCH_ROWS = 4096
_ALLOWED = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
_TIME_NS = "epoch_us(time) * 1000 + ns"
_SAMPLE = "series_id, time, ns, coalesce(value_int::DOUBLE / value_divisor, value_double) AS value"
_SERIES = "field, labels, service, session_id, scope, kind, unit"
_LEVEL = (
    "CASE WHEN level_number < 5 THEN 'TRACE' WHEN level_number < 9 THEN 'DEBUG' WHEN level_number < 13 THEN 'INFO' "
    "WHEN level_number < 17 THEN 'WARN' WHEN level_number < 21 THEN 'ERROR' ELSE 'CRITICAL' END"
)
_SENDER = "service, session_id, host, pid, resource"

# Which log tables stand behind the name that a query uses.
TABLES: dict[str, tuple[str, ...]] = {
    "metrics": ("samples", "series"),
    "samples": ("samples",),
    "series": ("series",),
    "events": ("events",),
    "spans": ("spans",),
    "exponential_histograms": ("exponential", "series"),
}


class SqlEngine:
    """Runs read-only SQL.

    Args:
        reader: the lake.
        time_limit_s: a statement that takes longer is stopped.
    """

    def __init__(self, reader: LakeReader, time_limit_s: float = DEFAULT_TIME_LIMIT_S) -> None:
        self._reader = reader
        self._time_limit_s = time_limit_s

    def run(
        self,
        query: str,
        params: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        cancel: threading.Event | None = None,
    ) -> RowSet:
        """Run one statement; see :meth:`firstlight.ports.SignalReader.sql`.

        Args:
            query: one SELECT (or EXPLAIN, DESCRIBE, SHOW, SUMMARIZE).
            params: values for ``?`` or ``$name``.
            limit: rows to return at most; None for all.
            cancel: set by another thread to stop the statement.

        Raises:
            QueryError: the statement is wrong, may not run, or took too long.
        """
        _check(query)
        answer = self._reader.reading(lambda view: self._answer(view, query, params, limit, cancel))
        tables = {table for name in _named(query) for table in TABLES[name]}
        missing = self._reader.intact.warnings(self._reader.catalog.snapshot(), sorted(tables))
        return replace(answer, warnings=missing) if missing else answer

    def _answer(
        self,
        view: View,
        query: str,
        params: Sequence[Any] | Mapping[str, Any] | None,
        limit: int | None,
        cancel: threading.Event | None,
    ) -> RowSet:
        with self._reader.database.cursor() as cursor, self._stopwatch(cursor, cancel):
            try:
                with self._reader.outdated_is_known(view):
                    self._prepare(cursor, query, view)
                    cursor.execute(query, params) if params else cursor.execute(query)
                    return _fetch(cursor, limit)
            except duckdb.InterruptException:
                raise QueryError(self._why_stopped(cancel)) from None
            except duckdb.OutOfMemoryException:
                raise QueryError("the query needs more memory than it may use; narrow it or raise the limit") from None
            except duckdb.Error as error:
                raise QueryError(str(error).strip()) from error

    def _prepare(self, cursor: duckdb.DuckDBPyConnection, query: str, view: View) -> None:
        for name in _named(query):
            self._define(cursor, name, view)

    def _define(self, cursor: duckdb.DuckDBPyConnection, name: str, view: View) -> None:
        for table in TABLES[name]:
            rows = self._reader.series_table(view) if table == "series" else self._reader.tail_table(table, view)
            cursor.register(f"arrow_{table}", rows)
            cursor.execute(f"CREATE OR REPLACE TEMP VIEW tail_{table} AS {_plain_scan(table, rows.schema)}")
        cursor.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {_VIEWS[name](self._rows(TABLES[name][0], view))}")

    def _rows(self, table: str, view: View) -> str:
        """Return a statement for the sealed rows and the tail's rows of ``table``."""
        sealed = self._reader.segments(table, view)
        if table == "series":
            return "FROM tail_series"
        if table == "samples":
            return f"SELECT {_SAMPLE} FROM {sealed} UNION ALL SELECT series_id, time, ns, value FROM tail_samples"
        return f"FROM {sealed} UNION ALL FROM tail_{table}"

    @contextmanager
    def _stopwatch(self, cursor: duckdb.DuckDBPyConnection, cancel: threading.Event | None) -> Iterator[None]:
        done = threading.Event()

        def watch() -> None:
            if _wait(done, cancel, self._time_limit_s):
                cursor.interrupt()
                # One that comes between two statements is forgotten by the next.
                while not done.wait(INTERRUPT_AGAIN_S):
                    cursor.interrupt()

        watcher = threading.Thread(target=watch, name="firstlight-query-limit", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def _why_stopped(self, cancel: threading.Event | None) -> str:
        if cancel is not None and cancel.is_set():
            return "the query was cancelled"
        return f"the query took longer than {self._time_limit_s:g} s; narrow its time range or raise the limit"


def _wait(done: threading.Event, cancel: threading.Event | None, limit_s: float) -> bool:
    """Return True when the work should be stopped, False when it is done."""
    if cancel is None:
        return not done.wait(limit_s)
    waited_s = 0.0
    while waited_s < limit_s and not cancel.is_set():
        if done.wait(_POLL_S):
            return False
        waited_s += _POLL_S
    return True


_POLL_S = 0.05


def _named(query: str) -> list[str]:
    """Return the tables that a statement may speak of."""
    text = query.lower()
    return [name for name in TABLES if name in text]


def _plain_scan(table: str, columns: pa.Schema) -> str:
    """Read an Arrow table so that no filter reaches Arrow's own scan, which does not know all kinds that joins make.

    A filter follows a column only as long as it is a bare column.
    """
    shown = ", ".join(_opaque(column) for column in columns)
    return f"SELECT {shown} FROM arrow_{table}"


def _opaque(column: pa.Field) -> str:
    zero = _ZEROS.get(column.type)
    return f'"{column.name}"' if zero is None else f'coalesce("{column.name}", {zero}) AS "{column.name}"'


_ZEROS = {
    pa.string(): "''",
    REPEATED_TEXT: "''",
    pa.int64(): "0",
    pa.int8(): "0",
    pa.int16(): "0",
    TIME: "'epoch'::TIMESTAMPTZ",
}


def _metrics_view(rows: str) -> str:
    return (
        f"SELECT time, {_TIME_NS} AS time_ns, name, value, {_SERIES}, series_id "
        f"FROM ({rows}) JOIN tail_series USING (series_id)"
    )


def _samples_view(rows: str) -> str:
    return f"SELECT time, {_TIME_NS} AS time_ns, series_id, value FROM ({rows})"


def _series_view(rows: str) -> str:
    return f"SELECT series_id, name, {_SERIES}, description FROM ({rows})"


def _events_view(rows: str) -> str:
    return (
        f"SELECT time, {_TIME_NS} AS time_ns, {_LEVEL} AS level, level_number, subsystem, component, name, body, "
        f"attributes, trace_id, span_id, {_SENDER} FROM ({rows})"
    )


def _spans_view(rows: str) -> str:
    return (
        f"SELECT time, {_TIME_NS} AS time_ns, {_TIME_NS} + duration_ns AS end_ns, duration_ns, name, kind, status, "
        "status_message, trace_id, span_id, parent_id, subsystem, component, attributes, events, links, "
        f"{_SENDER} FROM ({rows})"
    )


def _exponential_view(rows: str) -> str:
    return (
        f'SELECT time, {_TIME_NS} AS time_ns, name, {_SERIES}, "count", "sum", scale, zero_count, zero_threshold, '
        'positive_offset, positive, negative_offset, negative, "min", "max", series_id '
        f"FROM ({rows}) JOIN tail_series USING (series_id)"
    )


_VIEWS = {
    "metrics": _metrics_view,
    "samples": _samples_view,
    "series": _series_view,
    "events": _events_view,
    "spans": _spans_view,
    "exponential_histograms": _exponential_view,
}


def _check(query: str) -> None:
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as error:
        raise QueryError(str(error).strip()) from error
    if len(statements) != 1:
        raise QueryError(f"expected one statement, got {len(statements)}")
    if statements[0].type not in _ALLOWED:
        raise QueryError("only SELECT, EXPLAIN, DESCRIBE, SHOW and SUMMARIZE may run here; the lake is read-only")


def _fetch(cursor: duckdb.DuckDBPyConnection, limit: int | None) -> RowSet:
    columns = [item[0] for item in cursor.description or []]
    types = [str(item[1]) for item in cursor.description or []]
    batches: list[pa.RecordBatch] = []
    count = 0
    for batch in cursor.to_arrow_reader(_FETCH_ROWS):
        batches.append(batch)
        count += batch.num_rows
        if limit is not None and count > limit:
            break
    rows = from_arrow(batches)
    truncated = limit is not None and len(rows) > limit
    return RowSet(columns, types, rows[:limit] if truncated else rows, truncated)
