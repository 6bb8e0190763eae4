"""Questions to a hub, and its answers as the lake itself would give them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from firstlight.app.asked_times import Asked, At
from firstlight.app.moments import parse_time
from firstlight.errors import DecodeError, NotReachable

if TYPE_CHECKING:
    from firstlight.app.hub_client import HubClient
    from firstlight.query.promql.frame import Frame
    from firstlight.query.rows import RowSet

_NS_DIGITS = 9
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")


def ask_promql(client: "HubClient", expr: str, when: Asked) -> "Frame":
    """Return the answer of the hub's query API.

    Raises:
        QueryError: the query is wrong, or costs too much.
        NotReachable: nothing answers, or no hub does.
    """
    from firstlight.query.promql.frame_json import frame_from

    if isinstance(when, At):
        path, parameters, span_ns = "/api/v1/query", {"time": _seconds(when.time_ns)}, (when.time_ns, when.time_ns)
    else:
        path, span_ns = "/api/v1/query_range", (when.start_ns, when.end_ns)
        ends = {"start": _seconds(when.start_ns), "end": _seconds(when.end_ns)}
        parameters = {**ends, "step": _seconds(when.step_ns)}
    answer = client.get(path, {"query": expr, **parameters}, patient=True)
    try:
        return frame_from(answer, expr, span_ns)
    except DecodeError as error:
        raise NotReachable(f"what answers at {client.address} is no Firstlight hub ({error}); check --url") from error


def ask_sql(client: "HubClient", query: str, limit: int) -> "RowSet":
    """Return the answer to SQL; times and whole numbers are such again, what else JSON has no word for is text.

    Raises:
        QueryError: the statement is wrong, or costs too much.
        NotReachable: nothing answers, or no hub does.
    """
    import pyarrow as pa

    from firstlight.query.rows import RowSet

    answer = client.post("/api/sql", {"query": query, "limit": limit})
    try:
        names = [column["name"] for column in answer["columns"]]
        types = [column["type"] for column in answer["columns"]]
        cells = [[row[at] for row in answer["rows"]] for at in range(len(names))]
        arrays = [_column(one, kind) for one, kind in zip(cells, types, strict=True)]
        warnings = tuple(answer.get("warnings", ()))
        return RowSet(pa.table(arrays, names=names), types, truncated=answer["truncated"], warnings=warnings)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise NotReachable(f"what answers at {client.address} is no Firstlight hub; check --url") from error


def _seconds(ns: int) -> str:
    """Return ``ns`` as seconds with every digit: a double holds no whole nanoseconds of our days."""
    sign, size = ("-" if ns < 0 else ""), abs(ns)
    whole, rest = divmod(size, 10**_NS_DIGITS)
    return f"{sign}{whole}.{rest:0{_NS_DIGITS}d}" if rest else f"{sign}{whole}"


def _column(cells: Sequence[Any], kind: str) -> Any:
    import pyarrow as pa

    if kind.startswith("TIMESTAMP"):
        times_ns = [None if cell is None else parse_time(cell) for cell in cells]
        return pa.array(times_ns, pa.int64()).cast(pa.timestamp("ns", "UTC"))
    if kind in {"DOUBLE", "FLOAT"}:
        return pa.array([None if cell is None else float(cell) for cell in cells], pa.float64())
    if kind in _WHOLE:
        return pa.array(cells, pa.int64())
    if kind == "BOOLEAN":
        return pa.array(cells, pa.bool_())
    if kind.startswith("MAP"):
        return pa.array([None if cell is None else list(cell.items()) for cell in cells], _map_of(cells))
    try:
        return pa.array(cells)
    except pa.ArrowException:
        return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())


def _map_of(cells: Sequence[Any]) -> Any:
    import pyarrow as pa

    values = pa.array([value for cell in cells if cell for value in cell.values()])
    return pa.map_(pa.string(), pa.string() if pa.types.is_null(values.type) else values.type)
