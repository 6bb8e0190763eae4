"""A tree as PromQL text again, laid out as Prometheus' ``format_query`` does."""

import re

from firstlight.model import Matcher
from firstlight.query.promql.language.durations import NS_PER_S, duration_text
from firstlight.query.promql.language.numbers import number_text
from firstlight.query.promql.language.quoting import quoted
from firstlight.query.promql.language.selectors import NAME
from firstlight.query.promql.language.syntax import (
    Aggregate,
    At,
    Binary,
    Call,
    Expr,
    Matching,
    MatrixSelector,
    Number,
    Paren,
    String,
    Subquery,
    Unary,
    VectorSelector,
)

_MOST_LETTERS = 100
_LABEL = re.compile(r"[a-zA-Z_]\w*", re.ASCII)


def text_of(expr: Expr) -> str:
    """Return ``expr`` in one line."""
    match expr:
        case Number() | String():
            return _literal(expr)
        case Paren():
            return f"({text_of(expr.expr)})"
        case Unary():
            return f"{expr.op}{text_of(expr.expr)}"
        case Binary():
            return f"{text_of(expr.left)} {_operator(expr)} {text_of(expr.right)}"
        case Call():
            return f"{expr.name}({', '.join(text_of(arg) for arg in expr.args)})"
        case Aggregate():
            args = [arg for arg in (expr.param, expr.expr) if arg is not None]
            return f"{_aggregation(expr)}({', '.join(text_of(arg) for arg in args)})"
        case Subquery():
            return text_of(expr.expr) + _subquery_window(expr)
        case MatrixSelector() | VectorSelector():
            return _selector(expr)


def pretty(expr: Expr, level: int = 0) -> str:
    """Return ``expr`` in lines of at most about 100 letters."""
    indent = "  " * level
    line = text_of(expr)
    if len(line) <= _MOST_LETTERS:
        return indent + line
    match expr:
        case Paren():
            return f"{indent}(\n{pretty(expr.expr, level + 1)}\n{indent})"
        case Unary():
            return f"{indent}{expr.op}{pretty(expr.expr, level).strip()}"
        case Binary():
            sides = pretty(expr.left, level + 1), pretty(expr.right, level + 1)
            return f"{sides[0]}\n{indent}{_operator(expr)}\n{sides[1]}"
        case Call():
            return f"{indent}{expr.name}({_lines(expr.args, level)}{indent})"
        case Aggregate():
            args = tuple(arg for arg in (expr.param, expr.expr) if arg is not None)
            return f"{indent}{_aggregation(expr)}({_lines(args, level)}{indent})"
        case Subquery():
            return pretty(expr.expr, level) + _subquery_window(expr)
        case _:
            return indent + line


def _selector(expr: MatrixSelector | VectorSelector) -> str:
    vector = expr.vector if isinstance(expr, MatrixSelector) else expr
    window = f"[{duration_text(expr.range_ns)}]" if isinstance(expr, MatrixSelector) else ""
    return f"{_series(vector)}{window}{_moved(vector.at, vector.offset_ns)}"


def _lines(args: tuple[Expr, ...], level: int) -> str:
    return "\n" + ",\n".join(pretty(arg, level + 1) for arg in args) + "\n"


def _literal(expr: Number | String) -> str:
    if isinstance(expr, String):
        return quoted(expr.value)
    if expr.is_duration:
        return duration_text(round(expr.value * NS_PER_S))
    return number_text(expr.value)


def _operator(expr: Binary) -> str:
    return f"{expr.op}{' bool' if expr.is_bool else ''}{_matching(expr.matching)}"


def _matching(how: Matching | None) -> str:
    if how is None:
        return ""
    side = {"many-to-one": "left", "one-to-many": "right"}.get(how.card)
    if not (how.labels or how.is_on or side):
        return ""
    found = f" {'on' if how.is_on else 'ignoring'} ({_labels(how.labels)})"
    return f"{found} group_{side} ({_labels(how.include)})" if side else found


def _aggregation(expr: Aggregate) -> str:
    if expr.is_without:
        return f"{expr.op} without ({_labels(expr.grouping)}) "
    return f"{expr.op} by ({_labels(expr.grouping)}) " if expr.grouping else expr.op


def _labels(names: tuple[str, ...]) -> str:
    return ", ".join(_label(name) for name in names)


def _label(name: str) -> str:
    return name if _LABEL.fullmatch(name) else quoted(name)


def _subquery_window(expr: Subquery) -> str:
    step = duration_text(expr.step_ns) if expr.step_ns else ""
    return f"[{duration_text(expr.range_ns)}:{step}]{_moved(expr.at, expr.offset_ns)}"


def _moved(at: At, offset_ns: int) -> str:
    found = ""
    if isinstance(at, str):
        found = f" @ {at}()"
    elif at is not None:
        found = f" @ {at / NS_PER_S:.3f}"
    return f"{found} offset {duration_text(offset_ns)}" if offset_ns else found


def _series(selector: VectorSelector) -> str:
    name = selector.name
    others = list(selector.matchers)
    if name:
        others.remove(Matcher(NAME, "=", name))
    inner = sorted(_matcher(matcher) for matcher in others)
    return name + (f"{{{','.join(inner)}}}" if inner else "")


def _matcher(matcher: Matcher) -> str:
    return f"{_label(matcher.label)}{matcher.op}{quoted(matcher.value)}"
