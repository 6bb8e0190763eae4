"""A tree as the JSON of Prometheus' ``/api/v1/parse_query``, which its query builders read."""

from typing import Any

from firstlight.query.promql.language.durations import NS_PER_MS
from firstlight.query.promql.language.numbers import number_text
from firstlight.query.promql.language.signatures import SIGNATURES
from firstlight.query.promql.language.syntax import (
    Aggregate,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Number,
    Paren,
    String,
    Subquery,
    Unary,
    VectorSelector,
)


def tree_of(expr: Expr) -> dict[str, Any]:
    """Return ``expr`` as nested objects; durations and times are milliseconds."""
    match expr:
        case Number():
            return {"type": "numberLiteral", "val": number_text(expr.value)}
        case String():
            text = expr.value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            return {"type": "stringLiteral", "val": text}
        case Paren():
            return {"type": "parenExpr", "expr": tree_of(expr.expr)}
        case Unary():
            return {"type": "unaryExpr", "op": expr.op, "expr": tree_of(expr.expr)}
        case Binary():
            return _binary(expr)
        case Call():
            return _call(expr)
        case Aggregate():
            return _aggregate(expr)
        case Subquery():
            own = {"expr": tree_of(expr.expr), "range": expr.range_ns // NS_PER_MS, "step": expr.step_ns // NS_PER_MS}
            return {"type": "subquery", **own, **_moved(expr)}
        case MatrixSelector() | VectorSelector():
            return _selector(expr)


def _binary(expr: Binary) -> dict[str, Any]:
    how = expr.matching
    matching = None
    if how is not None:
        labels, include = list(how.labels), list(how.include)
        matching = {"card": how.card, "labels": labels, "on": how.is_on, "include": include}
    sides = {"lhs": tree_of(expr.left), "rhs": tree_of(expr.right)}
    return {"type": "binaryExpr", "op": expr.op, **sides, "matching": matching, "bool": expr.is_bool}


def _call(expr: Call) -> dict[str, Any]:
    signature = SIGNATURES[expr.name]
    function = {
        "name": expr.name,
        "argTypes": list(signature.args),
        "variadic": signature.optional,
        "returnType": signature.returns,
    }
    return {"type": "call", "func": function, "args": [tree_of(arg) for arg in expr.args]}


def _aggregate(expr: Aggregate) -> dict[str, Any]:
    param = None if expr.param is None else tree_of(expr.param)
    grouping = {"grouping": list(expr.grouping), "without": expr.is_without}
    return {"type": "aggregation", "op": expr.op, "expr": tree_of(expr.expr), "param": param, **grouping}


def _selector(expr: MatrixSelector | VectorSelector) -> dict[str, Any]:
    if isinstance(expr, VectorSelector):
        return {"type": "vectorSelector", **_series(expr)}
    return {"type": "matrixSelector", "range": expr.range_ns // NS_PER_MS, **_series(expr.vector)}


def _series(selector: VectorSelector) -> dict[str, Any]:
    matchers = [{"name": one.label, "type": one.op, "value": one.value} for one in selector.matchers]
    return {"name": selector.name, "matchers": matchers, **_moved(selector)}


def _moved(expr: VectorSelector | Subquery) -> dict[str, Any]:
    timestamp = expr.at // NS_PER_MS if isinstance(expr.at, int) else None
    edge = expr.at if isinstance(expr.at, str) else None
    return {"offset": expr.offset_ns // NS_PER_MS, "timestamp": timestamp, "startOrEnd": edge}
