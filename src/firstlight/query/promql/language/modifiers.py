"""``offset`` and ``@``: moments other than that of evaluation."""

from dataclasses import replace

from firstlight.query.promql.language.lexer import syntax_error
from firstlight.query.promql.language.syntax import At, Expr, MatrixSelector, Place, Subquery, VectorSelector

_ALLOWED = (
    "modifier must be preceded by an instant vector selector or range vector selector or a subquery, but follows a"
    " different expression"
)


def with_offset(expr: Expr, offset_ns: int, text: str, end: int) -> Expr:
    """Return ``expr`` with an offset.

    Raises:
        QuerySyntaxError: it has one already, or can have none.
    """
    inner = _selector(expr, text, "offset ")
    if inner.offset_ns:
        raise syntax_error(text, expr.place.start, "offset may not be set multiple times")
    return _with(expr, replace(inner, offset_ns=offset_ns), end)


def with_at(expr: Expr, at: At, text: str, end: int) -> Expr:
    """Return ``expr`` at a fixed time.

    Raises:
        QuerySyntaxError: it has one already, or can have none.
    """
    inner = _selector(expr, text, "@ ")
    if inner.at is not None:
        raise syntax_error(text, expr.place.start, "@ <timestamp> may not be set multiple times")
    return _with(expr, replace(inner, at=at), end)


def _selector(expr: Expr, text: str, what: str) -> VectorSelector | Subquery:
    if isinstance(expr, MatrixSelector):
        return expr.vector
    if not isinstance(expr, VectorSelector | Subquery):
        raise syntax_error(text, expr.place.start, what + _ALLOWED)
    return expr


def _with(expr: Expr, inner: VectorSelector | Subquery, end: int) -> Expr:
    place = Place(expr.place.start, end)
    if isinstance(expr, MatrixSelector) and isinstance(inner, VectorSelector):
        return replace(expr, vector=inner, place=place)
    return replace(inner, place=place)
