"""Whether the parts of an expression fit each other, in the words of Prometheus."""

from dataclasses import replace

from firstlight.errors import QuerySyntaxError
from firstlight.query.promql.language.lexer import syntax_error
from firstlight.query.promql.language.selectors import meets
from firstlight.query.promql.language.signatures import SIGNATURES
from firstlight.query.promql.language.syntax import (
    COMPARISONS,
    KIND_NAMES,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Expr,
    Kind,
    Matching,
    MatrixSelector,
    Number,
    Paren,
    String,
    Subquery,
    Unary,
    VectorSelector,
    kind_of,
)


def checked(expr: Expr, text: str) -> Expr:
    """Return ``expr`` with every vector operator's matching filled in.

    Raises:
        QuerySyntaxError: an argument or operand is of the wrong kind.
    """
    match expr:
        case Paren():
            return replace(expr, expr=checked(expr.expr, text))
        case Unary():
            return _unary(replace(expr, expr=checked(expr.expr, text)), text)
        case Subquery():
            return _subquery(replace(expr, expr=checked(expr.expr, text)), text)
        case Binary():
            return _binary(replace(expr, left=checked(expr.left, text), right=checked(expr.right, text)), text)
        case Aggregate():
            return _aggregate(expr, text)
        case Call():
            return _call(replace(expr, args=tuple(_argument(expr, arg, text) for arg in expr.args)), text)
        case VectorSelector() | MatrixSelector():
            return _selector(expr, text)
        case Number() | String():
            return expr


def _argument(call: Call, arg: Expr, text: str) -> Expr:
    # The second argument of info chooses labels, not series, so it may meet anything.
    is_free = call.name == "info" and isinstance(arg, VectorSelector) and arg is not call.args[0]
    return arg if is_free else checked(arg, text)


def _selector(expr: VectorSelector | MatrixSelector, text: str) -> Expr:
    vector = expr.vector if isinstance(expr, MatrixSelector) else expr
    if all(meets(matcher, "") for matcher in vector.matchers):
        raise _problem(expr, text, "vector selector must contain at least one non-empty matcher")
    return expr


def _problem(expr: Expr, text: str, problem: str) -> QuerySyntaxError:
    return syntax_error(text, expr.place.start, problem)


def _expect(expr: Expr, kind: Kind, where: str, text: str) -> None:
    if kind_of(expr) != kind:
        problem = f"expected type {KIND_NAMES[kind]} in {where}, got {KIND_NAMES[kind_of(expr)]}"
        raise _problem(expr, text, problem)


def _unary(expr: Unary, text: str) -> Unary:
    kind = kind_of(expr.expr)
    if kind not in {"scalar", "vector"}:
        allowed = "unary expression only allowed on expressions of type scalar or instant vector"
        raise _problem(expr, text, f'{allowed}, got "{KIND_NAMES[kind]}"')
    return expr


def _subquery(expr: Subquery, text: str) -> Subquery:
    kind = kind_of(expr.expr)
    if kind != "vector":
        problem = f"subquery is only allowed on instant vector, got {kind} instead"
        raise _problem(expr, text, problem)
    return expr


def _binary(expr: Binary, text: str) -> Binary:
    kinds = kind_of(expr.left), kind_of(expr.right)
    if any(kind not in {"scalar", "vector"} for kind in kinds):
        wrong = expr.left if kinds[0] not in {"scalar", "vector"} else expr.right
        raise _problem(wrong, text, "binary expression must contain only scalar and instant vector types")
    if kinds != ("vector", "vector"):
        return _with_scalar(expr, kinds, text)
    matching = expr.matching or Matching()
    if expr.op in SET_OPERATORS:
        return replace(expr, matching=replace(matching, card="many-to-many"))
    twice = set(matching.include) & set(matching.labels) if matching.is_on else set()
    if twice:
        problem = f'label "{min(twice)}" must not occur in ON and GROUP clause at once'
        raise syntax_error(text, expr.op_start, problem)
    return replace(expr, matching=matching)


def _with_scalar(expr: Binary, kinds: tuple[Kind, Kind], text: str) -> Binary:
    if expr.matching is not None:
        raise _problem(expr, text, "vector matching only allowed between instant vectors")
    if expr.op in SET_OPERATORS:
        raise _problem(expr, text, f'set operator "{expr.op}" not allowed in binary scalar expression')
    if expr.op in COMPARISONS and kinds == ("scalar", "scalar") and not expr.is_bool:
        raise syntax_error(text, expr.op_start, "comparisons between scalars must use BOOL modifier")
    return expr


def _aggregate(expr: Aggregate, text: str) -> Aggregate:
    inner = checked(expr.expr, text)
    _expect(inner, "vector", "aggregation expression", text)
    if expr.param is None:
        return replace(expr, expr=inner)
    param = checked(expr.param, text)
    _expect(param, "string" if expr.op == "count_values" else "scalar", "aggregation parameter", text)
    return replace(expr, expr=inner, param=param)


def _call(expr: Call, text: str) -> Call:
    signature = SIGNATURES[expr.name]
    count = len(expr.args)
    if signature.optional == 0 and count != len(signature.args):
        problem = f'expected {len(signature.args)} argument(s) in call to "{expr.name}", got {count}'
        raise _problem(expr, text, problem)
    if count < signature.least:
        problem = f'expected at least {signature.least} argument(s) in call to "{expr.name}", got {count}'
        raise _problem(expr, text, problem)
    if signature.most is not None and count > signature.most:
        problem = f'expected at most {signature.most} argument(s) in call to "{expr.name}", got {count}'
        raise _problem(expr, text, problem)
    if expr.name == "info" and count > 1 and not isinstance(expr.args[1], VectorSelector):
        raise _problem(expr.args[1], text, "expected label selectors only")
    for position, arg in enumerate(expr.args):
        _expect(arg, signature.kind(position), f'call to function "{expr.name}"', text)
    return expr
