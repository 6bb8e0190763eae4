"""A reader over lists, with DuckDB's own SQL over the same rows."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import duckdb

from firstlight.errors import QueryError
from firstlight.model import Event, Series, Span

S = 1_000_000_000


class Answer(NamedTuple):
    columns: Sequence[str]
    types: Sequence[str]
    rows: Sequence[tuple[Any, ...]]
    truncated: bool


class MemoryReader:
    """Implements ports.SignalReader."""

    def __init__(self) -> None:
        self._lines: dict[int, tuple[Series, list[tuple[int, float]]]] = {}
        self._db = duckdb.connect()
        self._db.execute(
            "CREATE TABLE events (time_ns BIGINT, level_number TINYINT, subsystem VARCHAR, service VARCHAR)"
        )
        self._db.execute("CREATE TABLE spans (time_ns BIGINT, status VARCHAR, service VARCHAR)")
        self._db.execute(
            "CREATE TABLE metrics (time TIMESTAMP, time_ns BIGINT, name VARCHAR, field VARCHAR,"
            " service VARCHAR, labels MAP(VARCHAR, VARCHAR), value DOUBLE)"
        )

    def close(self) -> None:
        self._db.close()

    def add(self, series: Series, points: Sequence[tuple[int, float]]) -> None:
        self._lines.setdefault(series.id(), (series, []))[1].extend(points)
        for time_ns, value in points:
            row = [time_ns // 1000, time_ns, series.name, series.field, series.service, dict(series.labels), value]
            self._db.execute("INSERT INTO metrics VALUES (make_timestamp(?), ?, ?, ?, ?, ?, ?)", row)

    def add_events(self, events: Sequence[Event], service: str = "") -> None:
        for event in events:
            self._db.execute(
                "INSERT INTO events VALUES (?, ?, ?, ?)", [event.time_ns, event.level, event.subsystem, service]
            )

    def add_spans(self, spans: Sequence[Span], service: str) -> None:
        for span in spans:
            self._db.execute("INSERT INTO spans VALUES (?, ?, ?)", [span.start_ns, span.status, service])

    def sql(self, query: str, params: Any = None, *, limit: int | None = None) -> Answer:
        try:
            result = self._db.execute(query, params)
        except duckdb.Error as error:
            raise QueryError(str(error)) from error
        rows = result.fetchall()
        return Answer([column[0] for column in result.description], [], rows[:limit], False)

    def window(
        self, name: str, start_ns: int, end_ns: int, labels: Mapping[str, str] | None = None, field: str = "value"
    ) -> list[tuple[Series, list[int], list[float]]]:
        found = []
        for series, points in self._lines.values():
            fits = series.name == name and series.field == field
            inside = sorted(point for point in points if start_ns <= point[0] < end_ns)
            if fits and set((labels or {}).items()) <= set(series.labels) and inside:
                found.append((series, [time for time, _ in inside], [value for _, value in inside]))
        return found

    def series(self) -> Mapping[int, Series]:
        return {series_id: series for series_id, (series, _) in self._lines.items()}
