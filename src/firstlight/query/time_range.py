"""Which range of time a statement looks at, when that is plain to see: segments beyond it need not be opened.

DuckDB skips row groups by their statistics, but looks into every file's footer to do so.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb

MARGIN_US = 60_000_000
"""The clock goes on between looking at ``now()`` here and in the statement."""

EVER = (-(2**63), 2**63 - 1)

_LOWER = frozenset({"COMPARE_GREATERTHAN", "COMPARE_GREATERTHANOREQUALTO"})
_UPPER = frozenset({"COMPARE_LESSTHAN", "COMPARE_LESSTHANOREQUALTO"})
_EQUAL = frozenset({"COMPARE_EQUAL"})
_MIRRORED = {"COMPARE_GREATERTHAN": "COMPARE_LESSTHAN", "COMPARE_GREATERTHANOREQUALTO": "COMPARE_LESSTHANOREQUALTO"}
_MIRRORED |= {after: before for before, after in _MIRRORED.items()}
_AS_US = {"time": "epoch_us({}::TIMESTAMPTZ)", "time_ns": "{}::BIGINT // 1000"}
_INTERVALS = frozenset(f"to_{unit}" for unit in ("seconds", "minutes", "hours", "days", "weeks", "months", "years"))
_STEADY = _INTERVALS | {"+", "-", "*", "now", "get_current_timestamp", "today", "trunc", "date_trunc", "to_timestamp"}

Node = Mapping[str, Any]
Params = Sequence[Any] | Mapping[str, Any] | None


def time_range_us(
    cursor: duckdb.DuckDBPyConnection, query: str, params: Params, tables: Sequence[str]
) -> tuple[int, int]:
    """Return a range of microseconds outside of which no row can be in the answer of ``query``.

    It is :data:`EVER` unless the statement is one SELECT from one of ``tables`` whose WHERE is an AND that compares
    ``time`` or ``time_ns`` with a constant, a parameter, or a sum of ``now()`` and intervals.
    """
    begin_us, end_us = EVER
    for kind, column, value in _comparisons(_where(cursor, query, tables)):
        found = _value_us(cursor, column, value, params)
        if found is None:
            continue
        if kind in _LOWER | _EQUAL:
            begin_us = max(begin_us, found - MARGIN_US)
        if kind in _UPPER | _EQUAL:
            end_us = min(end_us, found + MARGIN_US)
    return begin_us, end_us


def _where(cursor: duckdb.DuckDBPyConnection, query: str, tables: Sequence[str]) -> Node | None:
    row = cursor.execute("SELECT json_serialize_sql(?)", [query]).fetchone()
    text = str(row[0]) if row else "{}"
    statements = json.loads(text).get("statements") or [{}]
    node = statements[0].get("node", {})
    source = node.get("from_table") or {}
    is_plain = node.get("type") == "SELECT_NODE" and source.get("type") == "BASE_TABLE"
    # Another table anywhere may be the same one without these conditions.
    if not is_plain or text.count('"BASE_TABLE"') != 1 or source["table_name"] not in tables:
        return None
    where: Node | None = node["where_clause"]
    return where


def _comparisons(node: Node | None) -> Iterator[tuple[str, str, Node]]:
    """Yield kind, column and other side of each comparison of a time that must hold."""
    if node is None:
        return
    kind: str = node["type"]
    if kind == "CONJUNCTION_AND":
        for child in node["children"]:
            yield from _comparisons(child)
    elif kind == "COMPARE_BETWEEN" and (column := _time_column(node["input"])):
        yield "COMPARE_GREATERTHANOREQUALTO", column, node["lower"]
        yield "COMPARE_LESSTHANOREQUALTO", column, node["upper"]
    elif node["class"] == "COMPARISON":
        if column := _time_column(node["left"]):
            yield kind, column, node["right"]
        elif column := _time_column(node["right"]):
            yield _MIRRORED.get(kind, kind), column, node["left"]


def _time_column(node: Node) -> str:
    name: str = node["column_names"][-1].lower() if node["class"] == "COLUMN_REF" else ""
    return name if name in _AS_US else ""


def _value_us(cursor: duckdb.DuckDBPyConnection, column: str, node: Node, params: Params) -> int | None:
    try:
        if node["class"] == "PARAMETER":
            given = _parameter(node["identifier"], params)
            row = cursor.execute(f"SELECT {_AS_US[column].format('?')}", [given]).fetchone()
        elif _is_steady(node):
            text = cursor.execute("SELECT json_deserialize_sql(?)", [_selecting(cursor, node)]).fetchone()
            row = (
                cursor.execute(f"SELECT {_AS_US[column].format('x')} FROM ({text[0]}) AS t(x)").fetchone()
                if text
                else None
            )
        else:
            return None
    except (duckdb.Error, LookupError, ValueError):
        return None  # the statement itself will say what is wrong with it
    return int(row[0]) if row and row[0] is not None else None


def _parameter(identifier: str, params: Params) -> Any:
    if isinstance(params, Mapping):
        return params[identifier]
    return (params or [])[int(identifier) - 1]


def _is_steady(node: Node) -> bool:
    """Return whether an expression is made of constants and the present time only."""
    if node["class"] == "CONSTANT":
        return True
    if node["class"] == "CAST":
        return _is_steady(node["child"])
    return node["class"] == "FUNCTION" and node["function_name"] in _STEADY and all(map(_is_steady, node["children"]))


def _selecting(cursor: duckdb.DuckDBPyConnection, node: Node) -> str:
    row = cursor.execute("SELECT json_serialize_sql('SELECT 1')").fetchone()
    statement = json.loads(row[0] if row else "{}")
    statement["statements"][0]["node"]["select_list"] = [node]
    return json.dumps(statement)
