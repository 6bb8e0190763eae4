"""SQL over everything a lake holds, rows of the last moment included."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from firstlight.errors import QueryError
from firstlight.query.rows import RowSet
from firstlight.query.time_range import EVER, time_range_us
from firstlight.store.database import Database, confined_database
from firstlight.store.reader import DEFAULT_TIME_LIMIT_S, LakeReader, View
from firstlight.store.schema import REPEATED_TEXT, TIME

INTERRUPT_AGAIN_S = 0.05
_POLL_S = 0.05
_FETCH_ROWS = 4096
_FEW_SEGMENTS = 4
"""With more, it is worth looking which of them a statement needs."""

Params = Sequence[Any] | Mapping[str, Any] | None
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
        self.time_limit_s = time_limit_s

    def run(
        self,
        query: str,
        params: Params = None,
        *,
        limit: int | None = None,
        time_limit_s: float | None = None,
        memory_limit_bytes: int | None = None,
        cancel: threading.Event | None = None,
    ) -> RowSet:
        """Run one statement; see :meth:`firstlight.ports.SignalReader.sql`.

        Args:
            query: one SELECT (or EXPLAIN, DESCRIBE, SHOW, SUMMARIZE).
            params: values for ``?`` or ``$name``.
            limit: rows to return at most; None for all.
            time_limit_s: stop it when it takes longer; None for the engine's own limit.
            memory_limit_bytes: give it a database of its own with no more memory than that; None to share the engine's.
            cancel: set by another thread to stop the statement.

        Raises:
            QueryError: the statement is wrong, may not run, or took too long or too much.
            StorageError: segments are missing.
            KeyboardInterrupt: it was typed meanwhile.
        """
        self._check(query)
        until = _Until(self.time_limit_s if time_limit_s is None else time_limit_s, cancel)
        with self._database(memory_limit_bytes) as database:
            answer = self._reader.reading(
                lambda view: self._answer(database, _Statement(query, params, limit), view, until)
            )
        tables = sorted({table for name in _named(query) for table in TABLES[name]})
        answer.warnings = self._reader.missing(tables)
        return answer

    def _check(self, query: str) -> None:
        try:
            # Not on DuckDB's default connection: a forked child inherits it, perhaps while a thread has locked it.
            with self._reader.database.cursor() as cursor:
                statements = cursor.extract_statements(query)
        except duckdb.Error as error:
            raise QueryError(str(error).strip()) from error
        if len(statements) != 1:
            raise QueryError(f"expected one statement, got {len(statements)}")
        if statements[0].type not in _ALLOWED:
            raise QueryError("only SELECT, EXPLAIN, DESCRIBE, SHOW and SUMMARIZE may run here; the lake is read-only")

    @contextmanager
    def _database(self, memory_limit_bytes: int | None) -> Iterator[Database]:
        if memory_limit_bytes is None:
            yield self._reader.database
            return
        database = confined_database(self._reader.layout, memory_limit_bytes, 1)
        try:
            yield database
        finally:
            database.close()

    def _answer(self, database: Database, statement: "_Statement", view: View, until: "_Until") -> RowSet:
        with database.cursor() as cursor, _stopwatch(cursor, until):
            try:
                self._prepare(cursor, statement, view)
                given = [statement.params] if statement.params else []
                cursor.execute(statement.query, *given)
                return _fetch(cursor, statement.limit)
            except duckdb.InterruptException:
                raise QueryError(until.why()) from None
            except duckdb.OutOfMemoryException:
                raise QueryError("the query needs more memory than it may use; narrow it or raise the limit") from None
            except duckdb.Error as error:
                _raise_if_replaced(view)
                raise QueryError(str(error).strip()) from error
            except RuntimeError as error:
                # That is how DuckDB passes on what Python's signal handler raised.
                if isinstance(error.__context__, KeyboardInterrupt):
                    raise KeyboardInterrupt from None
                raise
            finally:
                cursor.interrupt()  # closing waits for what still runs

    def _prepare(self, cursor: duckdb.DuckDBPyConnection, statement: "_Statement", view: View) -> None:
        named = _named(statement.query)
        within_us = EVER
        if any(len(view.snapshot.segments.get(TABLES[name][0], ())) > _FEW_SEGMENTS for name in named):
            within_us = time_range_us(cursor, statement.query, statement.params, named)
        for name in named:
            self._define(cursor, name, view, within_us)

    def _define(self, cursor: duckdb.DuckDBPyConnection, name: str, view: View, within_us: tuple[int, int]) -> None:
        for table in TABLES[name]:
            rows = self._reader.series_table(view) if table == "series" else self._reader.tail_table(table, view)
            cursor.register(f"arrow_{table}", rows)
            cursor.execute(f"CREATE OR REPLACE TEMP VIEW tail_{table} AS {_plain_scan(table, rows.schema)}")
        rows_of = self._rows(TABLES[name][0], view, within_us)
        cursor.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {_VIEWS[name](rows_of)}")

    def _rows(self, table: str, view: View, within_us: tuple[int, int]) -> str:
        """Return a statement for the sealed rows and the tail's rows of ``table``."""
        if table == "series":
            return "FROM tail_series"
        sealed = self._reader.segments(table, view, *within_us)
        if table == "samples":
            return f"SELECT {_SAMPLE} FROM {sealed} UNION ALL SELECT series_id, time, ns, value FROM tail_samples"
        return f"FROM {sealed} UNION ALL BY NAME FROM tail_{table}"


@dataclass(frozen=True, slots=True)
class _Statement:
    query: str
    params: Params
    limit: int | None


@dataclass(frozen=True, slots=True)
class _Until:
    """How long a statement may run."""

    limit_s: float
    cancel: threading.Event | None

    def why(self) -> str:
        """Say why it was stopped."""
        if self.cancel is not None and self.cancel.is_set():
            return "the query was cancelled"
        return f"the query took longer than {self.limit_s:g} s; narrow its time range or raise the limit"


@contextmanager
def _stopwatch(cursor: duckdb.DuckDBPyConnection, until: _Until) -> Iterator[None]:
    done = threading.Event()

    def watch() -> None:
        if _wait(done, until.cancel, until.limit_s):
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


def _raise_if_replaced(view: View) -> None:
    """Raise FileNotFoundError when a segment of ``view`` is gone: what failed may work with a newer view."""
    for segment in chain.from_iterable(view.snapshot.segments.values()):
        Path(segment.path).stat()


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
        'positive_offset, positive, negative_offset, negative, "min", "max", float_count, float_zero_count, '
        "float_positive, float_negative, bounds, coalesce(hint, 0) AS hint, series_id "
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


def _fetch(cursor: duckdb.DuckDBPyConnection, limit: int | None) -> RowSet:
    types = [str(item[1]) for item in cursor.description or []]
    reader = cursor.to_arrow_reader(_FETCH_ROWS)
    batches: list[pa.RecordBatch] = []
    count = 0
    for batch in reader:
        batches.append(batch)
        count += batch.num_rows
        if limit is not None and count > limit:
            break
    table = pa.Table.from_batches(batches, reader.schema)
    truncated = limit is not None and count > limit
    return RowSet(table.slice(0, limit) if truncated else table, types, truncated=truncated)
